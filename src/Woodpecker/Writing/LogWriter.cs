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
    private readonly ILogBackend _backend;
    private readonly EntryQueue _queue;
    private readonly IEpochGuard _guard;
    private readonly LogTail _tail;
    private readonly IStationSink _stations;
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile Exception? _failure;

    public LogWriter(string log, Term term, WoodpeckerOptions options, ILogBackend backend, EntryQueue queue, IEpochGuard guard, LogTail tail, IStationSink stations)
    {
        (Log, Term) = (log, term);
        (_options, _backend, _queue, _guard, _tail, _stations) = (options, backend, queue, guard, tail, stations);
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
        if (ct.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<PendingAppend>(ct);
        }

        if (entry.Length > _options.EntryBytesMax)
        {
            return ValueTask.FromException<PendingAppend>(MiniMilvusException.Invalid(
                ErrorReason.MessageTooLarge, $"log '{Log}': expected an entry of at most {_options.EntryBytesMax} bytes, found {entry.Length}"));
        }

        try
        {
            _backend.RequireRoom();
        }
        catch (MiniMilvusException e)
        {
            return ValueTask.FromException<PendingAppend>(e);
        }

        return _stations.IsEnabled ? EmitAsync(_queue.EnqueueAsync(entry, ct)) : _queue.EnqueueAsync(entry, ct);
    }

    /// <summary>Stops taking entries, makes the queued ones durable, ends the segment.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Close(MiniMilvusException.Unavailable($"log '{Log}': the writer of term {Term} is closed"));
        await Stopped;
    }

    /// <summary>Fails the writer from outside: its log is being deleted, or opened again in this process.</summary>
    public void Abandon(MiniMilvusException why) => Fail(why);

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
