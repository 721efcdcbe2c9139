using System.Globalization;

namespace MiniMilvus.Woodpecker.Local;

/// <summary>Where a local log's files lie, below the disk's root.</summary>
internal static class LocalPaths
{
    public const string SegmentSuffix = ".wal";

    public static string Folder(string log) => $"logs/{log}";

    public static string Epoch(string log) => $"logs/{log}/EPOCH";

    public static string Segment(string log, long segment) => $"logs/{log}/{segment.ToString("D8", CultureInfo.InvariantCulture)}{SegmentSuffix}";
}
