using MiniMilvus.Core.Concurrency;
using MiniMilvus.Core.Errors;
using MiniMilvus.Woodpecker.Backends;

namespace MiniMilvus.Woodpecker.Writing;

/// <summary>
/// The room that all writers of a process share: memory for what is not durable yet, and the disk. Above a low mark of either, appends are
/// slowed in proportion; at the high one they are refused, retriably and without failing a writer. Room that returns ends both: nothing is
/// remembered but what is held.
/// </summary>
internal sealed class LogRoom : IDisposable
{
    private readonly Watermarks _memory;
    private readonly TimeSpan _delayMax;
    private readonly ILogBackend _backend;
    private readonly TimeProvider _time;
    private readonly RoomMetrics _metrics;
    private long _held;

    public LogRoom(WoodpeckerOptions options, ILogBackend backend, TimeProvider time)
    {
        (_memory, _delayMax) = (Watermarks.Of(options.UnackedBytesMax, options.UnackedSlowFrom), options.AppendDelayMax);
        (_backend, _time) = (backend, time);
        _metrics = new RoomMetrics(this);
    }

    /// <summary>Bytes of entries that are queued, on their way, or wait for a full queue, over all logs.</summary>
    public long HeldBytes => Interlocked.Read(ref _held);

    public double MemoryPressure => _memory.PressureAt(HeldBytes);

    public double DiskPressure => _backend.Room.Pressure;

    /// <summary>Throws Unavailable where an append would be refused; else tells how much it is to be slowed.</summary>
    public TimeSpan Admit(string log)
    {
        var disk = RequireDisk(log);
        var held = HeldBytes;
        return held >= _memory.High && held > 0 ? throw Refusal(log, 0) : DelayAt(disk);
    }

    /// <summary>Throws Unavailable (DiskFull) while the disk is too full; else its pressure.</summary>
    public double RequireDisk(string log)
    {
        var room = _backend.Room;
        if (room.Refusal is { } refusal)
        {
            _metrics.Refused("disk");
            throw MiniMilvusException.Unavailable(ErrorReason.DiskFull, $"log '{log}': {refusal}");
        }

        return room.Pressure;
    }

    public TimeSpan DelayAt(double diskPressure)
    {
        var pressure = Math.Max(diskPressure, MemoryPressure);
        return pressure > 0 ? _delayMax * pressure : TimeSpan.Zero;
    }

    /// <summary>Completes after the delay, or when <paramref name="ct"/> ends it: then canceled.</summary>
    public Task SlowAsync(TimeSpan delay, CancellationToken ct)
    {
        _metrics.Slowed(delay);
        return Task.Delay(delay, _time, ct);
    }

    /// <summary>False when it would be too much; a single entry is never too much.</summary>
    public bool TryHold(int bytes)
    {
        var held = Interlocked.Add(ref _held, bytes);
        if (held <= _memory.High || held == bytes)
        {
            return true;
        }

        Interlocked.Add(ref _held, -bytes);
        return false;
    }

    /// <summary>For what belongs behind an entry that was taken: too much for a moment is better than half of it.</summary>
    public void Hold(int bytes) => Interlocked.Add(ref _held, bytes);

    public void Release(long bytes) => Interlocked.Add(ref _held, -bytes);

    public MiniMilvusException Refusal(string log, int bytes)
    {
        _metrics.Refused("memory");
        return MiniMilvusException.Unavailable(ErrorReason.RateLimited,
            $"log '{log}': expected at most {_memory.High} bytes in all logs of this process that are not durable yet, found {HeldBytes} and an entry of {bytes}; append again when the log's storage has caught up");
    }

    public void Dispose() => _metrics.Dispose();
}
