using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Time;
using MiniMilvus.DataNode.Channels;
using MiniMilvus.DataNode.Garbage;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.DataNode.Flush;

/// <summary>
/// Station 15: makes a sealed segment durable, then known. Column files, then the manifest, then growing → flushed in the catalogue (S3).
/// Each attempt has its own file names, so an attempt that ended half-way, or one of a paused node, leaves garbage but never a wrong file.
/// </summary>
internal sealed class SegmentFlusher(
    IObjectStore objects, IComputePool compute, SegmentReplay replay, LiveAttempts live, BufferBudget budget, WorkSlots slots, TimeProvider time, IStationSink stations, Metrics metrics, ILogger log)
{
    /// <returns>False when the catalogue no longer wants the segment.</returns>
    public async Task<bool> FlushAsync(ChannelLease lease, VChannel channel, WriteBuffer buffer, CancellationToken ct)
    {
        using var slot = await slots.TakeAsync(ct);
        if (buffer.Rows == 0 || buffer.IsDiscarded)
        {
            return await CommitAsync(lease, channel, Record(channel, buffer, SegmentState.Dropped), ct);
        }

        var began = time.GetTimestamp();
        var charged = 0L;
        try
        {
            var batches = buffer.Batches;
            if (buffer.IsEvicted)
            {
                var again = await replay.CollectAsync(channel, buffer, ct);
                charged = again.Sum(b => b.Rows.Bytes);
                budget.Charge(charged);
                batches = again;
            }

            using var attempt = live.Begin();
            var record = await UploadAsync(lease, attempt, channel, buffer, batches, ct);
            var kept = await CommitAsync(lease, channel, record, ct);
            if (kept)
            {
                Log.SegmentFlushed(log, record.Id, channel, record.Rows, record.Bytes);
                metrics.Flushed("insert", record.Rows, record.Bytes, time.GetElapsedTime(began));
            }

            return kept;
        }
        finally
        {
            budget.Refund(charged);
        }
    }

    private async Task<SegmentRecord> UploadAsync(ChannelLease lease, LiveAttempts.Attempt live, VChannel channel, WriteBuffer buffer, IReadOnlyList<BufferedRows> batches, CancellationToken ct)
    {
        var (rows, ticks) = await compute.RunAsync(() => (ColumnAssembly.Assemble(batches), ColumnAssembly.Ticks(batches)), ct);
        if (rows.Count != buffer.Rows)
        {
            throw MiniMilvusException.Internal($"segment {buffer.Segment}: expected {buffer.Rows} rows, assembled {rows.Count} (S2)");
        }

        var attempt = live.Is(await lease.AllocateIdAsync(ct));
        var origin = new SegmentOrigin(
            buffer.Segment, buffer.Collection, buffer.Partition, channel, buffer.SchemaVersion, lease.Term, attempt, buffer.Hold.Position, buffer.End);
        var (manifest, path) = await SegmentWriter.WriteAsync(objects, origin, rows, ticks, ct);
        Emit(Station.SegmentFlushed, channel, manifest.MaxTick, buffer.End, rows.Count);
        return Record(channel, buffer, SegmentState.Flushed) with
        {
            Rows = manifest.Rows,
            Bytes = manifest.Bytes,
            ManifestPath = path,
            MinTick = manifest.MinTick,
            MaxTick = manifest.MaxTick,
        };
    }

    private async Task<bool> CommitAsync(ChannelLease lease, VChannel channel, SegmentRecord record, CancellationToken ct)
    {
        try
        {
            await lease.CommitAsync(new CommitFlush(channel, lease.Term, record), ct);
        }
        catch (MiniMilvusException e) when (e.Kind is ErrorKind.NotFound or ErrorKind.Conflict)
        {
            Log.SegmentUnwanted(log, record.Id, channel, e.Message); // Dropped with its collection or partition, or compacted since (S5).
            return false;
        }

        Emit(Station.SegmentCommitted, channel, record.MaxTick, record.End, record.Rows);
        return true;
    }

    private static SegmentRecord Record(VChannel channel, WriteBuffer buffer, SegmentState state) => new()
    {
        Id = buffer.Segment,
        Collection = buffer.Collection,
        Partition = buffer.Partition,
        Channel = channel,
        State = state,
        Start = buffer.Hold.Position,
        End = buffer.End,
        SchemaVersion = buffer.SchemaVersion,
    };

    private void Emit(Station station, VChannel channel, Timestamp tick, LogPosition position, long rows)
    {
        if (stations.IsEnabled)
        {
            stations.Emit(new StationEvent(station, channel.Name, tick, position, rows));
        }
    }
}
