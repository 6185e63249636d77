using System.Runtime.CompilerServices;
using TransformerTorch.Configuration;
using TransformerTorch.Training;

namespace TransformerTorch.Tests.Rules;

/// <summary>What is shipped and said about run files is true.</summary>
public sealed class ConfigTests
{
    private static readonly string _root = Root();

    public static TheoryData<string> Shipped => new(RunFiles.Select(file => Path.GetFileName(file)).Order());

    private static string[] RunFiles => Directory.GetFiles(Path.Combine(_root, "configs"), "*.yaml");

    [Theory]
    [MemberData(nameof(Shipped))]
    public void Every_shipped_run_file_is_valid_and_reads_back_as_it_is_written(string name)
    {
        var config = Yaml.Load<RunConfig>(Path.Combine(_root, "configs", name));

        var written = Yaml.Write(config);
        Assert.Equal(written, Yaml.Write(Yaml.Parse<RunConfig>(written)));
    }

    [Fact]
    public void The_run_file_that_the_README_shows_is_valid()
    {
        var shown = Repository.Read("README.md").Split("```yaml")[1].Split("```")[0];

        var config = Yaml.Parse<RunConfig>(shown, "README.md");
        Assert.Equal("runs/reviews", config.OutputDir);
    }

    [Fact]
    public void Every_shared_part_is_extended_by_a_shipped_run_file()
    {
        var extended = RunFiles.SelectMany(File.ReadLines).Where(line => line.StartsWith("extends:", StringComparison.Ordinal))
            .Select(line => Path.GetFullPath(Path.Combine(_root, "configs", line["extends:".Length..].Trim()))).ToHashSet();

        var shared = Directory.GetFiles(Path.Combine(_root, "configs"), "*.yaml", SearchOption.AllDirectories).Except(RunFiles);
        Assert.All(shared, file => Assert.Contains(file, extended));
    }

    [Fact]
    public void Every_key_says_what_it_means()
    {
        var page = ReferencePage.Of(typeof(RunConfig));

        var keys = page.Split('\n').Where(line => line.StartsWith("| `", StringComparison.Ordinal));
        Assert.DoesNotContain(keys, line => line.EndsWith("|  |", StringComparison.Ordinal));
        Assert.Contains("| `learning_rate` | a number", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_of_lists_items_are_listed_once()
    {
        var page = ReferencePage.Of(typeof(RunConfig));

        Assert.Contains("\n## `lr_groups[]`\n", page, StringComparison.Ordinal);
        Assert.Contains("\n## `data.sources[]`\n", page, StringComparison.Ordinal);
        Assert.Contains("| `modules` | a list, each item text | required |", page, StringComparison.Ordinal);
        Assert.DoesNotContain("sources[].data", page, StringComparison.Ordinal);
        Assert.Contains("| `source_prefix` | text | `\"\"` |", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gpu")]
    [InlineData("cuda:")]
    [InlineData("cuda:0:1")]
    public void Device_is_one_of_the_names_that_are_known(string device)
    {
        var yaml = $"output_dir: a\ninit_from: x\ndata: {{source: dotnet_docs}}\ndevice: '{device}'";

        var error = Assert.Throws<ConfigException>(() => Yaml.Parse<RunConfig>(yaml, "run.yaml")).Errors.Single();
        Assert.Equal($"run.yaml:4:9: device: `{device}` is no device: expected `auto`, `cpu`, `cuda` or `cuda:N`", error.ToString());
    }

    [Fact]
    public void Reference_page_is_what_the_code_says() =>
        Assert.True(ReferencePage.Of(typeof(RunConfig)) == File.ReadAllText(Path.Combine(_root, "docs", "configuration.md")),
            "docs/configuration.md is out of date: scripts/tt config reference > docs/configuration.md");

    [Theory]
    [InlineData("n_layers: 3", "run.yaml:5:13: model.n_layers: this model has no such key: did you mean `n_layer`?")]
    [InlineData("n_embd: 250", "run.yaml:4:3: model: n_embd 250 is no multiple of n_head 12")]
    [InlineData("n_layer: many", "run.yaml:5:12: model.n_layer: n_layer is \"many\", expected a whole number")]
    public void Model_section_is_held_to_its_family(string line, string expected)
    {
        var yaml = $"output_dir: a\ntokenizer: {{path: x}}\nmodel:\n  model_type: gpt2\n  {line}\ndata: {{source: dotnet_docs}}";

        var error = Assert.Throws<ConfigException>(() => Yaml.Parse<RunConfig>(yaml, "run.yaml")).Errors.Single();
        Assert.Equal(expected, error.ToString());
    }

    private static string Root([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../.."));
}
