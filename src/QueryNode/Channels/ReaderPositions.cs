using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;

namespace MiniMilvus.QueryNode.Channels;

/// <summary>
/// Tells the coordinator what of each pchannel this node still needs (S3): for each shard the lower of its checkpoint, where a reload would
/// begin, and what it has consumed; for the pchannel the lowest of its shards.
/// </summary>
internal sealed class ReaderPositions(ICoordinator coordinator, QueryNodeOptions options, TimeProvider time, ILogger logger)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<VChannel, (LogPosition Checkpoint, LogPosition Consumed)> _needed = [];
    private readonly Dictionary<PChannel, LogPosition> _reported = [];
    private readonly TaskCompletionSource<long> _node = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The session in whose name positions are reported.</summary>
    public void Registered(long node) => _node.TrySetResult(node);

    /// <summary>Where a shard begins; reported before this returns.</summary>
    public async ValueTask SetAsync(VChannel channel, LogPosition from, CancellationToken ct)
    {
        var node = await _node.Task.WaitAsync(ct);
        LogPosition lowest;
        lock (_gate)
        {
            _needed[channel] = (from, from);
            lowest = Lowest(channel.PChannel);
        }

        await coordinator.ReportReaderPositionAsync(node, channel.PChannel, lowest, ct);
        lock (_gate)
        {
            _reported[channel.PChannel] = lowest;
        }
    }

    public void Consumed(VChannel channel, LogPosition position)
    {
        lock (_gate)
        {
            if (_needed.TryGetValue(channel, out var known))
            {
                _needed[channel] = (known.Checkpoint, position);
            }
        }
    }

    public void Checkpointed(VChannel channel, LogPosition position)
    {
        lock (_gate)
        {
            if (_needed.TryGetValue(channel, out var known) && position > known.Checkpoint)
            {
                _needed[channel] = (position, known.Consumed);
            }
        }
    }

    public void Remove(VChannel channel)
    {
        lock (_gate)
        {
            _needed.Remove(channel);
        }
    }

    /// <summary>Reports what has changed, at most once an interval.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        var node = await _node.Task.WaitAsync(ct);
        while (true)
        {
            await Task.Delay(options.ReportInterval, time, ct);
            foreach (var (channel, position) in Changed())
            {
                try
                {
                    await coordinator.ReportReaderPositionAsync(node, channel, position, ct);
                    lock (_gate)
                    {
                        _reported[channel] = position;
                    }
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    // The old, lower position stands, which is safe.
                    Log.ReportFailed(logger, e, channel, position);
                }
            }
        }
    }

    private List<(PChannel Channel, LogPosition Position)> Changed()
    {
        lock (_gate)
        {
            return [.. _reported.Keys.Select(c => (c, Lowest(c))).Where(p => p.Item2 != _reported[p.c])];
        }
    }

    // Nothing needed = no bound.
    private LogPosition Lowest(PChannel channel)
    {
        var lowest = LogPosition.Max;
        foreach (var (shard, needed) in _needed)
        {
            if (shard.PChannel == channel)
            {
                lowest = LogPosition.Min(lowest, LogPosition.Min(needed.Checkpoint, needed.Consumed));
            }
        }

        return lowest;
    }
}
