using TransformerTorch.Layers;
using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Generation;

/// <summary>
/// Continues sequences of ids: the prompt once, then a token at a time from the cache. Not for concurrent use of one model in training
/// mode: generation puts the model into evaluation mode and back.
/// </summary>
public sealed class TokenGenerator(CausalLanguageModel model)
{
    /// <summary>Continues one prompt, yielding ids as they come, an end token included. Cancellation takes effect between tokens.</summary>
    /// <exception cref="ArgumentException">The prompt is empty, holds ids outside the vocabulary, or fills the model's context.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public IEnumerable<int> Stream(IReadOnlyList<int> prompt, GenerationOptions options, CancellationToken cancellation = default)
        => options.Beams > 1 ? BeamSearch.Run(model, prompt, Resolved(options, [prompt]), cancellation)
            : Steps([prompt], Resolved(options, [prompt]), cancellation).Select(ids => ids[0]);

    /// <summary>
    /// Continues several prompts together; each result holds the new ids only and ends with its end token where it met one.
    /// </summary>
    /// <exception cref="ArgumentException">A prompt is empty, holds ids outside the vocabulary, or fills the model's context.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public int[][] Generate(IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions options, CancellationToken cancellation = default)
    {
        if (options.Beams > 1) return [.. prompts.Select(p => Stream(p, options, cancellation).ToArray())];
        var (results, ends) = (prompts.Select(_ => new List<int>()).ToArray(), new bool[prompts.Count]);
        var resolved = Resolved(options, prompts);
        foreach (var ids in Steps(prompts, resolved, cancellation))
        {
            for (var row = 0; row < ids.Length; row++)
            {
                if (!ends[row]) results[row].Add(ids[row]);
                ends[row] |= resolved.EndTokens!.Contains(ids[row]);
            }
        }
        return [.. results.Select(r => r.ToArray())];
    }

    private IEnumerable<int[]> Steps(IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions options, CancellationToken cancellation)
    {
        var histories = prompts.Select(p => p.ToList()).ToArray();
        var ends = new bool[prompts.Count];
        using var random = options.Seed is { } seed ? new Generator((ulong)seed, model.HeadWeight.device) : null;
        using var session = new DecodingSession(model, prompts, options.MaxNewTokens);
        // No scope stays open while the caller has the word: scopes belong to threads and nest.
        for (var step = 0; step < options.MaxNewTokens && !ends.All(e => e); step++)
        {
            cancellation.ThrowIfCancellationRequested();
            var ids = session.Next(logits => Sampler.Next(logits, histories, options, random));
            for (var row = 0; row < ids.Length; row++)
            {
                histories[row].Add(ids[row]);
                ends[row] |= options.EndTokens!.Contains(ids[row]);
            }
            yield return ids;
        }
    }

    private GenerationOptions Resolved(GenerationOptions options, IReadOnlyList<IReadOnlyList<int>> prompts)
    {
        var (context, vocabulary) = (model.Config.ContextLength, model.Config.VocabularySize);
        foreach (var prompt in prompts)
        {
            if (prompt.Count == 0)
                throw new ArgumentException("a prompt is empty: begin with a token, such as the model's beginning of text");
            if (prompt.Count >= context)
                throw new ArgumentException($"a prompt of {prompt.Count} tokens leaves no room in the model's context of {context}");
            foreach (var id in prompt)
                if (id < 0 || id >= vocabulary) throw new ArgumentException($"token {id} is outside the vocabulary of {vocabulary}");
        }
        var room = context - prompts.Max(p => p.Count);
        return options.Validated() with
        {
            MaxNewTokens = Math.Min(options.MaxNewTokens, room), EndTokens = options.EndTokens ?? model.Config.EndTokens,
        };
    }
}
