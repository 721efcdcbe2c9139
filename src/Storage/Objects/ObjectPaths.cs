using System.Globalization;
using MiniMilvus.Core;

namespace MiniMilvus.Storage.Objects;

/// <summary>
/// The one place where object paths are composed. Names carry the number of the attempt that wrote them, so that a retry (or a paused data node
/// that wakes up) never overwrites what another attempt may have committed.
/// </summary>
public static class ObjectPaths
{
    public const string SegmentsRoot = "segments/";
    public const string DeletesRoot = "deletes/";

    /// <summary>segments/{collection}/: everything of a collection.</summary>
    public static string CollectionPrefix(CollectionId collection) => Text($"segments/{collection.Value}/");

    /// <summary>segments/{collection}/{partition}/{segment}/: everything of a segment, its indexes too.</summary>
    public static string SegmentPrefix(CollectionId collection, PartitionId partition, SegmentId segment) =>
        Text($"segments/{collection.Value}/{partition.Value}/{segment.Value}/");

    public static string ColumnFile(CollectionId collection, PartitionId partition, SegmentId segment, FieldId field, long attempt) =>
        Text($"{SegmentPrefix(collection, partition, segment)}{field.Value}-{attempt}.col");

    public static string Manifest(CollectionId collection, PartitionId partition, SegmentId segment, long attempt) =>
        Text($"{SegmentPrefix(collection, partition, segment)}manifest-{attempt}.json");

    public static string IndexFile(CollectionId collection, PartitionId partition, SegmentId segment, long indexId, long attempt) =>
        Text($"{SegmentPrefix(collection, partition, segment)}index/{indexId}-{attempt}.idx");

    /// <summary>deletes/{collection}/: every delete file of a collection.</summary>
    public static string DeletesPrefix(CollectionId collection) => Text($"deletes/{collection.Value}/");

    /// <param name="id">Allocated for this file alone, so it stands for the attempt too.</param>
    public static string DeleteFile(CollectionId collection, VChannel channel, long id) =>
        Text($"deletes/{collection.Value}/{channel.Name}/{id}.del");

    /// <summary>The segment that a path under <see cref="SegmentsRoot"/> belongs to, for garbage collection; null when it is no such path.</summary>
    public static (CollectionId Collection, PartitionId Partition, SegmentId Segment)? ParseSegment(string path)
    {
        var parts = path.Split('/');
        return parts.Length >= 5 && parts[0] == "segments" && TryNumber(parts[1], out var collection) && TryNumber(parts[2], out var partition)
            && TryNumber(parts[3], out var segment)
                ? (new CollectionId(collection), new PartitionId(partition), new SegmentId(segment))
                : null;
    }

    /// <summary>The number of the attempt that wrote an object: what stands in its name before the extension, behind the last '-' if there is one. Null when it is no such name.</summary>
    public static long? ParseAttempt(string path)
    {
        var name = path[(path.LastIndexOf('/') + 1)..];
        var dot = name.LastIndexOf('.');
        return dot > 0 && name[dot..] is ".col" or ".json" or ".idx" or ".del" && TryNumber(name[(name.LastIndexOf('-', dot - 1) + 1)..dot], out var number) && number >= 0 ? number : null;
    }

    public static bool IsIndexFile(string path) => path.EndsWith(".idx", StringComparison.Ordinal);

    private static bool TryNumber(string text, out long number) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
