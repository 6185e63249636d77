using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints;
using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Verification;

/// <summary>
/// A model folder with what the reference computed for it: <c>io.safetensors</c> (<c>in.*</c>, <c>out.*</c>, <c>gen.*</c>),
/// <c>grads.json</c> (loss, gradient norms, ten losses of AdamW), <c>generate.json</c> (arguments of each generation).
/// </summary>
public sealed class ReferenceCase : IDisposable
{
    private readonly TensorFile _io;

    /// <summary>Opens a case.</summary>
    /// <exception cref="CheckpointException">There is no io.safetensors, or it is damaged.</exception>
    public ReferenceCase(string folder)
    {
        Folder = folder;
        _io = TensorFile.Open(Path.Combine(folder, "io.safetensors"));
        (Gradients, Generations) = (Json("grads.json"), Json("generate.json"));
    }

    /// <summary>Where it is.</summary>
    public string Folder { get; }

    /// <summary>loss, grad_norms, adamw_losses; null where the case has none.</summary>
    public JsonObject? Gradients { get; }

    /// <summary>The arguments of each generation; null where the case has none.</summary>
    public JsonObject? Generations { get; }

    /// <summary>A tensor of the case, which the caller's scope owns.</summary>
    public Tensor this[string name] => _io.Read(name);

    /// <summary>Whether it has such a tensor.</summary>
    public bool Has(string name) => _io.Tensors.ContainsKey(name);

    /// <summary>What follows a prefix in the names of tensors.</summary>
    public IEnumerable<string> Names(string prefix)
        => _io.Tensors.Keys.Where(n => n.StartsWith(prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal)
            .Select(n => n[prefix.Length..]);

    /// <summary>What the model is to read.</summary>
    /// <param name="device">where to</param>
    public ModelInputs Inputs(Device device) => new()
    {
        Ids = this["in.input_ids"].to(device), Mask = Optional("in.attention_mask", device),
        Segments = Optional("in.token_type_ids", device),
        Positions = Optional("in.position_ids", device), DecoderIds = Optional("in.decoder_input_ids", device),
        DecoderMask = Optional("in.decoder_attention_mask", device),
    };

    /// <summary>What it is to learn.</summary>
    /// <param name="device">where to</param>
    public ModelLabels Labels(Device device) => new()
    {
        Labels = Optional("in.labels", device), NextSentence = Optional("in.next_sentence_label", device),
        Start = Optional("in.start_positions", device), End = Optional("in.end_positions", device),
    };

    /// <inheritdoc/>
    public void Dispose() => _io.Dispose();

    private Tensor? Optional(string name, Device device) => Has(name) ? this[name].to(device) : null;

    private JsonObject? Json(string name)
        => File.Exists(Path.Combine(Folder, name)) ? JsonNode.Parse(File.ReadAllText(Path.Combine(Folder, name))) as JsonObject : null;
}
