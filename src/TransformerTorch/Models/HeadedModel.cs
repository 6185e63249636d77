using TorchSharp.Utils;

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
}
