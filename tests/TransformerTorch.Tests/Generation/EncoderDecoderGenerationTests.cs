using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints;
using TransformerTorch.Generation;
using TransformerTorch.Models;
using TransformerTorch.Tests.Support;
using TransformerTorch.Verification;

namespace TransformerTorch.Tests.Generation;

/// <summary>Texts written by a decoder beside an encoder; that the ids are the reference's is seen in the golden cases.</summary>
public class EncoderDecoderGenerationTests
{
    private static readonly int[][] s_sources = [[5, 6, 7, 8, 9, 10, 11], [12, 13], [14, 15, 16, 17]];

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_source_gives_the_same_ids_alone_and_beside_others(int beams)
    {
        using var model = ModelFolder.Load<SequenceToSequenceModel>(Fixtures.Model("bart"));
        var generator = new TokenGenerator(model);
        var options = new GenerationOptions { Temperature = 0, Beams = beams, MaxNewTokens = 12, NoRepeatNgramSize = 2 };
        var together = generator.Generate(s_sources, options);
        Assert.Equal(s_sources.Select(s => generator.Stream(s, options).ToArray()), together);
        Assert.All(together, ids => Assert.InRange(ids.Length, 1, 12));
    }

    [Fact]
    public void Generation_leaves_no_tensor_behind()
    {
        using var model = ModelFolder.Load<SequenceToSequenceModel>(Fixtures.Model("t5"));
        var generator = new TokenGenerator(model);
        var options = new GenerationOptions
        {
            Temperature = 0, Beams = 3, Returned = 2, MaxNewTokens = 6, RepetitionPenalty = 1.2, NoRepeatNgramSize = 2,
            BadWords = [[3], [4, 5]], EncoderRepetitionPenalty = 1.1,
            EndDecay = (2, 1.1), SuppressTokens = [9], ForcedEndTokens = [1], MinNewTokens = 3,
        };
        generator.Generate(s_sources, options);     // the first makes constants that the model keeps
        var before = TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Assert.Equal(6, generator.Generate(s_sources, options).Length);
        Assert.Equal(before, TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void A_model_that_fills_in_texts_does_not_generate()
    {
        using var model = ModelFolder.Load<MaskedLanguageModel>(Fixtures.Model("roberta-masked-lm"));
        var error = Assert.Throws<ArgumentException>(() => new TokenGenerator(model));
        Assert.Equal("a MaskedLanguageModel does not generate texts", error.Message);
    }

    [Fact]
    public void An_argument_that_is_not_known_is_told()
    {
        var arguments = JsonNode.Parse("""{"max_new_tokens":3,"guidance_scale":2.0,"top_h":null,"pad_token_id":0}""")!.AsObject();
        Assert.Equal(["guidance_scale"], GenerationOptions.Unknown(arguments));
    }

    [Fact]
    public void A_case_with_an_unknown_argument_fails()
    {
        using var folder = new TemporaryFolder();
        foreach (var file in Directory.GetFiles(Fixtures.Model("t5"))) File.Copy(file, folder[Path.GetFileName(file)]);
        folder.Write("generate.json", """{"greedy":{"max_new_tokens":12,"guidance_scale":2.0}}""");
        using var reference = new ReferenceCase(folder.Root);
        using var model = ModelFolder.Load(folder.Root);
        var finding = Assert.Single(new Verifier(model, reference).Generations());
        Assert.Equal((false, "no such argument here: guidance_scale"), (finding.Ok, finding.Detail));
    }
}
