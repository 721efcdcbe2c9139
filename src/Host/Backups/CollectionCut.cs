using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Time;
using MiniMilvus.Host.Verifying;
using MiniMilvus.Storage.Backups;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Host.Backups;

/// <summary>Rows of a sealed segment that are there at the tick of a cut.</summary>
/// <param name="Rows">Null = all.</param>
internal sealed record SealedRows(SegmentRecord Segment, SegmentReader Reader, ReadOnlyMemory<long> Ticks, int[]? Rows);

/// <summary>
/// A collection at one tick, by one revision of the catalogue: sealed segments, delete files, and what lies in the log behind the checkpoints. It is read
/// beside the owner or without one, and changes nothing. Each log is read once for its end and its deletes and once more, to that same end, for its rows: a
/// transaction that becomes durable in between is then in neither. Holds the deleted keys and, of a segment, keys, ticks and one column.
/// </summary>
internal sealed class CollectionCut
{
    private readonly LogInspector _logs;
    private readonly IObjectStore _store;
    private readonly CatalogSnapshot _catalog;
    private readonly CollectionRecord _collection;
    private readonly List<(LogInspection Log, LogPosition From)> _sources = [];
    private readonly Dictionary<PChannel, LogPosition> _until = [];
    private DeletedKeys _deleted = new(Timestamp.Zero);

    private CollectionCut(LogInspector logs, IObjectStore store, CatalogSnapshot catalog, CollectionRecord collection) =>
        (_logs, _store, _catalog, _collection) = (logs, store, catalog, collection);

    public CollectionRecord Collection => _collection;

    public Timestamp Tick { get; private set; }

    public ImmutableArray<BackupShard> Shards => [.. _collection.Channels.Select(c => new BackupShard(c, _until[c.PChannel]))];

    /// <exception cref="MiniMilvusException">
    /// Invalid: the point lies where nothing tells any more, or not yet, what was there; NotFound: no such entry; Corrupted, Unavailable: not all can be read, by this revision.
    /// </exception>
    public static async ValueTask<CollectionCut> OpenAsync(
        LogInspector logs, IObjectStore store, Func<CancellationToken, ValueTask<CatalogSnapshot>> catalog, (string Database, string Name) of, BackupPoint point, DateTimeOffset now, CancellationToken ct)
    {
        // The logs first: what is truncated from then on is persisted in the catalogue that is read behind them, also where there is no checkpoint yet.
        var inspected = new List<LogInspection>();
        foreach (var channel in Find(await catalog(ct), of).Channels.Select(c => c.PChannel).Distinct())
        {
            inspected.Add(await logs.InspectAsync(channel.Name, ct));
        }

        var snapshot = await catalog(ct);
        var cut = new CollectionCut(logs, store, snapshot, Find(snapshot, of));
        cut.Begin(inspected);
        cut.Tick = await cut.FindTickAsync(point, now, ct);
        cut._deleted = new DeletedKeys(cut.Tick);
        await cut.ReadDeletesAsync(ct);
        return cut;
    }

    /// <summary>Segment by segment; those without a row at the tick are left out.</summary>
    public async IAsyncEnumerable<SealedRows> SealedAsync([EnumeratorCancellation] CancellationToken ct)
    {
        foreach (var segment in _catalog.SegmentsOf(_collection.Id).Values.Where(s => s.State == SegmentState.Flushed && s.MinTick <= Tick && IsThere(s.Partition)))
        {
            var reader = await SegmentReader.OpenAsync(_store, segment.ManifestPath, ct);
            if (reader.Manifest.Segment != segment.Id || reader.Manifest.Rows != segment.Rows)
            {
                throw MiniMilvusException.Corrupted($"{segment.ManifestPath}: expected {segment.Rows} rows of segment {segment.Id}, found {reader.Manifest.Rows} of segment {reader.Manifest.Segment}");
            }

            var ticks = await reader.ReadTicksAsync(ct);
            var rows = _deleted.RowsLeft(segment.Partition, await reader.ReadColumnAsync(reader.Manifest.PrimaryKey, ct), ticks.Span);
            if (rows is not { Length: 0 })
            {
                yield return new SealedRows(segment, reader, rows is null ? ticks : rows.Select(r => ticks.Span[r]).ToArray(), rows);
            }
        }
    }

    /// <summary>Rows that no sealed segment has, of one partition of one shard each.</summary>
    /// <param name="bytesMax">So much is held at once; one message may be larger.</param>
    public async IAsyncEnumerable<FreshRows> FreshAsync(long bytesMax, [EnumeratorCancellation] CancellationToken ct)
    {
        var held = new Dictionary<(VChannel, PartitionId), FreshRows>();
        var persisted = _catalog.SegmentsOf(_collection.Id).Values.Where(s => s.State != SegmentState.Growing).Select(s => s.Id).ToHashSet();
        foreach (var (log, from) in _sources)
        {
            await foreach (var message in MessagesAsync(log, from, _until[new PChannel(log.Name)], ct))
            {
                // A replay skips what is persisted (S5).
                if (message.Body is not InsertBody insert || message.CommitTick > Tick || persisted.Contains(insert.Segment) || !IsThere(insert.Partition))
                {
                    continue;
                }

                var ticks = new long[insert.Rows.Count];
                Array.Fill(ticks, (long)message.CommitTick.Value);
                var left = _deleted.RowsLeft(insert.Partition, insert.Rows.PrimaryKeyColumn, ticks);
                if (left is not { Length: 0 })
                {
                    var key = (message.Channel!.Value, insert.Partition);
                    held.TryAdd(key, new FreshRows(key.Value, key.Partition, message.Position));
                    held[key].Add(left is null ? insert.Rows : insert.Rows.Take(left), message.CommitTick, message.Position);
                }

                if (held.Values.Sum(h => h.Bytes) >= bytesMax)
                {
                    var largest = held.MaxBy(h => h.Value.Bytes);
                    held.Remove(largest.Key);
                    yield return largest.Value;
                }
            }
        }

        foreach (var rest in held.Values)
        {
            yield return rest;
        }
    }

    private static CollectionRecord Find(CatalogSnapshot catalog, (string Database, string Name) of)
    {
        if (catalog.FindCollection(of.Database, of.Name) is { State: DdlState.Created } found)
        {
            return found;
        }

        var names = catalog.Collections.Values.Where(c => c.Database == of.Database && c.State == DdlState.Created).Select(c => $"'{c.Name}'").Order(StringComparer.Ordinal).ToList();
        throw MiniMilvusException.NotFound(ErrorReason.CollectionNotFound, $"database '{of.Database}': expected a collection '{of.Name}', found {(names.Count > 0 ? string.Join(", ", names) : "none")}");
    }

    private void Begin(List<LogInspection> inspected)
    {
        foreach (var channel in _collection.Channels.GroupBy(c => c.PChannel))
        {
            var log = inspected.Find(l => l.Name == channel.Key.Name) ?? throw MiniMilvusException.Unavailable($"collection '{_collection.Name}' was made anew while it was looked at");
            var begin = log.TruncatedUntil ?? throw MiniMilvusException.Unavailable($"log '{log.Name}': expected its metadata to tell where it begins, found no record of it");
            var from = channel.Select(c => _catalog.CheckpointOf(c)?.Position ?? begin).Aggregate(LogPosition.Min);
            _sources.Add(begin <= from ? (log, from) : throw MiniMilvusException.Unavailable($"log '{log.Name}': expected entries from {from} on, found them truncated until {begin}"));
        }
    }

    private async ValueTask<Timestamp> FindTickAsync(BackupPoint point, DateTimeOffset now, CancellationToken ct)
    {
        var segments = _catalog.SegmentsOf(_collection.Id).Values;
        var latest = Timestamp.Later(_collection.CreatedAt, segments.Aggregate(Timestamp.Zero, (last, s) => Timestamp.Later(last, s.MaxTick)));
        foreach (var (log, _) in _sources)
        {
            latest = Timestamp.Later(latest, await BackupPoint.LastTickAsync(_logs, log, ct));
        }

        foreach (var channel in _collection.Channels)
        {
            latest = Timestamp.Later(latest, _catalog.CheckpointOf(channel)?.Tick ?? Timestamp.Zero);
        }

        var tick = point switch
        {
            BackupPoint.AtTick given => given.Tick,
            BackupPoint.AtEntry entry => await BackupPoint.TickOfAsync(_logs, LogOf(entry), entry.Position, ct),
            _ => latest,
        };
        var purged = segments.Aggregate(Timestamp.Zero, (last, s) => Timestamp.Later(last, s.PurgedUntil));
        return tick.UnixMilliseconds > now.ToUnixTimeMilliseconds() && point is BackupPoint.AtTick ? throw Refused(tick, FormattableString.Invariant($"not after now ({now:yyyy-MM-dd'T'HH:mm:ss.fff'Z'})"))
            : tick < _collection.CreatedAt ? throw Refused(tick, $"at or above {Text(_collection.CreatedAt)}, when the collection was created")
            : tick < purged ? throw Refused(tick, $"at or above {Text(purged)}: rows that were deleted by then are compacted away (Q7)")
            : point is BackupPoint.AtTick && tick > latest ? latest : tick;
    }

    private LogInspection LogOf(BackupPoint.AtEntry entry) =>
        _sources.Where(s => s.Log.Name == (entry.Log ?? s.Log.Name)).ToList() is [var only]
            ? only.Log
            : throw MiniMilvusException.Invalid($"--at {(entry.Log is null ? "" : $"{entry.Log}@")}{entry.Position}: expected LOG@{entry.Position}, where LOG is {string.Join(" or ", _sources.Select(s => s.Log.Name))}");

    private async ValueTask ReadDeletesAsync(CancellationToken ct)
    {
        foreach (var file in _collection.Channels.SelectMany(c => _catalog.DeleteFilesOf(c).Values))
        {
            var batch = await DeleteFile.ReadAsync(_store, file.Path, file.Collection, ct);
            for (var i = 0; i < batch.Count; i++)
            {
                _deleted.Add(new PartitionId(batch.Partitions.Span[i]), batch.Keys, i, new Timestamp((ulong)batch.Ticks.Span[i]));
            }
        }

        foreach (var (log, from) in _sources)
        {
            var until = from;
            await foreach (var message in MessagesAsync(log, from, LogPosition.Max, ct))
            {
                if (message.TimeTick > Tick)
                {
                    break;
                }

                until = message.Position.Next;
                if (message.Body is DeleteBody delete)
                {
                    for (var i = 0; i < delete.Keys.Count; i++)
                    {
                        _deleted.Add(delete.Partition, delete.Keys, i, message.CommitTick);
                    }
                }
            }

            _until[new PChannel(log.Name)] = until;
        }
    }

    /// <summary>The collection's messages, and those of the whole log (ticks), up to <paramref name="until"/>.</summary>
    private async IAsyncEnumerable<LogMessage> MessagesAsync(LogInspection log, LogPosition from, LogPosition until, [EnumeratorCancellation] CancellationToken ct)
    {
        await foreach (var (message, _, problem) in new LogReplay(_logs, log).ReadAsync(from, until, ct))
        {
            if (problem is not null)
            {
                throw MiniMilvusException.Corrupted(problem);
            }

            if (message?.Position >= until)
            {
                yield break;
            }

            if (message is not null && (message.Channel is not { } channel || _collection.Channels.Contains(channel)))
            {
                yield return message;
            }
        }
    }

    private bool IsThere(PartitionId partition) => _collection.Partitions.Any(p => p.Id == partition && p.State == DdlState.Created);

    private static MiniMilvusException Refused(Timestamp tick, string expected) => MiniMilvusException.Invalid($"--at {Text(tick)}: expected a point {expected}");

    private static string Text(Timestamp tick) => FormattableString.Invariant($"tick {tick.Value} ({DateTimeOffset.FromUnixTimeMilliseconds(tick.UnixMilliseconds):yyyy-MM-dd'T'HH:mm:ss.fff'Z'})");
}
