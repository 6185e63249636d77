using TorchSharp.Utils;
using TransformerTorch.Layers;
using static TorchSharp.torch;
using Linear = TransformerTorch.Layers.Linear;

namespace TransformerTorch.Models;

/// <summary>
/// A backbone with what a task puts on it. Parameters carry our names; <see cref="Names"/> relates them to the published ones. Built with
/// memory but without values: load a checkpoint into it (<c>ModelFolder</c>) or call <see cref="InitializeWeights"/>.
/// </summary>
public abstract class PretrainedModel : nn.Module<ModelInputs, IReadOnlyDictionary<string, Tensor>>
{
    [ComponentName(Name = "backbone")] private readonly Backbone _backbone;

    private protected PretrainedModel(string name, ModelConfig config) : base(name)
        => (Config, _backbone) = (config, Backbone.Create(config));

    /// <summary>What it was built from.</summary>
    public ModelConfig Config { get; }

    /// <summary>The model without the head.</summary>
    public Backbone Backbone => _backbone;

    /// <summary>Published names of its weights.</summary>
    public WeightNames Names => ModelCatalog.Family(Config.ModelType).Names(Config);

    /// <summary>The model that a configuration describes, for its task.</summary>
    public static PretrainedModel Create(ModelConfig config) => config.Task switch
    {
        ModelTask.CausalLanguageModel => new CausalLanguageModel(config),
        ModelTask.MaskedLanguageModel => new MaskedLanguageModel(config),
        ModelTask.SequenceToSequence => new SequenceToSequenceModel(config),
        ModelTask.Pretraining => new PretrainingModel(config),
        ModelTask.ReplacedTokenDetection => new ReplacedTokenDetector(config),
        ModelTask.SequenceClassification or ModelTask.NextSentencePrediction => new SequenceClassifier(config),
        ModelTask.MultipleChoice => new MultipleChoiceModel(config),
        ModelTask.TokenClassification => new TokenClassifier(config),
        ModelTask.QuestionAnswering => new QuestionAnswerer(config),
        _ => new BareModel(config),
    };

    /// <summary>Gives the weights their first values, drawn from torch's default generator.</summary>
    public void InitializeWeights()
    {
        Config.Initialization.Apply(this);
        using var _ = no_grad();
        foreach (var head in modules().OfType<Head>()) head.Reset();
    }

    /// <summary>Whether weights are stored in few bits: it can neither be trained nor saved then.</summary>
    public bool IsQuantized { get; private set; }

    /// <summary>
    /// Stores the weights of linear layers and experts in few bits from now on, for inference alone. Tables of embeddings, norms and
    /// experts' routers stay as they are.
    /// </summary>
    public void Quantize(Quantization to)
    {
        var (heads, experts) = (modules().OfType<Head>().ToList(), modules().OfType<MixtureOfExperts>().ToList());
        foreach (var head in heads) head.Quantize(to);
        foreach (var layer in experts) layer.Quantize(to);
        var done = heads.Concat<nn.Module>(experts).SelectMany(m => m.modules()).ToHashSet();
        foreach (var linear in modules().OfType<Linear>().Where(l => !done.Contains(l))) linear.Quantize(to);
        IsQuantized = true;
    }

    /// <summary>All that it gives, by published name ("logits", "start_logits", "last_hidden_state").</summary>
    public abstract override IReadOnlyDictionary<string, Tensor> forward(ModelInputs inputs);

    /// <summary>The parts of its loss.</summary>
    /// <exception cref="ArgumentException">Labels are missing.</exception>
    public abstract IReadOnlyList<LossTerm> Loss(ModelInputs inputs, ModelLabels labels);

    /// <summary>
    /// The backbone's hidden states. A decoder beside an encoder reads what the encoder reads, moved on by one, unless told what.
    /// </summary>
    private protected Tensor Hidden(ModelInputs inputs)
    {
        if (Config.Encoder is null || Config.Decoder is null || inputs.DecoderIds is not null) return Backbone.Hidden(inputs);
        using var read = DecoderInput.Shifted(Config, inputs.Ids);
        return Backbone.Hidden(inputs with { DecoderIds = read });
    }

    private protected Head NewHead(HeadOptions? options)
        => new(Backbone.Width, options ?? throw new ModelConfigException($"{Config.ModelType} has no head for {Config.Task}"),
            () => Backbone.TokenWeight);

    /// <summary>How many labels count.</summary>
    private protected static Tensor Count(Tensor labels) => labels.ne(-100).sum();
}
