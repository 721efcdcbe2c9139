using System.Buffers;
using System.Collections.Immutable;
using System.Threading.Channels;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;
using MiniMilvus.StreamingNode.Recovery;
using MiniMilvus.StreamingNode.Tail;
using MiniMilvus.StreamingNode.Ticks;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.StreamingNode.Append;

/// <summary>
/// One pchannel in one term: fence, replay, roll back what was left open, first tick (decision 8), then serve until told to stop or until the
/// first failure, which is sticky: an owner never limps, it is assigned anew in a higher term.
/// </summary>
internal sealed class ChannelOwner : IAsyncDisposable
{
    private readonly ChannelAssignment _assignment;
    private readonly StreamingNodeOptions _options;
    private readonly ILogWriter _writer;
    private readonly BacklogGate _gate;
    private readonly Channel<SequencerRequest> _requests;
    private readonly Channel<UnackedItem> _unacked;
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    private ChannelOwner(ChannelAssignment assignment, StreamingNodeOptions options, ILogWriter writer, TailBuffer tail, BacklogGauge backlog, TimeProvider time)
    {
        (_assignment, _options, _writer, Tail, Backlog) = (assignment, options, writer, tail, backlog);
        _gate = new BacklogGate(assignment.Channel, backlog, options, time);
        _requests = Channel.CreateBounded<SequencerRequest>(new BoundedChannelOptions(options.QueueRequestsMax) { SingleReader = true });
        _unacked = Channel.CreateBounded<UnackedItem>(new BoundedChannelOptions(options.UnackedRequestsMax) { SingleReader = true, SingleWriter = true });
    }

    public ChannelAssignment Assignment => _assignment;

    public TailBuffer Tail { get; }

    public BacklogGauge Backlog { get; }

    public BacklogGate Gate => _gate;

    /// <summary>Ends when the owner has stopped; faulted with the first failure.</summary>
    public Task Running => _running;

    public LogPosition Confirmed => _writer.Confirmed;

    public static async Task<ChannelOwner> OpenAsync(
        ChannelAssignment assignment, IWoodpecker woodpecker, ICoordinator coordinator, IEnumerable<CollectionRecord> collections,
        StreamingNodeOptions options, TimeProvider time, IStationSink stations, CancellationToken ct)
    {
        var channel = assignment.Channel;
        var writer = await woodpecker.OpenWriterAsync(channel.Name, assignment.Term, ct);
        try
        {
            var backlog = new BacklogGauge();
            var recovery = new ChannelRecovery(channel, ShardState.FromCatalog(channel, collections), backlog);
            var tail = await recovery.ReplayAsync(woodpecker, writer.Confirmed, options.TailBufferBytes, ct);
            var owner = new ChannelOwner(assignment, options, writer, tail, backlog, time);
            var ticks = new TimeTickStage(channel, assignment.Term, coordinator, recovery.LastTick);
            await owner.BeginTermAsync(ticks, recovery.OpenTransaction, ct);
            owner._running = owner.RunAsync(ticks, new SegmentStage(assignment.Term, options, coordinator, recovery.Shards), time, stations);
            return owner;
        }
        catch
        {
            await writer.DisposeAsync();
            throw;
        }
    }

    public async ValueTask<AppendResult> AppendAsync(VChannel channel, ImmutableArray<MessageBody> bodies, CancellationToken ct)
    {
        var done = new TaskCompletionSource<AppendResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        await _gate.SlowAsync(ct); // here only this caller waits; in the sequencer everybody would, behind a timestamp grant (T8)
        await _writer.AdmitAsync(ct);
        await SubmitAsync(new AppendRequest(channel, bodies, done), ct);
        return await done.Task.WaitAsync(ct);
    }

    public async ValueTask<Timestamp> SignalAsync(Timestamp atLeast, CancellationToken ct)
    {
        var done = new TaskCompletionSource<Timestamp>(TaskCreationOptions.RunContinuationsAsynchronously);
        await SubmitAsync(new SignalRequest(atLeast, done), ct);
        return await done.Task.WaitAsync(ct);
    }

    public async ValueTask DisposeAsync()
    {
        _stop.Cancel();
        await _running.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        await _writer.DisposeAsync();
        _stop.Dispose();
    }

    private async ValueTask SubmitAsync(SequencerRequest request, CancellationToken ct)
    {
        try
        {
            await _requests.Writer.WriteAsync(request, ct);
        }
        catch (ChannelClosedException e)
        {
            throw MiniMilvusException.Fenced($"pchannel {_assignment.Channel}: this owner (term {_assignment.Term}) has stopped; nothing was written", e);
        }
    }

    /// <summary>Before anything else of this term: no transaction of an older one stays open, and the term's first tick is in the log (T2, S10).</summary>
    private async Task BeginTermAsync(TimeTickStage ticks, LogMessage? open, CancellationToken ct)
    {
        var grant = await ticks.BeginGroupAsync(2, ct);
        if (open is not null)
        {
            await WriteAsync(new RollbackTransactionBody(), open.Channel, grant.Next(), open.TimeTick, ct);
        }

        await WriteAsync(new TimeTickBody(), null, grant.Next(), Timestamp.Zero, ct);
    }

    private async Task WriteAsync(MessageBody body, VChannel? channel, Timestamp tick, Timestamp transaction, CancellationToken ct)
    {
        var message = new LogMessage { Term = _assignment.Term, TimeTick = tick, Channel = channel, Transaction = transaction, Body = body };
        var bytes = new ArrayBufferWriter<byte>(MessageCodec.EncodedBytes(message));
        MessageCodec.Encode(message, bytes);
        var pending = await _writer.EnqueueAsync(bytes.WrittenMemory, ct);
        await pending.Durable.WaitAsync(ct);
        Tail.Publish(message with { Position = pending.Position }, bytes.WrittenCount);
    }

    private async Task StoreTicksAsync(TimeProvider time, CancellationToken ct)
    {
        while (true)
        {
            await Task.Delay(_options.TimeTickInterval, time, ct);
            await _requests.Writer.WriteAsync(new StoredTickRequest(), ct);
        }
    }

    private async Task RunAsync(TimeTickStage ticks, SegmentStage segments, TimeProvider time, IStationSink stations)
    {
        var channel = _assignment.Channel;
        var sequencer = new Sequencer(channel, _assignment.Term, _writer, ticks, segments, _requests.Reader, _unacked.Writer, _options,
            _gate, stations);
        var tracker = new AckTracker(channel, _assignment.Term, _writer, _unacked.Reader, Tail, Backlog, stations);
        var loops = new List<Task> { sequencer.RunAsync(_stop.Token), tracker.RunAsync(_stop.Token), _writer.Stopped.WaitAsync(_stop.Token) };
        if (_options.TimeTickPersist == TimeTickPersistence.All)
        {
            loops.Add(StoreTicksAsync(time, _stop.Token));
        }

        var first = await Task.WhenAny(loops);
        var reason = first.Exception?.InnerException ?? _writer.Failure
            ?? MiniMilvusException.Unavailable($"pchannel {channel}: the owner of term {_assignment.Term} was stopped");
        _stop.Cancel();
        _requests.Writer.TryComplete(reason);
        foreach (var loop in loops)
        {
            await loop.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }

        var unknown = MiniMilvusException.Unavailable($"pchannel {channel}: the owner stopped before the append was acked; its outcome is unknown (W14): {reason.Message}", reason);
        AckTracker.Drain(_unacked.Reader, unknown);
        while (_requests.Reader.TryRead(out var request))
        {
            var untouched = MiniMilvusException.Fenced($"pchannel {channel}: the owner stopped; nothing was written", reason);
            _ = request switch
            {
                AppendRequest append => append.Done.TrySetException(untouched),
                SignalRequest signal => signal.Done.TrySetException(untouched),
                _ => false,
            };
        }

        Tail.Close(reason);
        if (!first.IsCanceled)
        {
            throw reason;
        }
    }
}
