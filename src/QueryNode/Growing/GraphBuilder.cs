using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using MiniMilvus.Core.Time;

namespace MiniMilvus.QueryNode.Growing;

/// <summary>
/// Extends the graphs of growing segments in the background, step by step, on the compute pool: as many chunks at a time as there are workers, which
/// matters when much waits at once, after a restart above all.
/// </summary>
internal sealed class GraphBuilder(IComputePool pool, int workers, GrowingBudget budget, QueryNodeMetrics metrics, ILogger logger)
{
    private const int QueueMax = 4096;
    private readonly Channel<GrowingSegment> _queue = Channel.CreateBounded<GrowingSegment>(new BoundedChannelOptions(QueueMax));

    /// <summary>Tells the builder that a segment has grown. Never waits: a segment that finds the queue full comes back with its next rows.</summary>
    public void Offer(GrowingSegment segment)
    {
        if (segment.HasGraphWork && Interlocked.Exchange(ref segment.IsQueued, 1) == 0 && !_queue.Writer.TryWrite(segment))
        {
            Volatile.Write(ref segment.IsQueued, 0);
        }
    }

    public Task RunAsync(CancellationToken ct) => Task.WhenAll(Enumerable.Range(0, workers).Select(_ => WorkAsync(ct)));

    private async Task WorkAsync(CancellationToken ct)
    {
        await foreach (var segment in _queue.Reader.ReadAllAsync(ct))
        {
            Volatile.Write(ref segment.IsQueued, 0);
            if (!segment.IsReleased && segment.TakeChunk() is { } chunk && await ExtendAsync(segment, chunk, ct))
            {
                Offer(segment);
            }
        }
    }

    private async Task<bool> ExtendAsync(GrowingSegment segment, GrowingChunk chunk, CancellationToken ct)
    {
        try
        {
            Offer(segment); // another chunk of it is for another worker
            var linked = await pool.RunAsync(() => chunk.Extend(ct), ct);
            segment.ChargeGraphs(budget);
            metrics.AddWaitingRows(-segment.TakeWaiting(linked));
            metrics.GraphsBuilt.Add(1);
            return true;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // The rows stay searchable, exactly; offering it again would only fail again.
            Log.GraphFailed(logger, e, segment.Id);
            return false;
        }
        finally
        {
            chunk.GiveBack();
        }
    }
}
