using System.Text.Json.Nodes;

namespace TransformerTorch.EndToEnd.Support;

/// <summary>A run file and a text that a model of two narrow layers learns in moments.</summary>
internal static class TinyTraining
{
    public const string Yaml = """
        output_dir: run
        device: cpu
        data: {source: text, files: [text.txt], documents: line, sequence_len: 16, val_set_size: 0.1, dataset_prepared_path: cache}
        tokenizer: {train: {vocab_size: 280}}
        model: {model_type: gpt2, n_layer: 2, n_head: 2, n_embd: 16, n_positions: 32}
        max_steps: 12
        per_device_train_batch_size: 2
        learning_rate: 1e-2
        logging_steps: 1
        eval_steps: 6
        save_steps: 4
        sample: {prompts: ["Line 1"], max_new_tokens: 4}
        """;

    public static Tt Folder()
    {
        var tt = new Tt();
        var lines = Enumerable.Range(0, 300).Select(i => $"Line {i} says that {i * 7 % 100} follows {i * 3 % 50}.\n");
        tt.Write("text.txt", string.Concat(lines));
        tt.Write("run.yaml", Yaml);
        return tt;
    }

    /// <summary>The steps of metrics.jsonl that have a key, in its order.</summary>
    public static List<int> Steps(Tt tt, string key) => [.. File.ReadLines(tt.At("run/metrics.jsonl")).Select(line => JsonNode.Parse(line)!)
        .Where(line => line[key] is not null).Select(line => (int)line["step"]!)];
}
