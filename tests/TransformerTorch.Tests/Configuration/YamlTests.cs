using TransformerTorch.Configuration;

namespace TransformerTorch.Tests.Configuration;

public sealed class YamlTests
{
    private const string Full = """
        output_dir: runs/a          # a comment
        epochs: 0x10
        max_steps: 200
        seed: -7
        dropout: 1e-2
        shuffle: false
        precision: 8-bit
        betas: [.5, 1]
        tags:
          - one
          - "2"
        note: 'yes: # [it] is'
        weights: {a: 1, b: 2.5}
        schedule:
          learning_rate: 6.0e-4
        data:
          source: text
          path: corpus.txt
        model:
          model_type: gpt2
          n_layer: 12
          layers: [a, 1, null, true, 1.5]
        shard: 2GB
        """;

    [Fact]
    public void Every_kind_of_key_is_read_as_YAML_1_2_means_it()
    {
        var config = Yaml.Parse<SampleConfig>(Full);

        Assert.Equal("runs/a", config.OutputDir);
        Assert.Equal(16, config.Epochs);
        Assert.Equal(200, config.MaxSteps);
        Assert.Equal(-7, config.Seed);
        Assert.Equal(0.01, config.Dropout);
        Assert.False(config.Shuffle);
        Assert.Equal(SamplePrecision.EightBit, config.Precision);
        Assert.Equal([0.5, 1.0], config.Betas);
        Assert.Equal(["one", "2"], config.Tags);
        Assert.Equal("yes: # [it] is", config.Note);
        Assert.Equal(2.5, config.Weights["b"]);
        Assert.Equal("corpus.txt", Assert.IsType<TextData>(config.Data).Path);
        Assert.Equal("""{"model_type":"gpt2","n_layer":12,"layers":["a",1,null,true,1.5]}""", config.Model!.ToJsonString());
        Assert.Equal(2_000_000_000, config.Shard.Bytes);
    }

    [Fact]
    public void Keys_that_are_not_given_keep_the_value_of_the_record_that_stands_there()
    {
        var config = Yaml.Parse<SampleConfig>("output_dir: a\nschedule: {learning_rate: 0.5}\ndata: {max_tokens: 5}");

        Assert.Equal(3, config.Epochs);
        Assert.Equal(new SampleSchedule { WarmupSteps = 10, LearningRate = 0.5 }, config.Schedule);
        Assert.Equal(new DocumentationData { MaxTokens = 5 }, config.Data);
    }

    [Theory]
    [InlineData(Full)]
    [InlineData("output_dir: a")]
    [InlineData("output_dir: 'null'\n" +
        "tags: ['', '010', 'true', '1.5', '~', '<<', ' a', \"b\\n\\tc\", 'yes', 'a: b', '#', '&x', 'ünï', '1_000', '- a']")]
    [InlineData("output_dir: a\nweights: {a: .inf, b: -.inf}\ndropout: 1.0e-300\nbetas: [0.1, 0.30000000000000004]")]
    public void What_is_written_reads_back_to_an_equal_record(string yaml)
    {
        var config = Yaml.Parse<SampleConfig>(yaml);

        var written = Yaml.Write(config);
        var again = Yaml.Parse<SampleConfig>(written);

        Assert.Equal(written, Yaml.Write(again));
        Assert.Equal(config.Tags, again.Tags);
        Assert.Equal(config.Betas, again.Betas);
        Assert.Equal(config.Data, again.Data);
        Assert.Equal(Plain(config), Plain(again));

        // Lists and open sections compare by reference; they are compared above.
        SampleConfig Plain(SampleConfig value) =>
            value with { Betas = config.Betas, Tags = config.Tags, Weights = config.Weights, Model = null };
    }

    [Fact]
    public void What_is_written_holds_every_key()
    {
        var written = Yaml.Write(new SampleConfig { OutputDir = "a" });

        Assert.Equal(
            """
            output_dir: a
            epochs: 3
            max_steps: null
            seed: 42
            dropout: 0.1
            shuffle: true
            precision: fp32
            betas: [0.9, 0.95]
            tags: []
            note: null
            weights: {}
            schedule:
              warmup_steps: 10
              learning_rate: 0.001
            data:
              source: dotnet-docs
              max_tokens: 1000
            model: null
            shard: 5GB

            """,
            written);
    }

    [Fact]
    public void Anchors_repeat_a_value()
    {
        var config = Yaml.Parse<SampleConfig>("output_dir: &name a\nnote: *name");

        Assert.Equal("a", config.Note);
    }
}
