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
    public static ValueTask<(SegmentManifest Manifest, string Path)> WriteAsync(
        IObjectStore store, SegmentOrigin origin, RowBatch rows, ReadOnlyMemory<long> ticks, CancellationToken ct) =>
        WriteAsync(store, origin, rows.PrimaryKeyColumn.Field, [.. rows.Columns.Select(c => c.Field)], (field, _) => ValueTask.FromResult(rows.Find(field)!), ticks, null, ct);

    /// <summary>The same, one column after the other, so that not all of them are in memory at a time.</summary>
    /// <param name="column">Makes the column of a field; it is asked for once each, in order, and let go before the next.</param>
    public static async ValueTask<(SegmentManifest Manifest, string Path)> WriteAsync(
        IObjectStore store, SegmentOrigin origin, FieldId primaryKey, ImmutableArray<FieldId> fields, Func<FieldId, CancellationToken, ValueTask<Column>> column,
        ReadOnlyMemory<long> ticks, CompactionTrace? trace, CancellationToken ct)
    {
        if (ticks.Length == 0 || fields.Contains(FieldId.Timestamp))
        {
            throw MiniMilvusException.Internal($"segment {origin.Segment}: expected at least one row, with its tick beside its fields, found {ticks.Length} ticks and fields {string.Join(", ", fields)}");
        }

        var (min, max) = Bounds(ticks.Span);
        var files = ImmutableArray.CreateBuilder<SegmentFile>(fields.Length + 1);
        foreach (var field in fields)
        {
            var values = await column(field, ct);
            if (values.Count != ticks.Length)
            {
                throw MiniMilvusException.Internal($"segment {origin.Segment}: expected one tick for each row, found {values.Count} rows of field {field} and {ticks.Length} ticks");
            }

            files.Add(await UploadAsync(store, origin, values, ct));
        }

        files.Add(await UploadAsync(store, origin, new ScalarColumn<long>(FieldId.Timestamp, DataType.Int64, ticks), ct));
        var manifest = new SegmentManifest
        {
            Segment = origin.Segment,
            Collection = origin.Collection,
            Partition = origin.Partition,
            Channel = origin.Channel,
            Attempt = origin.Attempt,
            Term = origin.Term,
            SchemaVersion = origin.SchemaVersion,
            PrimaryKey = primaryKey,
            Rows = ticks.Length,
            MinTick = min,
            MaxTick = max,
            Start = origin.Start,
            End = origin.End,
            Files = files.MoveToImmutable(),
            Compaction = trace,
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
