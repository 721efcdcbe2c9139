namespace MiniMilvus.Simulation.Faults;

/// <summary>The stations at which faults are injected: every kind of disk step that a server in one folder makes.</summary>
internal static class Stations
{
    public static readonly IReadOnlyList<string> All =
    [
        "log block write", "log block fsync", "log block preallocate", "log block set length", "log block delete", "log block read", "log block open", "log block list",
        "log folder mkdir", "log folder dirsync", "log folder list", "log epoch write", "log epoch fsync", "log epoch read", "log epoch open",
        "meta journal write", "meta journal fsync", "meta journal preallocate", "meta journal delete", "meta journal read", "meta journal open",
        "meta snapshot write", "meta snapshot fsync", "meta snapshot rename", "meta snapshot delete", "meta snapshot set length", "meta snapshot read", "meta snapshot open",
        "meta folder mkdir", "meta folder dirsync", "meta folder list",
        "object staging write", "object staging fsync", "object staging rename", "object staging delete", "object staging open",
        "object mkdir", "object dirsync", "object delete", "object read", "object open", "object list",
    ];
}
