using BenchmarkDotNet.Running;
using TransformerTorch.Benchmarks;

BenchmarkSwitcher.FromAssembly(typeof(Corpus).Assembly).Run(args);
