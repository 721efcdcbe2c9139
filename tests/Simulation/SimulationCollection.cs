namespace MiniMilvus.Simulation;

/// <summary>One after the other: each wants a core for itself.</summary>
[CollectionDefinition(nameof(Simulation), DisableParallelization = true)]
public sealed class Simulation;
