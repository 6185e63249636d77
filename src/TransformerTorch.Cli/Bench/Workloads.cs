namespace TransformerTorch.Cli.Bench;

/// <summary>What can be timed, by name. The training workloads are those of the peer's benchmark.</summary>
internal static class Workloads
{
    private static readonly Dictionary<string, Func<string, BenchRun, IEnumerable<BenchResult>>> s_all = new()
    {
        ["train-gpt2-10m"] = (name, run) => [Training.Run(name, new Gpt2Sizes(6, 384, 6, 8192, 8, 256), run)],
        ["train-gpt2-124m"] = (name, run) => [Training.Run(name, new Gpt2Sizes(12, 768, 12, 50257, 2, 256), run)],
        ["matmul"] = OperatorTimes.MatrixProducts,
        ["attention"] = OperatorTimes.Attention,
        ["adamw"] = OperatorTimes.AdamW,
        ["tokenizer"] = TokenizerTimes.Run,
    };

    public static IEnumerable<string> Names => s_all.Keys;

    public static IEnumerable<BenchResult> Run(string name, BenchRun run) => s_all[name](name, run);
}
