using System.Collections.Concurrent;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.DataNode.Checkpoints;
using MiniMilvus.DataNode.Deletes;
using MiniMilvus.DataNode.Flush;

namespace MiniMilvus.DataNode.Channels;

/// <summary>What a background job tells the loop that owns the state.</summary>
internal abstract record JobOutcome
{
    private JobOutcome()
    {
    }

    /// <param name="WasKept">False when the catalogue no longer wanted it.</param>
    public sealed record SegmentDone(Shard Shard, WriteBuffer Buffer, bool WasKept) : JobOutcome;

    public sealed record DeletesDone(Shard Shard, PendingDeletes Batch) : JobOutcome;

    public sealed record CheckpointDone(Shard Shard, HoldPoint Point, bool WasKept) : JobOutcome;

    public sealed record SealAsked(Shard Shard) : JobOutcome;

    public sealed record Failed(Exception Error) : JobOutcome;
}

/// <summary>The jobs of one channel: they run beside the loop and report to it; their number is bounded by what the loop starts.</summary>
internal sealed class JobSet(AsyncSignal wake)
{
    private readonly ConcurrentQueue<JobOutcome> _outcomes = new();
    private readonly List<Task> _running = [];

    public void Start(Func<Task<JobOutcome>> job)
    {
        _running.RemoveAll(t => t.IsCompleted);
        _running.Add(RunAsync(job));
    }

    public bool TryTake([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out JobOutcome? outcome) => _outcomes.TryDequeue(out outcome);

    /// <summary>Waits until every job has ended, after cancelling them.</summary>
    public Task WhenEndedAsync() => Task.WhenAll(_running);

    private async Task RunAsync(Func<Task<JobOutcome>> job)
    {
        JobOutcome outcome;
        try
        {
            outcome = await job();
        }
        catch (Exception e)
        {
            outcome = new JobOutcome.Failed(e); // The loop throws it again: a channel never limps.
        }

        _outcomes.Enqueue(outcome);
        wake.Pulse();
    }
}
