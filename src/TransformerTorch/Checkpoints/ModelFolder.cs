using System.Text.Json;
using System.Text.Json.Nodes;
using TransformerTorch.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints;

/// <summary>
/// A model's folder in the published layout: <c>config.json</c>, <c>model.safetensors</c>, <c>generation_config.json</c>.
/// </summary>
public static class ModelFolder
{
    private const string Config = "config.json", Weights = "model.safetensors", Generation = "generation_config.json";
    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    /// <summary>Loads a model, in evaluation mode.</summary>
    /// <param name="folder">the folder</param>
    /// <param name="device">where to put it; none: the CPU</param>
    /// <exception cref="ModelConfigException">The configuration is unknown or wrong.</exception>
    /// <exception cref="CheckpointException">The weights are damaged or do not fit; nothing is loaded then.</exception>
    public static CausalLanguageModel Load(string folder, Device? device = null)
    {
        if (!File.Exists(Path.Combine(folder, Config))) throw new CheckpointException($"{folder}: no {Config}");
        var model = new CausalLanguageModel(ModelConfig.Read(Path.Combine(folder, Config)));
        try
        {
            using (var source = WeightSource.Open(folder)) WeightLoader.Load(model, model.Names, source, folder);
            model.eval();
            return device is null ? model : model.to(device);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Saves a model in its published layout; each file is written beside the old one and renamed over it, the weights last.
    /// </summary>
    /// <exception cref="IOException">The disk is full or cannot be written.</exception>
    public static void Save(CausalLanguageModel model, string folder)
    {
        Directory.CreateDirectory(folder);
        WriteJson(Path.Combine(folder, Config), model.Config.Published);
        WriteJson(Path.Combine(folder, Generation), GenerationDefaults(model.Config.Published));
        SafeTensorsWriter.Write(Path.Combine(folder, Weights), WeightLoader.Published(model, model.Names));
    }

    private static JsonObject GenerationDefaults(JsonObject published)
    {
        var result = new JsonObject { ["_from_model_config"] = true };
        foreach (var key in (string[])["bos_token_id", "eos_token_id", "pad_token_id"])
            if (published[key] is { } id) result[key] = id.DeepClone();
        return result;
    }

    private static void WriteJson(string path, JsonObject json)
    {
        File.WriteAllText(path + ".tmp", json.ToJsonString(s_indented) + "\n");
        File.Move(path + ".tmp", path, overwrite: true);
    }
}
