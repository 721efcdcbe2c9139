using System.Collections.Immutable;
using System.Globalization;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Backups;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Checksums;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Host.Backups;

/// <summary>
/// Writes what a collection is at one tick as segments of its own, then the manifest that names them. The owner goes on meanwhile: when it compacts,
/// truncates or collects what is being read, the backup begins anew with a newer revision of the catalogue.
/// </summary>
/// <param name="logs">Of the source.</param>
/// <param name="source">Its segments and delete files.</param>
/// <param name="metadata">All of its metadata; null when it cannot be had.</param>
/// <param name="target">Empty.</param>
/// <param name="time">The clock.</param>
/// <param name="freshBytesMax">So much from the log is held at once, and makes one segment of the backup.</param>
internal sealed class BackupJob(
    LogInspector logs, IObjectStore source, Func<CancellationToken, ValueTask<MetaRange?>> metadata, IObjectStore target, TimeProvider time, long freshBytesMax = BackupJob.FreshBytesMax)
{
    public const long FreshBytesMax = 64L << 20;
    private const int AttemptsMax = 5;

    public async Task<BackupManifest> RunAsync(string database, string name, BackupPoint point, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            var seen = 0L;
            try
            {
                var cut = await CollectionCut.OpenAsync(logs, source, LookAsync, (database, name), point, time.GetUtcNow(), ct);
                return await WriteAsync(cut, cut.Collection, attempt, ct);
            }
            catch (MiniMilvusException e) when (attempt < AttemptsMax && seen > 0 && e.Reason != ErrorReason.DiskFull && e.Kind is ErrorKind.NotFound or ErrorKind.Corrupted or ErrorKind.Unavailable)
            {
                if ((await CatalogAsync(ct)).Revision == seen)
                {
                    throw;
                }

                await foreach (var half in target.ListAsync("", ct))
                {
                    await target.DeleteAsync(half.Key, ct);
                }
            }

            async ValueTask<CatalogSnapshot> LookAsync(CancellationToken token)
            {
                var catalog = await CatalogAsync(token);
                seen = catalog.Revision;
                return catalog;
            }
        }
    }

    private async Task<BackupManifest> WriteAsync(CollectionCut cut, CollectionRecord collection, int attempt, CancellationToken ct)
    {
        var segments = ImmutableArray.CreateBuilder<BackupSegment>();
        var highest = 0L;
        await foreach (var (segment, reader, ticks, rows) in cut.SealedAsync(ct))
        {
            var origin = Origin(segment.Channel, segment.Partition, segment.Start, segment.End);
            ImmutableArray<FieldId> fields = [.. reader.Manifest.Files.Select(f => f.Field).Where(f => f != FieldId.Timestamp)];
            await AddAsync(SegmentWriter.WriteAsync(target, origin, reader.Manifest.PrimaryKey, fields, async (field, token) =>
            {
                var column = await reader.ReadColumnAsync(field, token);
                return Seen(rows is null ? column : column.Take(rows));
            }, ticks, null, ct));
        }

        await foreach (var fresh in cut.FreshAsync(freshBytesMax, ct))
        {
            var rows = fresh.Rows();
            Seen(rows.PrimaryKeyColumn);
            await AddAsync(SegmentWriter.WriteAsync(target, Origin(fresh.Channel, fresh.Partition, fresh.Start, fresh.End), rows, fresh.Ticks, ct));
        }

        var manifest = new BackupManifest
        {
            Collection = collection, Tick = cut.Tick, TakenAt = time.GetUtcNow(), Shards = cut.Shards, Segments = segments.ToImmutable(), HighestAutoId = highest,
        };
        await target.PutAsync(BackupManifest.Key, new System.Buffers.ReadOnlySequence<byte>(manifest.Encode()), PutCondition.Always, ct);
        return manifest;

        SegmentOrigin Origin(VChannel channel, PartitionId partition, LogPosition start, LogPosition end) =>
            new(new SegmentId(segments.Count + 1), collection.Id, partition, channel, collection.Schema.Version, Term.None, attempt, start, end);

        async ValueTask AddAsync(ValueTask<(SegmentManifest, string)> writing)
        {
            var (written, path) = await writing;
            segments.Add(new BackupSegment(path, Crc32C.Of(written.Encode()), written.Channel, written.Partition, written.Rows, written.MinTick, written.MaxTick));
        }

        Column Seen(Column column)
        {
            if (column.Field == collection.Schema.PrimaryKey.Id && collection.Schema.PrimaryKey.IsAutoId)
            {
                highest = Math.Max(highest, HighestOf(column));
            }

            return column;
        }
    }

    private static long HighestOf(Column keys)
    {
        var highest = 0L;
        for (var row = 0; row < keys.Count; row++)
        {
            var key = RowBatch.KeyOf(keys, row);
            // Generated texts are numbers, and no other text can be met again.
            var number = keys is ScalarColumn<long> ? key.Number : long.TryParse(key.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var parsed) ? parsed : 0;
            highest = Math.Max(highest, number);
        }

        return highest;
    }

    private async ValueTask<CatalogSnapshot> CatalogAsync(CancellationToken ct) =>
        CatalogSnapshot.Of(await metadata(ct) ?? throw MiniMilvusException.Unavailable("without metadata nothing tells which collections there are"));
}
