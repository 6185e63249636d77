using TransformerTorch.Models;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Generation;

/// <summary>
/// Continues sequences of ids, or writes what answers them where the model has an encoder: the prompt once, then a token at a time from
/// the cache. Not for concurrent use of one model in training mode: generation puts the model into evaluation mode and back.
/// </summary>
public sealed class TokenGenerator
{
    private readonly LanguageModel _model;

    /// <summary>Makes recordings of steps; null: CUDA graphs where the device has them.</summary>
    internal Func<IRecording>? Record { get; init; }

    /// <summary>A generator over a model.</summary>
    /// <exception cref="ArgumentException">The model fills in or embeds texts but does not continue them.</exception>
    public TokenGenerator(LanguageModel model) => _model = Generating(model);

    /// <summary>The model, where it is one that continues texts.</summary>
    /// <exception cref="ArgumentException">It fills in or embeds texts but does not continue them.</exception>
    internal static T Generating<T>(T model) where T : LanguageModel
    {
        if (model is not (CausalLanguageModel or SequenceToSequenceModel))
            throw new ArgumentException($"a {model.GetType().Name} does not generate texts");
        if (!model.Config.IsCausal)
            throw new ArgumentException($"this {model.Config.ModelType} sees what follows, to embed texts: it does not generate them");
        return model;
    }

    /// <summary>Continues one prompt, yielding ids as they come, an end token included. Cancellation takes effect between tokens.</summary>
    /// <exception cref="ArgumentException">The prompt is empty, holds ids outside the vocabulary, or fills the model's context.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public IEnumerable<int> Stream(IReadOnlyList<int> prompt, GenerationOptions options, CancellationToken cancellation = default)
    {
        var plan = GenerationPlan.For(_model, Batch([prompt]), options with { Returned = 1 });
        return options.Beams > 1 ? BeamSearch.Run(_model, plan, cancellation)[0] : Steps(plan, cancellation).Select(ids => ids[0]);
    }

    /// <summary>
    /// Continues several prompts together; each result holds the new ids only and ends with its end token where it met one. Where several
    /// are to be returned, a prompt's results follow each other, the best beam first.
    /// </summary>
    /// <exception cref="ArgumentException">A prompt is empty, holds ids outside the vocabulary, or fills the model's context.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public int[][] Generate(IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions options, CancellationToken cancellation = default)
        => Generate(Batch(prompts), options, cancellation);

    /// <inheritdoc cref="Generate(IReadOnlyList{IReadOnlyList{int}}, GenerationOptions, CancellationToken)"/>
    internal int[][] Generate(PromptBatch prompts, GenerationOptions options, CancellationToken cancellation = default)
    {
        var plan = GenerationPlan.For(_model, prompts, options);
        if (options.Beams > 1) return BeamSearch.Run(_model, plan, cancellation);
        var results = Array.ConvertAll(plan.Texts(), _ => new List<int>());
        foreach (var ids in Steps(plan, cancellation))
        {
            for (var row = 0; row < ids.Length; row++)
                if (results[row] is not [.., var last] || !plan.EndTokens.Contains(last)) results[row].Add(ids[row]);
        }
        return [.. results.Select(r => r.ToArray())];
    }

    private PromptBatch Batch(IReadOnlyList<IReadOnlyList<int>> prompts)
        => _model.Config.Encoder is null ? PromptBatch.ToContinue(prompts) : PromptBatch.ToRead(prompts);

    private IEnumerable<int[]> Steps(GenerationPlan plan, CancellationToken cancellation)
    {
        var (texts, rules, options) = (plan.Texts(), new ScoreRules(plan), plan.Options);
        var ends = new bool[texts.Length];
        using var random = options.Seed is { } seed ? new Generator((ulong)seed, _model.Backbone.TokenWeight.device) : null;
        using var session = new DecodingSession(_model, plan, Record);
        // No scope stays open while the caller has the word: scopes belong to threads and nest.
        for (var step = 0; step < plan.NewTokens && !ends.All(e => e); step++)
        {
            cancellation.ThrowIfCancellationRequested();
            var ids = session.Next(logits => Sampler.Next(rules.Apply(logits, texts, step), options, random));
            for (var row = 0; row < ids.Length; row++)
            {
                texts[row].Add(ids[row]);
                ends[row] |= plan.EndTokens.Contains(ids[row]);
            }
            yield return ids;
        }
    }
}
