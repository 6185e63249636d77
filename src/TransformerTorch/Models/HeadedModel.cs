using TorchSharp.Utils;
using static TorchSharp.torch;

namespace TransformerTorch.Models;

/// <summary>A backbone with the task's one head, and nothing else that is learned.</summary>
public abstract class HeadedModel : PretrainedModel
{
    [ComponentName(Name = "head")] private readonly Head _head;

    private protected HeadedModel(string name, ModelConfig config) : base(name, config)
    {
        _head = NewHead(config.Head);
        RegisterComponents();
    }

    private protected Head Head => _head;

    /// <summary>Scores of whole texts, read off one vector each: (B, outputs).</summary>
    private protected Tensor OfTexts(ModelInputs inputs)
    {
        using var scope = NewDisposeScope();
        var mask = inputs.Mask;
        // The last token is told by its id, as published libraries do, where padding has one.
        if (Config is { Pooling: Pooling.Last, PaddingToken: { } padding }) mask = inputs.Ids.ne(padding);
        var end = Config.EndTokens is [var first, ..] ? first : (int?)null;
        return Head.call(Pooled.Of(Hidden(inputs), Config.Pooling, inputs.Ids, mask, end)).MoveToOuterDisposeScope();
    }
}
