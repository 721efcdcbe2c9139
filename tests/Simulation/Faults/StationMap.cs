using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Simulation.Faults;

/// <summary>What a disk step is for, told by its path: the stations at which faults strike.</summary>
internal static class StationMap
{
    /// <summary>Steps that change the disk, or that promise that a change is durable.</summary>
    public static bool Changes(DiskStep step) => step.Kind is not (DiskStepKind.Read or DiskStepKind.List or DiskStepKind.Open);

    public static string Of(DiskStep step)
    {
        var path = step.Path;
        var verb = step.Kind switch
        {
            DiskStepKind.Write => "write",
            DiskStepKind.Flush => "fsync",
            DiskStepKind.FlushDirectory => "dirsync",
            DiskStepKind.Rename => "rename",
            DiskStepKind.DeleteFile => "delete",
            DiskStepKind.DeleteFolder => "rmdir",
            DiskStepKind.CreateFolder => "mkdir",
            DiskStepKind.SetLength => "set length",
            DiskStepKind.Preallocate => "preallocate",
            DiskStepKind.Open => "open",
            DiskStepKind.List => "list",
            _ => "read",
        };
        return $"{Thing(path)} {verb}";
    }

    private static string Thing(string path)
    {
        if (path.StartsWith("logs", StringComparison.Ordinal))
        {
            return path.Contains("EPOCH", StringComparison.Ordinal) ? "log epoch" : path.EndsWith(".wal", StringComparison.Ordinal) ? "log block" : "log folder";
        }

        if (path.StartsWith("meta", StringComparison.Ordinal))
        {
            return path.Contains("snapshot", StringComparison.OrdinalIgnoreCase) ? "meta snapshot" : path == "meta" ? "meta folder" : "meta journal";
        }

        if (path.StartsWith("objects", StringComparison.Ordinal))
        {
            return path.Contains("/.staging/", StringComparison.Ordinal) ? "object staging" : "object";
        }

        return path.Length == 0 ? "root" : path;
    }
}
