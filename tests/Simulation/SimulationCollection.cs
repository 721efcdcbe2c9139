namespace MiniMilvus.Simulation;

/// <summary>One world at a time: it holds the thread pool.</summary>
[CollectionDefinition(nameof(Simulation), DisableParallelization = true)]
public sealed class Simulation;
