using System.Collections.Concurrent;
using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;

namespace MiniMilvus.StreamingNode.Append;

/// <summary>
/// Station 5, HandlerService: this node owns the channel in this term, or nothing is written. A request for a term that is still opening waits
/// a little; one for an older term is refused.
/// </summary>
internal sealed class AppendService(TimeProvider time) : IStreamingHandler
{
    private static readonly TimeSpan OpenWait = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<PChannel, ChannelOwner> _owners = new();
    private readonly AsyncSignal _changed = new();

    public IEnumerable<ChannelOwner> Owners => _owners.Values;

    /// <summary>Pulses when a channel opens.</summary>
    public Task Changed => _changed.Next;

    public bool HasOpened(ChannelAssignment assignment) =>
        _owners.TryGetValue(assignment.Channel, out var owner) && owner.Assignment.Term >= assignment.Term;

    public void Add(ChannelOwner owner)
    {
        _owners[owner.Assignment.Channel] = owner;
        _changed.Pulse();
    }

    public void Remove(ChannelOwner owner) => _owners.TryRemove(new KeyValuePair<PChannel, ChannelOwner>(owner.Assignment.Channel, owner));

    public async ValueTask<AppendResult> AppendAsync(PChannel pchannel, Term term, VChannel channel, ImmutableArray<MessageBody> messages, CancellationToken ct)
    {
        if (channel.PChannel != pchannel)
        {
            throw MiniMilvusException.Invalid($"channel {channel} does not lie on pchannel {pchannel}");
        }

        var owner = await OwnerAsync(pchannel, term, ct);
        return await owner.AppendAsync(channel, messages, ct);
    }

    public async ValueTask<Timestamp> SignalAsync(PChannel channel, Term term, Timestamp atLeast, CancellationToken ct)
    {
        var owner = await OwnerAsync(channel, term, ct);
        return await owner.SignalAsync(atLeast, ct);
    }

    public async ValueTask<TailSubscription> SubscribeAsync(PChannel channel, LogPosition from, CancellationToken ct)
    {
        var owner = await OwnerAsync(channel, Term.None, ct);
        return owner.Tail.Subscribe(from, ct);
    }

    private async ValueTask<ChannelOwner> OwnerAsync(PChannel channel, Term term, CancellationToken ct)
    {
        if (Find(channel, term) is { } present)
        {
            return present;
        }

        using var timeout = new CancellationTokenSource(OpenWait, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, timeout.Token);
        while (true)
        {
            var changed = _changed.Next;
            if (Find(channel, term) is { } owner)
            {
                return owner;
            }

            try
            {
                await changed.WaitAsync(either.Token);
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                throw MiniMilvusException.Fenced($"pchannel {channel}: not owned here in term {term} within {OpenWait.TotalSeconds:0} s; nothing was written");
            }
        }
    }

    private ChannelOwner? Find(PChannel channel, Term term)
    {
        if (!_owners.TryGetValue(channel, out var owner))
        {
            return null;
        }

        if (owner.Assignment.Term > term && term != Term.None)
        {
            throw MiniMilvusException.Fenced($"pchannel {channel}: expected term {owner.Assignment.Term}, found {term}; nothing was written");
        }

        return owner.Assignment.Term >= term ? owner : null;
    }
}
