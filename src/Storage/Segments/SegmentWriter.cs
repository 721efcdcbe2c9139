using System.Buffers;
using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Checksums;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Storage.Segments;

/// <summary>Whose rows they are and where they come from.</summary>
/// <param name="Attempt">A number that no other attempt at this segment has (an allocated id): it is part of every name.</param>
public sealed record SegmentOrigin(
    SegmentId Segment, CollectionId Collection, PartitionId Partition, VChannel Channel, int SchemaVersion, Term Term, long Attempt, LogPosition Start, LogPosition End);

/// <summary>
/// Uploads a sealed segment (station 15): every column first, the manifest last. Nothing is committed by it: the catalogue's record does that,
/// naming the manifest. Files of an attempt that was never committed are garbage, found by their attempt number.
/// </summary>
public static class SegmentWriter
{
    /// <param name="rows">The user's fields (dynamic field included), without the tick column.</param>
    /// <param name="ticks">The commit tick of each row.</param>
    /// <returns>The manifest and its path.</returns>
    public static async ValueTask<(SegmentManifest Manifest, string Path)> WriteAsync(
        IObjectStore store, SegmentOrigin origin, RowBatch rows, ReadOnlyMemory<long> ticks, CancellationToken ct)
    {
        if (rows.Count == 0 || ticks.Length != rows.Count || rows.Find(FieldId.Timestamp) is not null)
        {
            throw MiniMilvusException.Internal($"segment {origin.Segment}: expected at least one row with one tick each, found {rows.Count} rows and {ticks.Length} ticks");
        }

        var (min, max) = Bounds(ticks.Span);
        var tickColumn = new ScalarColumn<long>(FieldId.Timestamp, DataType.Int64, ticks);
        var files = ImmutableArray.CreateBuilder<SegmentFile>(rows.Columns.Length + 1);
        foreach (var column in rows.Columns.Append(tickColumn))
        {
            files.Add(await UploadAsync(store, origin, column, ct));
        }

        var manifest = new SegmentManifest
        {
            Segment = origin.Segment,
            Collection = origin.Collection,
            Partition = origin.Partition,
            Channel = origin.Channel,
            Attempt = origin.Attempt,
            Term = origin.Term,
            SchemaVersion = origin.SchemaVersion,
            PrimaryKey = rows.PrimaryKeyColumn.Field,
            Rows = rows.Count,
            MinTick = min,
            MaxTick = max,
            Start = origin.Start,
            End = origin.End,
            Files = files.MoveToImmutable(),
        };
        var path = ObjectPaths.Manifest(origin.Collection, origin.Partition, origin.Segment, origin.Attempt);
        await store.PutAsync(path, new ReadOnlySequence<byte>(manifest.Encode()), PutCondition.Always, ct);
        return (manifest, path);
    }

    private static async ValueTask<SegmentFile> UploadAsync(IObjectStore store, SegmentOrigin origin, Column column, CancellationToken ct)
    {
        var path = ObjectPaths.ColumnFile(origin.Collection, origin.Partition, origin.Segment, column.Field, origin.Attempt);
        var bytes = ColumnFile.Encode(column);

        // Always, not IfAbsent: the attempt is ours alone, and a put whose reply was lost must be repeatable (W14).
        await store.PutAsync(path, new ReadOnlySequence<byte>(bytes), PutCondition.Always, ct);
        return new SegmentFile(column.Field, column.Type, path, bytes.Length, Crc32C.Of(bytes.Span));
    }

    private static (Timestamp Min, Timestamp Max) Bounds(ReadOnlySpan<long> ticks)
    {
        var (min, max) = (ulong.MaxValue, 0UL);
        foreach (var tick in ticks)
        {
            min = Math.Min(min, (ulong)tick);
            max = Math.Max(max, (ulong)tick);
        }

        return (new Timestamp(min), new Timestamp(max));
    }
}
