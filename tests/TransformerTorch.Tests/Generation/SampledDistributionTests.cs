using System.Text.Json.Nodes;
using TransformerTorch.Generation;
using TransformerTorch.Tests.Models;
using TransformerTorch.Tests.Support;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Generation;

/// <summary>
/// What is drawn from. Truth: the scores that Transformers' generate() has after all its processors (tests/fixtures/sampling/make.py);
/// for frequency and presence penalties, which it lacks, OpenAI's formula.
/// </summary>
public sealed class SampledDistributionTests
{
    private const double Tolerance = 1e-5;
    private static readonly JsonObject _all =
        JsonNode.Parse(File.ReadAllText(Path.Combine(Fixtures.Root, "sampling", "cases.json")))!.AsObject();

    private static readonly float[][] _pool = [.. _all["pool"]!.AsArray().Select(row => Values<float>(row!))];

    public static TheoryData<string> Cases => [.. _all["cases"]!.AsObject().Select(c => c.Key)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Tokens_and_their_probabilities_are_the_references(string name)
    {
        using var scope = NewDisposeScope();
        using var model = ModelContractTests.Build("gpt2");
        var given = _all["cases"]![name]!;
        var options = Options(given["arguments"]!.AsObject());
        int[][] prompts = Rows(given["prompts"]!), drawn = Rows(given["drawn"]!);
        var rules = new ScoreRules(GenerationPlan.For(model, PromptBatch.ToContinue(prompts), options));

        foreach (var (step, expected) in given["steps"]!.AsArray().Index())
        {
            int[][] texts = [.. prompts.Zip(drawn, (prompt, ids) => (int[])[.. prompt, .. ids[..step]])];
            var scores = stack(Values<int>(expected!["rows"]!).Select(row => tensor(_pool[row])));
            scores = rules.Apply(scores, texts, step);
            for (var row = 0; row < texts.Length; row++)
            {
                var values = scores[row].data<float>().ToArray();
                RowSampler.Leave(values, options);
                var left = tensor(values);
                var chances = left.softmax(-1);
                var ids = left.gt(float.NegativeInfinity).nonzero().squeeze(-1);
                Assert.Equal(Scores(scores[row], tensor(Values<long>(expected["left"]![row]!))), Scores(scores[row], ids));
                Assert.Equal(Values<double>(expected["chances"]![row]!).Order(),
                    chances.index_select(0, ids).data<float>().ToArray().Select(p => (double)p).Order(),
                    (a, b) => Math.Abs(a - b) <= Tolerance);
            }
        }
    }

    private static GenerationOptions Options(JsonObject arguments)
    {
        var options = GenerationOptions.FromJson(arguments) with
        {
            FrequencyPenalty = arguments["frequency_penalty"]?.GetValue<double>() ?? 0,
            PresencePenalty = arguments["presence_penalty"]?.GetValue<double>() ?? 0,
        };
        Assert.Empty(GenerationOptions.Unknown(arguments).Except(["frequency_penalty", "presence_penalty"]));
        return options with { EndTokens = options.EndTokens ?? [2] };
    }

    // Tokens are told apart by their scores: which of several equal ones top_p leaves is up to the sort, and that to the machine.
    private static IEnumerable<float> Scores(Tensor row, Tensor ids) => row.index_select(0, ids).data<float>().ToArray().Order();

    private static int[][] Rows(JsonNode rows) => [.. rows.AsArray().Select(row => Values<int>(row!))];

    private static T[] Values<T>(JsonNode list) => [.. list.AsArray().Select(v => v!.GetValue<T>())];
}
