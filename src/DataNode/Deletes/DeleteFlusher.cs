using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Time;
using MiniMilvus.DataNode.Channels;
using MiniMilvus.DataNode.Flush;
using MiniMilvus.DataNode.Garbage;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.DataNode.Deletes;

/// <summary>Writes a run of deletes as a delete file and commits it; only then may the checkpoint pass them (S7).</summary>
internal sealed class DeleteFlusher(IObjectStore objects, IComputePool compute, LiveAttempts live, TimeProvider time, Metrics metrics, ILogger log)
{
    public async Task FlushAsync(ChannelLease lease, VChannel channel, CollectionId collection, PendingDeletes pending, CancellationToken ct)
    {
        var began = time.GetTimestamp();
        using var attempt = live.Begin();
        var id = attempt.Is(await lease.AllocateIdAsync(ct));
        var path = ObjectPaths.DeleteFile(collection, channel, id);
        var batch = await compute.RunAsync(() => Assemble(collection, pending), ct);
        var bytes = await DeleteFile.WriteAsync(objects, path, batch, ct);
        try
        {
            await lease.CommitAsync(
                new CommitDeletes(channel, lease.Term, new DeleteFileRecord(id, channel, collection, path, pending.Count, pending.From, pending.Until, pending.MaxTick)), ct);
        }
        catch (MiniMilvusException e) when (e.Kind is ErrorKind.NotFound)
        {
            Log.CollectionUnknown(log, channel, collection); // Dropped meanwhile: nobody needs its deletes.
            return;
        }

        Log.DeletesCommitted(log, channel, pending.Count, id);
        metrics.Flushed("delete", pending.Count, bytes, time.GetElapsedTime(began));
    }

    private static DeleteBatch Assemble(CollectionId collection, PendingDeletes pending)
    {
        var keys = Columns.Concat([.. pending.Deletes.Select(d => d.Keys)]);
        var ticks = new long[keys.Count];
        var partitions = new long[keys.Count];
        var at = 0;
        foreach (var delete in pending.Deletes)
        {
            ticks.AsSpan(at, delete.Keys.Count).Fill((long)delete.Tick.Value);
            partitions.AsSpan(at, delete.Keys.Count).Fill(delete.Partition.Value);
            at += delete.Keys.Count;
        }

        return new DeleteBatch(collection, pending.From, pending.Until, keys, ticks, partitions);
    }
}
