using System.Collections.Immutable;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Proxy.Insert;

/// <summary>
/// Appends to several shards at once and waits for all. Atomicity is per shard (S10): when some shards have it and others do not, the error
/// says which.
/// </summary>
internal sealed class ShardWriter(IStreamingClient streaming)
{
    /// <returns>The latest tick: a reader that waits for it sees every row.</returns>
    public async ValueTask<Timestamp> WriteAsync(ImmutableArray<ShardWrite> writes, CancellationToken ct)
    {
        var outcomes = await Task.WhenAll(writes.Select(write => AppendAsync(write, ct)));
        var failed = outcomes.Where(o => o.Failure is not null).ToList();
        if (failed.Count == 0)
        {
            return outcomes.Aggregate(Timestamp.Zero, (latest, o) => Timestamp.Later(latest, o.Tick));
        }

        var first = failed[0].Failure!;
        if (failed.Count == outcomes.Length)
        {
            throw outcomes.Length == 1 ? first : new MiniMilvusException(first.Kind, first.Reason, $"no shard confirmed the request: {Reasons(failed)}", first);
        }

        var written = outcomes.Where(o => o.Failure is null).ToList();
        throw new MiniMilvusException(first.Kind, first.Reason,
            $"the request was partly applied: {written.Sum(o => o.Write.Rows)} rows on {string.Join(", ", written.Select(o => o.Write.Channel))} are written; {Reasons(failed)}", first);
    }

    private static string Reasons(List<Outcome> failed) => string.Join("; ", failed.Select(o => $"{o.Write.Rows} rows on {o.Write.Channel} failed: {o.Failure!.Message}"));

    private async Task<Outcome> AppendAsync(ShardWrite write, CancellationToken ct)
    {
        try
        {
            return new Outcome(write, (await streaming.AppendAsync(write.Channel, write.Messages, ct)).Tick, null);
        }
        catch (MiniMilvusException e)
        {
            return new Outcome(write, Timestamp.Zero, e);
        }
    }

    private readonly record struct Outcome(ShardWrite Write, Timestamp Tick, MiniMilvusException? Failure);
}
