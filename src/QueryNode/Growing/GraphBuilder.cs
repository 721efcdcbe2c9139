using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using MiniMilvus.Core.Time;

namespace MiniMilvus.QueryNode.Growing;

/// <summary>Extends the graphs of growing segments in the background, one step of one segment at a time, on the compute pool.</summary>
internal sealed class GraphBuilder(IComputePool pool, GrowingBudget budget, QueryNodeMetrics metrics, ILogger logger)
{
    private const int QueueMax = 4096;
    private readonly Channel<GrowingSegment> _queue = Channel.CreateBounded<GrowingSegment>(new BoundedChannelOptions(QueueMax) { SingleReader = true });

    /// <summary>Tells the builder that a segment has grown. Never waits: a segment that finds the queue full comes back with its next rows.</summary>
    public void Offer(GrowingSegment segment)
    {
        if (segment.HasGraphWork && Interlocked.Exchange(ref segment.IsQueued, 1) == 0 && !_queue.Writer.TryWrite(segment))
        {
            Volatile.Write(ref segment.IsQueued, 0);
        }
    }

    public async Task RunAsync(CancellationToken ct)
    {
        await foreach (var segment in _queue.Reader.ReadAllAsync(ct))
        {
            Volatile.Write(ref segment.IsQueued, 0);
            if (segment.IsReleased)
            {
                continue;
            }

            try
            {
                var linked = await pool.RunAsync(() => segment.Vectors.Sum(v => v.BuildStep(ct)), ct);
                segment.ChargeGraphs(budget);
                metrics.AddWaitingRows(-segment.TakeWaiting(linked));
                metrics.GraphsBuilt.Add(1);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // The rows stay searchable, exactly; offering it again would only fail again.
                Log.GraphFailed(logger, e, segment.Id);
                continue;
            }

            Offer(segment);
        }
    }
}
