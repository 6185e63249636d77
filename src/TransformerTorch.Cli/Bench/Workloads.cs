namespace TransformerTorch.Cli.Bench;

/// <summary>
/// What can be timed, by name. Models and what they do are those of the peer's benchmark, and a model of the size of Llama 3.2 1B.
/// </summary>
internal static class Workloads
{
    private static readonly Dictionary<string, ModelWorkload> s_models = new()
    {
        ["train-gpt2-10m"] = new(WorkloadKind.Train, "gpt2", 8192, Batch: 8, Length: 256) { Layers = 6, Width = 384, Heads = 6 },
        ["train-gpt2-124m"] = new(WorkloadKind.Train, "gpt2", 50257, Batch: 2, Length: 256),
        ["train-bert-110m"] = new(WorkloadKind.Train, "bert", 30522, Batch: 4, Length: 128),
        ["train-t5-60m"] = new(WorkloadKind.Train, "t5", 32128, Batch: 4, Length: 256) { Layers = 6, Width = 512, Heads = 8, Target = 64 },
        ["embed-bert-110m"] = new(WorkloadKind.Embed, "bert", 30522, Batch: 16, Length: 128),
        ["prefill-gpt2-124m"] = new(WorkloadKind.Prefill, "gpt2", 50257, Batch: 1, Length: 512),
        ["decode-gpt2-124m-b1"] = new(WorkloadKind.Decode, "gpt2", 50257, Batch: 1, Length: 64) { New = 64 },
        ["decode-gpt2-124m-b8"] = new(WorkloadKind.Decode, "gpt2", 50257, Batch: 8, Length: 64) { New = 64 },
        ["decode-llama-1b"] = new(WorkloadKind.Decode, "llama", 128256, Batch: 1, Length: 64)
        {
            Layers = 16, Width = 2048, Heads = 32, New = 64,
        },
    };

    private static readonly Dictionary<string, Func<string, BenchRun, IEnumerable<BenchResult>>> s_others = new()
    {
        ["matmul"] = OperatorTimes.MatrixProducts,
        ["operators"] = OperatorShares.Run,
        ["attention"] = AttentionTimes.All,
        ["adamw"] = OperatorTimes.AdamW,
        ["tokenizer"] = TokenizerTimes.Run,
        ["serve"] = ServingTimes.Run,
        ["embed"] = EmbeddingTimes.Run,
    };

    public static IEnumerable<string> Names => [.. s_models.Keys, .. s_others.Keys];

    /// <summary>The decoder that services are timed with.</summary>
    public static ModelWorkload Decoder => s_models["decode-gpt2-124m-b1"];

    /// <summary>The encoder that services are timed with.</summary>
    public static ModelWorkload Encoder => s_models["embed-bert-110m"];

    public static IEnumerable<BenchResult> Run(string name, BenchRun run)
        => s_models.TryGetValue(name, out var model) ? [ModelTimes.Run(name, model, run)] : s_others[name](name, run);
}
