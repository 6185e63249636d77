using TransformerTorch.Configuration;

namespace TransformerTorch.Tests.Configuration;

public sealed class ConfigFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tt-config-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string File(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        System.IO.File.WriteAllText(path, text);
        return path;
    }

    private string Errors(string path, params string[] overrides) =>
        Assert.Throws<ConfigException>(() => Yaml.Load<SampleConfig>(path, overrides)).Message
            .Replace(_folder + "/", "", StringComparison.Ordinal);

    [Fact]
    public void Extended_file_gives_what_this_file_leaves_out()
    {
        File("shared/base.yaml", "output_dir: base\nepochs: 7\nschedule: {warmup_steps: 3, learning_rate: 0.5}\nbetas: [0.1, 0.2]");
        var path = File("run.yaml", "extends: shared/base.yaml\noutput_dir: run\nschedule: {learning_rate: 0.25}\nbetas: [0.3]");

        var config = Yaml.Load<SampleConfig>(path);

        Assert.Equal(("run", 7), (config.OutputDir, config.Epochs));
        Assert.Equal(new SampleSchedule { WarmupSteps = 3, LearningRate = 0.25 }, config.Schedule);
        Assert.Equal([0.3], config.Betas);
    }

    [Fact]
    public void Later_of_several_extended_files_wins()
    {
        File("a.yaml", "output_dir: a\nepochs: 1\nseed: 1");
        File("b.yaml", "epochs: 2");

        var config = Yaml.Load<SampleConfig>(File("run.yaml", "extends: [a.yaml, b.yaml]"));

        Assert.Equal((2, 1L), (config.Epochs, config.Seed));
    }

    [Fact]
    public void Section_of_another_kind_replaces_the_extended_one()
    {
        File("base.yaml", "output_dir: a\ndata: {source: text, path: x, max_tokens: 9}");

        SampleData Data(string section) => Yaml.Load<SampleConfig>(File("run.yaml", $"extends: base.yaml\ndata: {section}")).Data;
        Assert.Equal(new DocumentationData(), Data("{source: dotnet-docs}"));
        Assert.Equal(new TextData { Path = "x", MaxTokens = 8 }, Data("{max_tokens: 8}"));
    }

    [Fact]
    public void Error_in_an_extended_file_names_that_file()
    {
        File("base.yaml", "output_dir: a\nepochs: x");

        Assert.Equal("base.yaml:2:9: epochs: expected a whole number, found `x`", Errors(File("run.yaml", "extends: base.yaml")));
    }

    [Fact]
    public void Circle_of_extended_files_is_named()
    {
        File("a.yaml", "extends: b.yaml");
        File("b.yaml", "extends: c.yaml");
        File("c.yaml", "extends: a.yaml");

        Assert.Equal("c.yaml:1:10: `extends` goes round in a circle: a.yaml -> b.yaml -> c.yaml -> a.yaml",
            Errors(Path.Combine(_folder, "a.yaml")));
    }

    [Fact]
    public void Missing_files_are_named_with_a_suggestion()
    {
        File("base.yaml", "output_dir: a");

        Assert.Equal("run.yaml:1:10: there is no file bsae.yaml; did you mean base.yaml?", Errors(File("run.yaml", "extends: bsae.yaml")));
        Assert.Equal("run.yml: there is no file run.yml; did you mean run.yaml?", Errors(Path.Combine(_folder, "run.yml")));
    }

    [Fact]
    public void Folder_or_model_file_given_as_configuration_is_refused()
    {
        var weights = File("model.safetensors", new string('x', (1 << 20) + 1));

        Assert.Contains("is a folder; expected a YAML file", Errors(_folder));
        Assert.Contains("has 1048577 bytes; a configuration has at most 1048576", Errors(weights));
    }

    [Fact]
    public void Overrides_are_typed_as_YAML_and_the_last_wins()
    {
        var path = File("run.yaml", "output_dir: a\ndata: {source: text, path: x}");

        var config = Yaml.Load<SampleConfig>(path,
        [
            "epochs=4", "epochs=5", "schedule.learning_rate=1e-4", "betas=[0.1]", "note=a=b", "max_steps=", "data.source=dotnet-docs",
            "weights={a: 1}", "model.n=3",
        ]);

        Assert.Equal((5, 1e-4, "a=b", null), (config.Epochs, config.Schedule.LearningRate, config.Note, config.MaxSteps));
        Assert.Equal([0.1], config.Betas);
        Assert.Equal(new DocumentationData(), config.Data);
        Assert.Equal(3, (int)config.Model!["n"]!);
    }

    [Theory]
    [InlineData("epochs=x", "--set epochs=x: epochs: expected a whole number, found `x`")]
    [InlineData("schedule.lr=1", "--set schedule.lr=1: unknown key `schedule.lr`: did you mean `learning_rate`?")]
    [InlineData("epochs", "--set epochs: expected KEY=VALUE, where KEY is a path such as `training.learning_rate`")]
    [InlineData("=1", "--set =1: expected KEY=VALUE, where KEY is a path such as `training.learning_rate`")]
    [InlineData("betas=[1", "--set betas=[1: not valid YAML: while parsing a flow sequence, did not find expected ',' or ']'")]
    [InlineData("schedule.warmup_steps=500",
        "--set schedule.warmup_steps=500: schedule.warmup_steps: 500 steps of warm-up do not fit into max_steps 100")]
    public void Error_in_an_override_names_the_flag(string text, string expected) =>
        Assert.Equal(expected, Errors(File("run.yaml", "output_dir: a\nmax_steps: 100"), text));
}
