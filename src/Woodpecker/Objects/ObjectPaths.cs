using System.Globalization;

namespace MiniMilvus.Woodpecker.Objects;

/// <summary>Keys of a log's blocks: one object for each block, numbered within its segment.</summary>
internal static class ObjectPaths
{
    public const string Root = "logs/";

    public static string Log(string log) => $"logs/{log}/";

    public static string Segment(string log, long segment) => string.Create(CultureInfo.InvariantCulture, $"logs/{log}/{segment:D8}/");

    public static string Block(string log, long segment, long block) => string.Create(CultureInfo.InvariantCulture, $"logs/{log}/{segment:D8}/{block:D8}");

    /// <summary>The segment that a key below it belongs to; null when it belongs to none.</summary>
    public static long? ParseSegment(string key) =>
        key.Split('/', 4) is ["logs", _, { Length: >= 8 } segment, _] && long.TryParse(segment, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>What a key stands for; null when it is no block's.</summary>
    public static (string Log, long Segment, long Number)? ParseBlock(string key) =>
        key.Split('/') is ["logs", var log, { Length: >= 8 } segment, { Length: >= 8 } block]
        && long.TryParse(segment, NumberStyles.None, CultureInfo.InvariantCulture, out var s) && long.TryParse(block, NumberStyles.None, CultureInfo.InvariantCulture, out var b)
            ? (log, s, b)
            : null;
}
