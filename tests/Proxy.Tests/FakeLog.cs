using System.Collections.Concurrent;
using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Proxy.Tests;

/// <summary>A log that keeps what was appended, by shard, and ticks.</summary>
internal sealed class FakeLog(FakeCoordinator coordinator) : IStreamingClient
{
    private readonly Lock _gate = new();

    public List<(VChannel Channel, ImmutableArray<MessageBody> Messages, Timestamp Tick)> Appends { get; } = [];

    public ConcurrentQueue<(PChannel Channel, Timestamp AtLeast)> Signals { get; } = [];

    /// <summary>Decides the fate of an append: an exception, or null.</summary>
    public Func<VChannel, MiniMilvusException?> Fate { get; set; } = _ => null;

    public Func<CancellationToken, Task> BeforeSignal { get; set; } = _ => Task.CompletedTask;

    public ImmutableArray<SegmentId> Sealed { get; set; } = [];

    public IEnumerable<MessageBody> Bodies => Appends.SelectMany(a => a.Messages);

    public ValueTask<AppendResult> AppendAsync(VChannel channel, ImmutableArray<MessageBody> messages, CancellationToken ct)
    {
        if (Fate(channel) is { } failure)
        {
            throw failure;
        }

        lock (_gate)
        {
            var tick = coordinator.Now();
            Appends.Add((channel, messages, tick));
            return ValueTask.FromResult(new AppendResult(tick, LogPosition.Beginning, messages[0] is ManualFlushBody ? Sealed : []));
        }
    }

    public async ValueTask<Timestamp> SignalAsync(PChannel channel, Timestamp atLeast, CancellationToken ct)
    {
        Signals.Enqueue((channel, atLeast));
        await BeforeSignal(ct);
        return atLeast;
    }
}
