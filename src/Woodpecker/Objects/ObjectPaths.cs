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

    /// <summary>The segment that a key below it belongs to; null when it belongs to none.</summary>
    public static long? ParseSegment(string key) => key.Split('/', 4) is ["logs", _, { Length: >= 8 } segment, _] ? Parse(segment) : null;

    /// <summary>The sealed form of a segment. <paramref name="copy"/> is a name that no other try to seal it has, or had in another life of the log.</summary>
    public static string Sealed(string log, long segment, string copy) => $"{Segment(log, segment)}{SealedPrefix}{copy}/";

    public static string SealedPart(string log, long segment, string copy, int part) => Sealed(log, segment, copy) + part.ToString("D8", CultureInfo.InvariantCulture);

    public static string SealedIndex(string log, long segment, string copy) => Sealed(log, segment, copy) + IndexName;

    /// <summary>What a key below a sealed form stands for (<see cref="IndexName"/>, or a part); null when it is none's.</summary>
    public static (string Log, long Segment, string Copy, string Name)? ParseSealed(string key) =>
        key.Split('/') is ["logs", var log, { Length: >= 8 } segment, var copy, var name] && copy.StartsWith(SealedPrefix, StringComparison.Ordinal) && Parse(segment) is { } s
            ? (log, s, copy[SealedPrefix.Length..], name)
            : null;

    /// <summary>Of a segment that is written under a lock: after the number, the term and the revision that tells the taking of its lock from all others.</summary>
    public static string LockedBlock(string log, long segment, long block, long epoch, long revision) =>
        string.Create(CultureInfo.InvariantCulture, $"logs/{log}/{segment:D8}/{block:D8}.{epoch}.{revision}");

    /// <summary>What a key stands for; null when it is no block's. The revision is 0, or of a block that was put under a lock: that lock's.</summary>
    public static (string Log, long Segment, long Number, long LockRevision)? ParseBlock(string key) =>
        key.Split('/') is ["logs", var log, { Length: >= 8 } segment, { Length: >= 8 } block] && Parse(segment) is { } s
            ? block.Split('.') switch
            {
                [var number] when Parse(number) is { } n => (log, s, n, 0),
                [{ Length: >= 8 } number, var epoch, var revision] when Parse(number) is { } n && Parse(epoch) is not null && Parse(revision) is { } r => (log, s, n, r),
                _ => null,
            }
            : null;

    private static long? Parse(string digits) => long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
