namespace MiniMilvus.Woodpecker;

/// <summary>What shuts an older writer out of a log on object storage.</summary>
public enum ObjectFence
{
    /// <summary>The store lets exactly one of several puts that must find nothing win.</summary>
    ConditionalPut,

    /// <summary>The store does not know the condition: a lock in the metadata stands in, which each group passes before it is acked.</summary>
    Lock,
}
