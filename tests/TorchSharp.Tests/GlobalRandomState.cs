namespace TorchSharp.Tests;

/// <summary>Tests whose numbers come from the process's one generator, of which every new layer elsewhere draws: they run alone.</summary>
[CollectionDefinition("global random state", DisableParallelization = true)]
public sealed class GlobalRandomState;
