using System.Globalization;

namespace MiniMilvus.Woodpecker.Local;

/// <summary>Where a local log's files lie, below the disk's root.</summary>
internal static class LocalPaths
{
    public const string Root = "logs";

    public const string SegmentSuffix = ".wal";

    public static string Folder(string log) => $"{Root}/{log}";

    public static string Epoch(string log) => $"{Root}/{log}/EPOCH";

    /// <summary>The number of the segment whose file this is; null when it is another file.</summary>
    public static long? ParseSegment(string file) =>
        file.EndsWith(SegmentSuffix, StringComparison.Ordinal) && long.TryParse(file.AsSpan(0, file.Length - SegmentSuffix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    public static string Segment(string log, long segment) => $"{Root}/{log}/{segment.ToString("D8", CultureInfo.InvariantCulture)}{SegmentSuffix}";
}
