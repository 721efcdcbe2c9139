using MiniMilvus.Core;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Woodpecker.Writing;

/// <summary>
/// How long a writer waits for its disk or store. A step that is not over by then ends the writer (W13): its callers hear of it, and the role is
/// free for whoever can do better. What the step began goes on by itself and may still take effect (W14); nothing waits for it any more.
/// </summary>
internal sealed class StepLimit(string log, Term term, TimeSpan limit, TimeProvider time)
{
    /// <summary>A step has run out of its time.</summary>
    public bool HasPassed { get; private set; }

    public async Task WithinAsync(Task step, string what, LogPosition at)
    {
        try
        {
            await step.WaitAsync(limit, time);
        }
        catch (TimeoutException e) when (!step.IsCompleted)
        {
            HasPassed = true;
            Leave(step);
            throw MiniMilvusException.Unavailable(
                $"log '{log}', writer of term {term}: expected {what} {at} within {limit}, but its disk or store does not answer; what was not acked may or may not be there", e);
        }
    }

    /// <summary>Closes it; when a step of it is still on its way, that is its own affair.</summary>
    public async ValueTask CloseAsync(IAsyncDisposable closing, LogPosition at)
    {
        var closed = closing.DisposeAsync().AsTask();
        if (HasPassed)
        {
            Leave(closed);
        }
        else
        {
            await WithinAsync(closed, "a segment to be closed behind", at);
        }
    }

    /// <summary>However it ends, it has been answered for.</summary>
    private static void Leave(Task task) => _ = task.ContinueWith(static t => t.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
