using System.Globalization;

namespace MiniMilvus.Woodpecker.Objects;

/// <summary>Keys of a log's blocks: one object for each block, numbered within its segment.</summary>
internal static class ObjectPaths
{
    public const string Root = "logs/";
    public const string IndexName = "index";
    private const string SealedPrefix = "sealed-";

    public static string Log(string log) => $"logs/{log}/";

    public static string Segment(string log, long segment) => string.Create(CultureInfo.InvariantCulture, $"logs/{log}/{segment:D8}/");

    public static string Block(string log, long segment, long block) => string.Create(CultureInfo.InvariantCulture, $"logs/{log}/{segment:D8}/{block:D8}");

    /// <summary>The sealed form of a segment. <paramref name="copy"/> is a name that no other try to seal it has, or had in another life of the log.</summary>
    public static string Sealed(string log, long segment, string copy) => $"{Segment(log, segment)}{SealedPrefix}{copy}/";

    public static string SealedPart(string log, long segment, string copy, int part) => Sealed(log, segment, copy) + part.ToString("D8", CultureInfo.InvariantCulture);

    public static string SealedIndex(string log, long segment, string copy) => Sealed(log, segment, copy) + IndexName;

    /// <summary>What a key below a sealed form stands for (<see cref="IndexName"/>, or a part); null when it is none's.</summary>
    public static (string Log, long Segment, string Copy, string Name)? ParseSealed(string key) =>
        key.Split('/') is ["logs", var log, { Length: >= 8 } segment, var copy, var name] && copy.StartsWith(SealedPrefix, StringComparison.Ordinal)
        && long.TryParse(segment, NumberStyles.None, CultureInfo.InvariantCulture, out var s)
            ? (log, s, copy[SealedPrefix.Length..], name)
            : null;

    /// <summary>What a key stands for; null when it is no block's.</summary>
    public static (string Log, long Segment, long Number)? ParseBlock(string key) =>
        key.Split('/') is ["logs", var log, { Length: >= 8 } segment, { Length: >= 8 } block]
        && long.TryParse(segment, NumberStyles.None, CultureInfo.InvariantCulture, out var s) && long.TryParse(block, NumberStyles.None, CultureInfo.InvariantCulture, out var b)
            ? (log, s, b)
            : null;
}
