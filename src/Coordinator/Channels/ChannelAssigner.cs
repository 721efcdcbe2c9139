using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Coordinator.Channels;

/// <summary>
/// Assigns pchannels to streaming nodes, each in a term that only rises. The term is raised here, before the new owner opens its log, and
/// timestamps for ticks are granted to the newest term only (T7): a deposed owner can neither write nor say that nothing is pending.
/// </summary>
internal sealed class ChannelAssigner(IMetaStore meta, CoordinatorOptions options, ILogger logger) : IChannelAssigner
{
    private readonly AsyncGate _gate = new();
    private readonly ConcurrentDictionary<PChannel, ChannelAssignment> _current = new();

    /// <summary>Every pchannel of this data folder.</summary>
    public IReadOnlyList<PChannel> Channels { get; } =
        [.. Enumerable.Range(0, options.PChannels).Select(i => new PChannel($"{options.PChannelPrefix}_{i}"))];

    /// <summary>The assigned streaming nodes that are alive, by node id.</summary>
    private readonly SortedDictionary<long, NodeSession> _nodes = [];

    public async Task StartAsync(CancellationToken ct)
    {
        foreach (var entry in (await meta.RangeAsync(CatalogKeys.AssignmentPrefix, ct)).Entries)
        {
            var assignment = CatalogCodec.Assignment(entry);
            _current[assignment.Channel] = assignment;
        }
    }

    /// <summary>Refuses a stale term (T7).</summary>
    public void RequireTerm(PChannel channel, Term term)
    {
        var current = _current.TryGetValue(channel, out var assignment) ? assignment.Term : Term.None;
        if (term != current)
        {
            throw MiniMilvusException.Fenced($"pchannel {channel}: expected term {current}, found {term}");
        }
    }

    public async ValueTask NodeJoinedAsync(NodeSession node, CancellationToken ct)
    {
        using var turn = await _gate.EnterAsync(ct);
        _nodes[node.NodeId] = node;
        foreach (var channel in Channels)
        {
            // Channels of nodes that are gone move at once; a second node takes its share when nodes leave.
            if (!_current.TryGetValue(channel, out var assignment) || !_nodes.ContainsKey(assignment.NodeId))
            {
                await AssignAsync(channel, ct);
            }
        }
    }

    public async ValueTask NodeLeftAsync(long nodeId, CancellationToken ct)
    {
        using var turn = await _gate.EnterAsync(ct);
        _nodes.Remove(nodeId);
        foreach (var channel in Channels)
        {
            if (_nodes.Count > 0 && _current.TryGetValue(channel, out var assignment) && assignment.NodeId == nodeId)
            {
                await AssignAsync(channel, ct);
            }
        }
    }

    public async ValueTask<ChannelAssignment> ReportErrorAsync(ChannelAssignment assignment, CancellationToken ct)
    {
        using var turn = await _gate.EnterAsync(ct);
        if (!_current.TryGetValue(assignment.Channel, out var current) && !Channels.Contains(assignment.Channel))
        {
            // A node would be sent to open a log that is none, over and over.
            throw MiniMilvusException.NotFound(ErrorReason.ChannelNotFound, $"pchannel '{assignment.Channel}' does not exist: an error was reported of it in term {assignment.Term}");
        }

        if (current is not null && current.Term > assignment.Term)
        {
            return current;
        }

        return await AssignAsync(assignment.Channel, ct);
    }

    private async ValueTask<ChannelAssignment> AssignAsync(PChannel channel, CancellationToken ct)
    {
        if (_nodes.Count == 0)
        {
            throw MiniMilvusException.Unavailable($"pchannel {channel}: no streaming node is alive");
        }

        var node = _nodes.Values.MinBy(n => (_current.Values.Count(a => a.NodeId == n.NodeId && a.Channel != channel), n.NodeId))!;
        var key = CatalogKeys.Assignment(channel);
        while (true)
        {
            var stored = await meta.GetAsync(key, ct);
            var term = new Term((stored is null ? 0 : CatalogCodec.Assignment(stored).Term.Value) + 1);
            var assignment = new ChannelAssignment(channel, term, node.NodeId, node.Address);
            var result = await meta.TransactAsync(
                [new MetaCompare.ModRevision(key, stored?.ModRevision ?? 0)],
                [new MetaOperation.Put(key, CatalogCodec.Encode(assignment))],
                ct);
            if (result.Succeeded)
            {
                _current[channel] = assignment;
                Log.ChannelAssigned(logger, channel, term, node.NodeId);
                return assignment;
            }
        }
    }
}
