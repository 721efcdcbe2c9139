using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.DataNode.Channels;
using MiniMilvus.Storage.Catalog;

namespace MiniMilvus.DataNode.Indexing;

/// <summary>An index that a flushed segment lacks.</summary>
internal sealed record MissingIndex(ChannelLease Lease, CollectionRecord Collection, SegmentRecord Segment, IndexRecord Index);

/// <summary>
/// Follows the catalogue and has every flushed segment of this node's channels indexed, whether the segment or the index came first.
/// At most <see cref="DataNodeOptions.IndexConcurrency"/> builds at a time; the lowest segment first. One whose files are damaged or lost gets
/// none from this node (readers name the files to whoever asks for its rows) and keeps no other from getting one.
/// </summary>
internal sealed class IndexWatcher(CatalogView catalog, IReadOnlyList<ChannelLease> leases, IndexBuildJob build, Retry retry, ILogger log, DataNodeOptions options)
{
    private readonly ConcurrentDictionary<(SegmentId, long), bool> _refused = [];

    public async Task RunAsync(CancellationToken ct)
    {
        await retry.RunAsync("reading the catalogue", token => catalog.RefreshAsync(token), ct);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var running = new Dictionary<(SegmentId, long), Task>();
        Task? changed = null;
        try
        {
            while (true)
            {
                if (changed is null)
                {
                    changed = catalog.ChangedAsync(catalog.Current.Revision, stop.Token).AsTask();
                }

                var missing = Missing(catalog.Current).ToList();
                foreach (var one in missing)
                {
                    var key = (one.Segment.Id, one.Index.Id);
                    if (running.Count < options.IndexConcurrency && !running.ContainsKey(key))
                    {
                        running.Add(key, BuildAsync(one, stop.Token));
                    }
                }

                await Task.WhenAny([changed, .. running.Values]);
                if (changed.IsCompleted)
                {
                    await changed;
                    changed = null;
                }

                foreach (var (key, task) in running.Where(r => r.Value.IsCompleted).ToArray())
                {
                    running.Remove(key);
                    await task;
                }
            }
        }
        finally
        {
            stop.Cancel();
            await EndAsync(running.Values);
        }
    }

    private static async Task EndAsync(IEnumerable<Task> builds)
    {
        foreach (var build in builds)
        {
            try
            {
                await build;
            }
            catch (Exception e) when (e is OperationCanceledException or MiniMilvusException)
            {
                // The watcher is ending already, for its own reason.
            }
        }
    }

    private async Task BuildAsync(MissingIndex missing, CancellationToken ct)
    {
        try
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, missing.Lease.Lost);
            try
            {
                await build.BuildAsync(missing, either.Token);
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
            {
                _refused.TryAdd((missing.Segment.Id, missing.Index.Id), true);
                Log.IndexNotBuilt(log, missing.Segment.Id, missing.Index.Id, e.Message);
                return;
            }

            // The picture shows it as built or unwanted now. If it is missing still, somebody has found the new file bad already.
            await retry.RunAsync("reading the catalogue", catalog.RefreshAsync, either.Token);
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Fenced)
        {
            missing.Lease.Lose(); // The channel's worker ends and says so.
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // The channel was lost meanwhile: its next data node builds the index.
        }
    }

    private IEnumerable<MissingIndex> Missing(CatalogSnapshot snapshot)
    {
        foreach (var collection in snapshot.Collections.Values.Where(c => c.State == DdlState.Created && !c.Indexes.IsEmpty).OrderBy(c => c.Id))
        {
            foreach (var segment in snapshot.SegmentsOf(collection.Id).Values.Where(s => s.State == SegmentState.Flushed))
            {
                var lease = leases.FirstOrDefault(l => l.Channel == segment.Channel.PChannel && !l.Lost.IsCancellationRequested);
                foreach (var index in collection.Indexes)
                {
                    if (lease is not null && IndexPlan.IsGraph(collection.Schema, index) && segment.Indexes.All(i => i.IndexId != index.Id)
                        && !_refused.ContainsKey((segment.Id, index.Id)))
                    {
                        yield return new MissingIndex(lease, collection, segment, index);
                    }
                }
            }
        }
    }
}
