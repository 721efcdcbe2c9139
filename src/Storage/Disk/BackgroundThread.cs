namespace MiniMilvus.Storage.Disk;

/// <summary>For threads whose work can wait: graphs, indexes, compactions.</summary>
public static class BackgroundThread
{
    /// <summary>The calling thread yields the processors to busier ones from now on.</summary>
    public static void Enter() => NativeMethods.LowerThreadPriority();
}
