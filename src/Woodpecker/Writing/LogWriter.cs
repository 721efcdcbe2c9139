using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Time;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Reading;

namespace MiniMilvus.Woodpecker.Writing;

/// <summary>Station 8, a log's one writer in its term: gives entries their places and owns the commit loop. Its first failure is final (W2).</summary>
internal sealed class LogWriter : ILogWriter
{
    private readonly WoodpeckerOptions _options;
    private readonly LogRoom _room;
    private readonly EntryQueue _queue;
    private readonly IEpochGuard _guard;
    private readonly LogTail _tail;
    private readonly IStationSink _stations;
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile Exception? _failure;

    public LogWriter(string log, Term term, WoodpeckerOptions options, LogRoom room, EntryQueue queue, IEpochGuard guard, LogTail tail, IStationSink stations)
    {
        (Log, Term) = (log, term);
        (_options, _room, _queue, _guard, _tail, _stations) = (options, room, queue, guard, tail, stations);
    }

    public string Log { get; }

    public Term Term { get; }

    public LogPosition Confirmed => _tail.Confirmed;

    /// <summary>The place of the next entry.</summary>
    public LogPosition Tail => _queue.Tail;

    public Task Stopped => _stopped.Task;

    public Exception? Failure => _failure;

    /// <summary>Starts the commit loop, once; it runs until failure or disposal.</summary>
    public async void Start(GroupCommit commit)
    {
        // async void is safe here: every exception of the loop ends in Failure, and Stopped tells that it is over.
        try
        {
            await commit.RunAsync(CancellationToken.None);
        }
        catch (Exception e)
        {
            Fail(e);
        }

        try
        {
            await _guard.DisposeAsync();
        }
        catch (IOException e)
        {
            Fail(e);
        }

        _tail.Close();
        _stopped.TrySetResult();
    }

    public ValueTask<PendingAppend> EnqueueAsync(ReadOnlyMemory<byte> entry, CancellationToken ct)
    {
        double disk;
        try
        {
            disk = _room.RequireDisk(Log);
        }
        catch (MiniMilvusException e)
        {
            return ValueTask.FromException<PendingAppend>(e);
        }

        var enqueued = EnqueueAsync(entry, isOwed: false, ct);
        var delay = _room.DelayAt(disk);
        return delay > TimeSpan.Zero ? SlowAsync(enqueued, delay, ct) : enqueued;
    }

    public ValueTask<PendingAppend> EnqueueOwedAsync(ReadOnlyMemory<byte> entry, CancellationToken ct) => EnqueueAsync(entry, isOwed: true, ct);

    public void RequireRoom() => _room.Admit(Log);

    public ValueTask AdmitAsync(CancellationToken ct)
    {
        var delay = _room.Admit(Log);
        return delay > TimeSpan.Zero ? new(_room.SlowAsync(delay, ct)) : default;
    }

    /// <summary>Stops taking entries, makes the queued ones durable, ends the segment.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Close(MiniMilvusException.Unavailable($"log '{Log}': the writer of term {Term} is closed"));
        await Stopped;
    }

    /// <summary>Fails the writer from outside: its log is being deleted, or opened again in this process.</summary>
    public void Abandon(MiniMilvusException why) => Fail(why);

    private ValueTask<PendingAppend> EnqueueAsync(ReadOnlyMemory<byte> entry, bool isOwed, CancellationToken ct)
    {
        if (ct.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<PendingAppend>(ct);
        }

        if (entry.Length > _options.EntryBytesMax)
        {
            return ValueTask.FromException<PendingAppend>(MiniMilvusException.Invalid(
                ErrorReason.MessageTooLarge, $"log '{Log}': expected an entry of at most {_options.EntryBytesMax} bytes, found {entry.Length}"));
        }

        var enqueued = _queue.EnqueueAsync(entry, isOwed, ct);
        return _stations.IsEnabled ? EmitAsync(enqueued) : enqueued;
    }

    /// <summary>The entry has its place, so that order and durability do not wait: only who appends does, and cancelling ends no more than that.</summary>
    private async ValueTask<PendingAppend> SlowAsync(ValueTask<PendingAppend> enqueued, TimeSpan delay, CancellationToken ct)
    {
        var pending = await enqueued;
        await _room.SlowAsync(delay, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return pending;
    }

    private async ValueTask<PendingAppend> EmitAsync(ValueTask<PendingAppend> enqueued)
    {
        var pending = await enqueued;
        _stations.Emit(new StationEvent(Station.LogWriter, Log, Timestamp.Zero, pending.Position, 1));
        return pending;
    }

    private void Fail(Exception why)
    {
        _failure ??= WriterFailure.From(Log, Term, why);
        _queue.Fail(_failure);
    }
}
