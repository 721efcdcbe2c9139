using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Time;
using MiniMilvus.QueryNode.Channels;

namespace MiniMilvus.QueryNode.Search;

/// <summary>Lets a read through when every shard it needs has reached its guarantee, and says at which T it runs (Q1, Q6).</summary>
internal sealed class GuaranteeGate(QueryNodeOptions options, TimeProvider time, QueryNodeMetrics metrics)
{
    public async ValueTask<Timestamp> PassAsync(ImmutableArray<Shard> shards, Timestamp guarantee, CancellationToken ct)
    {
        var now = Timestamp.FromUnixMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds());
        var latest = now.UnixMilliseconds + (long)options.GuaranteeAheadMax.TotalMilliseconds;
        if (guarantee.UnixMilliseconds > latest)
        {
            throw MiniMilvusException.Invalid($"guarantee timestamp: expected at most {options.GuaranteeAheadMax} ahead of {now}, found {guarantee}");
        }

        if (!shards.All(s => s.SafeTime.Value >= guarantee))
        {
            await WaitAsync(shards, guarantee, ct);
        }

        // Every shard is at or above both, so each shows all rows and deletes at or below T.
        return Timestamp.Later(guarantee, shards.Min(s => s.SafeTime.Value));
    }

    private async ValueTask WaitAsync(ImmutableArray<Shard> shards, Timestamp guarantee, CancellationToken ct)
    {
        var started = time.GetTimestamp();
        using var timeout = new CancellationTokenSource(options.GuaranteeTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, timeout.Token);
        foreach (var shard in shards)
        {
            try
            {
                await shard.SafeTime.WaitAsync(guarantee, either.Token);
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                throw MiniMilvusException.Unavailable(
                    $"{shard.Channel}: expected tSafe to reach the guarantee {guarantee} within {options.GuaranteeTimeout}, found {shard.SafeTime.Value}");
            }
        }

        metrics.WaitTime.Record(time.GetElapsedTime(started).TotalMilliseconds);
    }
}
