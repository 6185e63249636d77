using System.Text.Json.Nodes;
using TransformerTorch.EndToEnd.Support;

namespace TransformerTorch.EndToEnd;

/// <summary><c>tt chat</c> from outside.</summary>
public sealed class ChatTests
{
    [SkippableFact]
    public void Interrupting_an_answer_stops_it_and_the_chat_goes_on()
    {
        Skip.If(OperatingSystem.IsWindows(), "POSIX signals");
        using var tt = TinyTraining.Folder();
        tt.Write("run.yaml", TinyTraining.Yaml.Replace("model_type: gpt2, n_layer: 2, n_head: 2, n_embd: 16, n_positions: 32",
            "model_type: llama, num_hidden_layers: 2, num_attention_heads: 2, hidden_size: 16, intermediate_size: 32, " +
            "max_position_embeddings: 100000", StringComparison.Ordinal));
        tt.Run("train", "run.yaml", "--set", "max_steps=1").Succeeded();

        // With letters alone to choose from nothing ends an answer or its line: left alone, it takes half a minute and more.
        var vocabulary = JsonNode.Parse(File.ReadAllText(tt.At("run/model/tokenizer.json")))!["model"]!["vocab"]!.AsObject();
        var others = vocabulary.Where(token => !token.Key.All(char.IsAsciiLetter)).Select(token => (int)token.Value!);
        tt.Write("run/model/generation_config.json", new JsonObject
        {
            ["suppress_tokens"] = new JsonArray([.. others.Select(id => (JsonNode)id)]),
        }.ToJsonString());
        string[] endless = ["chat", "--model", "run/model", "--temperature", "0", "--max-new-tokens", "60000"];
        using var chat = tt.Start(endless, input: "Line 1\nLine 2\n");
        for (var answer = 1; answer <= 2; answer++)
        {
            chat.WaitForOutput(text => text.Split('\n') is var lines && lines.Length >= answer && lines[answer - 1].Length > 20);
            chat.Signal(2);
        }
        var ended = chat.Ended().Succeeded();

        Assert.Equal(2, ended.Output.TrimEnd('\n').Split('\n').Length);
    }
}
