using MiniMilvus.Core;

namespace MiniMilvus.StreamingNode.Append;

/// <summary>Log bytes above the lowest checkpoint (Q8), to within one step of a few megabytes.</summary>
internal sealed class BacklogGauge
{
    private const long StepBytes = 4L << 20;

    private readonly Lock _lock = new();
    private readonly Queue<(LogPosition End, long Bytes)> _steps = new();
    private long _open;
    private long _total;

    public long Bytes => Interlocked.Read(ref _total);

    public void Add(LogPosition position, long bytes)
    {
        lock (_lock)
        {
            _total += bytes;
            _open += bytes;
            if (_open >= StepBytes)
            {
                _steps.Enqueue((position, _open));
                _open = 0;
            }
        }
    }

    /// <summary>Every consumer has persisted what lies below.</summary>
    public void Release(LogPosition below)
    {
        lock (_lock)
        {
            while (_steps.TryPeek(out var step) && step.End < below)
            {
                _total -= step.Bytes;
                _steps.Dequeue();
            }
        }
    }
}
