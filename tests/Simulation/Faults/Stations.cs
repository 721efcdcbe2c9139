namespace MiniMilvus.Simulation.Faults;

/// <summary>The stations at which faults are injected: every kind of disk step that a server in one folder makes.</summary>
internal static class Stations
{
    public static readonly IReadOnlyList<string> All =
    [
        "log block write", "log block fsync", "log block preallocate", "log block set length", "log block delete", "log block read", "log block open", "log folder mkdir", "log folder dirsync",
        "log epoch write", "log epoch fsync", "meta journal write", "meta journal fsync", "meta journal preallocate", "meta journal delete", "meta snapshot write", "meta snapshot fsync", "meta snapshot rename",
        "meta snapshot delete", "meta folder mkdir", "meta folder dirsync", "object staging write", "object staging fsync", "object staging rename", "object mkdir", "object dirsync", "object delete", "object read", "object open",
    ];
}
