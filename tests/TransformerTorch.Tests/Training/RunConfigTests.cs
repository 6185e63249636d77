using TransformerTorch.Configuration;
using TransformerTorch.Data;
using TransformerTorch.Training;
using TransformerTorch.Training.Optimization;

namespace TransformerTorch.Tests.Training;

public sealed class RunConfigTests
{
    private const string Minimal = """
        output_dir: runs/x
        model: {model_type: gpt2, n_layer: 2}
        tokenizer: {train: {vocab_size: 512}}
        data: {source: dotnet_docs, sequence_len: 128}

        """;

    [Fact]
    public void A_run_is_read_from_yaml_and_written_back_equal()
    {
        var config = Yaml.Parse<RunConfig>(Minimal + """
            max_steps: 400
            lr_scheduler_type: cosine
            warmup_steps: 0.05
            bf16: true
            sample: {prompts: ["type System."], max_new_tokens: 20}
            """);

        Assert.Equal(("gpt2", 2), ((string?)config.Model["model_type"], (int?)config.Model["n_layer"]));
        Assert.Equal((400, LrSchedulerType.Cosine, 0.05, true), (config.MaxSteps, config.LrSchedulerType, config.WarmupSteps, config.Bf16));
        Assert.Equal(128, Assert.IsType<DotnetDocsConfig>(config.Data).SequenceLen);
        Assert.Equal(Yaml.Write(config), Yaml.Write(Yaml.Parse<RunConfig>(Yaml.Write(config))));
    }

    [Theory]
    [InlineData("max_steps: 0", "max_steps")]
    [InlineData("max_steps: 10\nwarmup_steps: 20", "warmup_steps")]
    [InlineData("lr_scheduler_type: constant\nmin_lr_rate: 0.1", "min_lr_rate")]
    [InlineData("adam_beta2: 1.0", "adam_beta2")]
    [InlineData("save_steps: 12.5", "save_steps")]
    [InlineData("early_stopping_patience: 2\neval_strategy: no", "early_stopping_patience")]
    [InlineData("predict_with_generate: true", "predict_with_generate")]
    [InlineData("objective: {type: masked_lm}\nsample: {prompts: [a]}", "sample.prompts")]
    [InlineData("logging_steps: 0", "logging_steps")]
    [InlineData("objective: {type: sequence_classification, problem_type: regression, label_smoothing_factor: 0.1}",
        "objective.label_smoothing_factor")]
    [InlineData("objective: {type: sequence_classification, z_loss: 1.0e-4}", "objective.z_loss")]
    [InlineData("objective: {type: question_answering, z_loss: 1.0e-4}", "objective.z_loss")]
    [InlineData("lora: {target_pattern: a, target_modules: [q_proj]}", "lora.target_modules")]
    [InlineData("lora: {target_pattern: a, layers_to_transform: [1]}", "lora.layers_to_transform")]
    [InlineData("objective: {type: replaced_token_detection}\nlora: {r: 4}", "lora")]
    [InlineData("gradient_accumulation_steps: 0", "gradient_accumulation_steps")]
    [InlineData("learning_rate: -1.0e-3", "learning_rate")]
    public void A_contradiction_or_a_value_out_of_range_is_named(string yaml, string key)
    {
        var error = Assert.Throws<ConfigException>(() => Yaml.Parse<RunConfig>(Minimal + yaml));

        Assert.All(error.Errors, e => Assert.Contains(key, e.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void The_best_model_is_told_by_what_is_held_out()
    {
        var yaml = Minimal.Replace("sequence_len: 128", "sequence_len: 128, val_set_size: 0", StringComparison.Ordinal);

        Assert.Empty(Yaml.Parse<RunConfig>(yaml).Validate());
        var error = Assert.Throws<ConfigException>(() => Yaml.Parse<RunConfig>(yaml + "load_best_model_at_end: true"));
        Assert.Contains("data.val_set_size", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("micro_batch_size: 2", "did you mean `per_device_train_batch_size`?")]
    [InlineData("num_epochs: 2", "did you mean `num_train_epochs`?")]
    [InlineData("optimizer: adamw_torch", "did you mean `optim`?")]
    [InlineData("lora_r: 8", "did you mean `lora.r`?")]
    [InlineData("sample_packing: true", "did you mean `data.sample_packing`?")]
    [InlineData("warmup_ratio: 0.1", "did you mean `warmup_steps`?")]
    [InlineData("report_to: wandb", "every run leaves metrics.jsonl")]
    [InlineData("resume_from_checkpoint: x", "--resume CHECKPOINT")]
    [InlineData("zebra: 1", "it is none of the keys that docs/configuration.md explains")]
    public void Keys_of_other_trainers_are_answered_with_ours(string yaml, string expected)
    {
        var error = Assert.Single(Assert.Throws<ConfigException>(() => Yaml.Parse<RunConfig>(Minimal + yaml, "run.yaml")).Errors);

        Assert.Equal((5, 1), (error.Line, error.Column));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tokenizer_is_given_or_trained_not_both_nor_neither()
    {
        foreach (var tokenizer in new[] { "{}", "{path: x, train: {}}" })
        {
            var yaml = Minimal.Replace("{train: {vocab_size: 512}}", tokenizer, StringComparison.Ordinal);
            Assert.Contains("either", Assert.Throws<ConfigException>(() => Yaml.Parse<RunConfig>(yaml)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Every_key_is_described()
    {
        var schema = JsonSchema.Of(typeof(RunConfig)).ToString();

        Assert.Contains("Optimizer steps in all", schema, StringComparison.Ordinal);
    }
}
