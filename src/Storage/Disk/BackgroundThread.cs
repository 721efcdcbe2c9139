namespace MiniMilvus.Storage.Disk;

/// <summary>For threads whose work can wait.</summary>
public static class BackgroundThread
{
    /// <summary>Nice of graphs over fresh rows: searches scan what has none.</summary>
    public const int Graphs = 10;

    /// <summary>Nice of work on flushed rows, indexes and compactions, which find their answers without it: it takes a quarter where graphs want all.</summary>
    public const int Files = 15;

    /// <summary>The calling thread yields the processors to busier ones from now on.</summary>
    public static void Enter(int nice) => NativeMethods.LowerThreadPriority(nice);
}
