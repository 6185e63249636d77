using TransformerTorch.Configuration;

namespace TransformerTorch.Tests.Configuration;

public sealed class YamlErrorTests
{
    private static string Errors(string yaml, params string[] overrides) =>
        Assert.Throws<ConfigException>(() => Yaml.Parse<SampleConfig>(yaml, "run.yaml", overrides)).Message;

    [Theory]
    [InlineData("epoch: 1", "run.yaml:2:1: unknown key `epoch`: did you mean `epochs`?")]
    [InlineData("schedule:\n  lr: 1", "run.yaml:3:3: unknown key `schedule.lr`: did you mean `learning_rate`?")]
    [InlineData("schedule: {warmpu_steps: 1}", "run.yaml:2:12: unknown key `schedule.warmpu_steps`: did you mean `warmup_steps`?")]
    [InlineData("learning_rate: 1", "run.yaml:2:1: unknown key `learning_rate`: did you mean `schedule.learning_rate`?")]
    [InlineData("schedule: {zebra: 1}", "run.yaml:2:12: unknown key `schedule.zebra`: `schedule` has `warmup_steps`, `learning_rate`")]
    [InlineData("data: {path: x}", "run.yaml:2:8: unknown key `data.path` where `source` is `dotnet-docs`: it belongs to `source: text`")]
    public void Unknown_yaml_key_is_named_in_the_error(string yaml, string expected) =>
        Assert.Equal(expected, Errors("output_dir: a\n" + yaml));

    [Theory]
    [InlineData("epochs: five", "2:9: epochs: expected a whole number, found `five`")]
    [InlineData("epochs: \"5\"", "2:9: epochs: expected a whole number, found the text \"5\"; remove the quotes")]
    [InlineData("epochs: 1.5", "2:9: epochs: expected a whole number, found `1.5`")]
    [InlineData("epochs: 1e3", "2:9: epochs: expected a whole number, found `1e3`; write `1000`")]
    [InlineData("epochs: 010",
        "2:9: epochs: expected a whole number, found `010`; a leading zero means octal to some readers: write `10`, or `0o10` for octal")]
    [InlineData("epochs: 1_000", "2:9: epochs: expected a whole number, found `1_000`; write `1000`")]
    [InlineData("epochs: 99999999999", "2:9: epochs: 99999999999 is out of range: a whole number from -2147483648 to 2147483647 fits here")]
    [InlineData("epochs: [1]", "2:9: epochs: expected a whole number, found a list")]
    [InlineData("epochs:", "2:8: epochs: expected a whole number, found nothing; give a value or remove the key")]
    [InlineData("dropout: nan", "2:10: dropout: expected a number, found `nan`")]
    [InlineData("dropout: .nan", "2:10: dropout: expected a number, found `.nan`, which is none")]
    [InlineData("dropout: 1e999", "2:10: dropout: expected a number, found `1e999`, which is none")]
    [InlineData("dropout: 0.1f", "2:10: dropout: expected a number, found `0.1f`")]
    [InlineData("dropout: 0,1", "2:10: dropout: expected a number, found `0,1`")]
    [InlineData("shuffle: yes", "2:10: shuffle: expected true or false, found `yes`; write `true`")]
    [InlineData("shuffle: off", "2:10: shuffle: expected true or false, found `off`; write `false`")]
    [InlineData("shuffle: 'true'", "2:10: shuffle: expected true or false, found the text \"true\"; remove the quotes")]
    [InlineData("note: 5", "2:7: note: expected text, found `5`; for text, put it in quotes: \"5\"")]
    [InlineData("note: true", "2:7: note: expected text, found `true`; for text, put it in quotes: \"true\"")]
    [InlineData("precision: bf6", "2:12: precision: expected one of `fp32`, `bf16`, `8-bit`, found `bf6`; did you mean `bf16`?")]
    [InlineData("betas: 0.9", "2:8: betas: expected a list, each item a number, found `0.9`")]
    [InlineData("betas: [0.9, x]", "2:14: betas[1]: expected a number, found `x`")]
    [InlineData("weights: {a: x}", "2:14: weights.a: expected a number, found `x`")]
    [InlineData("schedule: 5", "2:11: schedule: expected a section of `key: value` lines, found `5`")]
    [InlineData("schedule:", "2:10: schedule: expected a section of `key: value` lines, found nothing; give a value or remove the key")]
    [InlineData("model: {n: 010}",
        "2:12: model.n: found `010`; a leading zero means octal to some readers: write `10`, or `0o10` for octal")]
    [InlineData("model: [1]", "2:8: model: expected a section of `key: value` lines, found a list")]
    [InlineData("shard: 5", "2:8: shard: `5`: expected a size such as 5GB")]
    public void Wrong_type_names_place_value_and_remedy(string yaml, string expected) =>
        Assert.Equal("run.yaml:" + expected, Errors("output_dir: a\n" + yaml));

    [Theory]
    [InlineData("epochs: 0", "2:9: epochs: 0 is out of range: expected at least 1")]
    [InlineData("dropout: 1", "2:10: dropout: 1 is out of range: expected at least 0 and less than 1")]
    [InlineData("schedule: {learning_rate: .inf}",
        "2:27: schedule.learning_rate: .inf is out of range: expected a finite number, more than 0")]
    [InlineData("betas: [0.5, 1.5]", "2:14: betas[1]: 1.5 is out of range: expected at least 0 and at most 1")]
    [InlineData("schedule: {learning_rate: 0.0}", "2:27: schedule.learning_rate: 0 is out of range: expected more than 0")]
    public void Number_out_of_range_names_the_range(string yaml, string expected) =>
        Assert.Equal("run.yaml:" + expected, Errors("output_dir: a\n" + yaml));

    [Theory]
    [InlineData("epochs: 1", "run.yaml:1:1: missing key `output_dir`: expected text (Where results go)")]
    [InlineData("", "run.yaml:1:1: missing key `output_dir`: expected text (Where results go)")]
    [InlineData("# only a comment", "run.yaml:1:1: missing key `output_dir`: expected text (Where results go)")]
    [InlineData("output_dir: a\ndata:\n  source: text", "run.yaml:3:3: missing key `data.path`: expected text")]
    [InlineData("output_dir: ~", "run.yaml:1:13: output_dir: expected text, found nothing; give a value or remove the key")]
    public void Missing_value_is_named_in_the_error(string yaml, string expected) => Assert.Equal(expected, Errors(yaml));

    [Theory]
    [InlineData("data: {source: txt}", "2:16: data.source: `txt` is none of its values: did you mean `text`?")]
    [InlineData("data: {source: http}", "2:16: data.source: `http` is none of its values: there is `dotnet-docs`, `text`")]
    [InlineData("data: {source: [text]}", "2:16: data.source: expected one of `dotnet-docs`, `text`, found a list")]
    public void Unknown_kind_of_section_names_the_kinds(string yaml, string expected) =>
        Assert.Equal("run.yaml:" + expected, Errors("output_dir: a\n" + yaml));

    [Theory]
    [InlineData("schedule: {warmup_steps: 50}\nmax_steps: 20",
        "2:26: schedule.warmup_steps: 50 steps of warm-up do not fit into max_steps 20")]
    [InlineData("max_steps: 5", "1:1: schedule.warmup_steps: 10 steps of warm-up do not fit into max_steps 5")]
    [InlineData("note: both", "1:13: output_dir: contradicts note")]
    public void Contradiction_names_the_place_of_the_key_to_blame(string yaml, string expected) =>
        Assert.Equal("run.yaml:" + expected, Errors("output_dir: a\n" + yaml));

    [Theory]
    [InlineData("note: a\nnote: b", "3:1: duplicate key `note`: already given in line 2")]
    [InlineData("model:\n  a: {b: 1, b: 2}", "3:13: duplicate key `b`: already given in line 3")]
    [InlineData("base: &b {epochs: 1}\n<<: *b",
        "3:1: merge keys (`<<`) are not part of YAML 1.2; repeat the keys, or use `extends: other.yaml`", 1)]
    [InlineData("epochs: !!int 5", "2:9: the tag `tag:yaml.org,2002:int` is not supported; write the value without it")]
    [InlineData("note: *x", "2:7: not valid YAML: `*x` stands for an anchor that is not complete before this line")]
    [InlineData("model: &x {a: *x}", "2:15: not valid YAML: `*x` stands for an anchor that is not complete before this line")]
    [InlineData("schedule:\n\twarmup_steps: 1", "3:1: a tab indents this line; YAML indents with spaces")]
    [InlineData("? [a]\n: b", "2:3: a key must be a name")]
    public void What_YAML_leaves_loose_is_an_error(string yaml, string expected, int others = 0)
    {
        var errors = Errors("output_dir: a\n" + yaml).Split('\n');

        Assert.Contains("run.yaml:" + expected, errors);
        Assert.Equal(1 + others, errors.Length);
    }

    [Fact]
    public void All_errors_of_a_file_are_reported_at_once()
    {
        var errors = Errors("epoch: 1\ndropout: 2\nshuffle: maybe\nschedule:\n  warmup: 3\nnote: a\nnote: b").Split('\n');

        Assert.Equal(["7:1", "1:1", "2:10", "3:10", "5:3", "1:1"], errors.Select(error => string.Join(':', error.Split(':')[1..3])));
    }

    [Fact]
    public void Second_document_is_an_error() =>
        Assert.Equal("run.yaml:2:1: a second document starts here; a configuration is one", Errors("output_dir: a\n---\noutput_dir: b"));

    [Fact]
    public void File_that_is_no_mapping_is_an_error() =>
        Assert.StartsWith("run.yaml:1:1: expected `key: value` lines, found a list", Errors("- a"));

    [Fact]
    public void Billion_laughs_are_stopped()
    {
        var yaml = "output_dir: a\nmodel:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + string.Concat(Enumerable.Range(1, 9).Select(i =>
            $"  a{i}: &a{i} [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 10))}]\n"));

        Assert.Contains("more than 100000 values, repeated ones counted", Errors(yaml));
    }

    [Fact]
    public void Bottomless_nesting_is_stopped() =>
        Assert.Contains("nested deeper than 64 levels", Errors("model: " + new string('[', 100_000)));
}
