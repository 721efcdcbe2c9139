using MiniMilvus.Core;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.StreamingNode.Append;

/// <summary>What the backlog of a log does to its appends (Q8): above a low mark they are slowed in proportion, above the high one refused; both end when a checkpoint has moved.</summary>
internal sealed class BacklogGate(PChannel channel, BacklogGauge gauge, StreamingNodeOptions options, TimeProvider time)
{
    private readonly Watermarks _marks = Watermarks.Of(options.BacklogBytesMax, options.BacklogSlowFrom);
    private long _slowed;
    private long _refused;

    public long Slowed => Interlocked.Read(ref _slowed);

    public long Refused => Interlocked.Read(ref _refused);

    public double Pressure => _marks.PressureAt(gauge.Bytes);

    public ValueTask SlowAsync(CancellationToken ct)
    {
        var delay = options.BacklogDelayMax * Pressure;
        if (delay == TimeSpan.Zero || gauge.Bytes > _marks.High)
        {
            return default; // who is refused is told at once
        }

        Interlocked.Increment(ref _slowed);
        return new(Task.Delay(delay, time, ct));
    }

    public void RequireRoom()
    {
        var found = gauge.Bytes;
        if (found > _marks.High)
        {
            Interlocked.Increment(ref _refused);
            throw MiniMilvusException.Unavailable(ErrorReason.RateLimited,
                $"pchannel {channel}: expected at most {_marks.High} bytes of its log that are not flushed yet, found {found}; append again when they have been flushed (Q8)");
        }
    }
}
