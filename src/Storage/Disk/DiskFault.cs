namespace MiniMilvus.Storage.Disk;

/// <summary>The calls of a disk, as a fault plan sees them.</summary>
public enum DiskStepKind
{
    Open,
    Read,
    Write,
    Flush,
    Preallocate,
    SetLength,
    Rename,
    DeleteFile,
    CreateFolder,
    DeleteFolder,
    FlushDirectory,
    List,
}

/// <summary>One call, numbered from 1 over the life of the disk.</summary>
public readonly record struct DiskStep(long Number, DiskStepKind Kind, string Path, long Offset, long Bytes);

/// <summary>What happens at a step instead of (or around) the call.</summary>
public abstract record DiskFault
{
    private DiskFault()
    {
    }

    public static readonly DiskFault? None;

    /// <summary>Nothing is applied, the call fails. A failed flush forgets what it should have written, as Linux does: flushing again succeeds and saves nothing.</summary>
    public sealed record FailBefore : DiskFault;

    /// <summary>Applied, but the reply is lost.</summary>
    public sealed record FailAfter : DiskFault;

    public sealed record NoSpace : DiskFault;

    /// <summary>Applied after a time of the disk's clock.</summary>
    public sealed record Slow(TimeSpan Delay) : DiskFault;

    /// <summary>Applied when a task has ended: a call that sleeps until a test has seen what happens meanwhile.</summary>
    public sealed record Held(Task Until) : DiskFault;

    /// <summary>Only the first bytes of a write are applied, then the call fails or the power does. Other calls fail as <see cref="FailBefore"/>.</summary>
    public sealed record Torn(long Bytes, bool ThenCut) : DiskFault;

    /// <summary>The power fails just before the call.</summary>
    public sealed record Cut : DiskFault;

    /// <summary>The power fails just after the call, before its reply.</summary>
    public sealed record CutAfter : DiskFault;
}

/// <summary>The disk's power is gone: whoever held it open is dead. Only a new mount sees what survived.</summary>
public sealed class PowerCutException : IOException
{
    public PowerCutException()
        : base("the simulated disk has lost power")
    {
    }
}
