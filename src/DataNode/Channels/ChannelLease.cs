using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.DataNode.Channels;

/// <summary>
/// This node's right to persist a pchannel: its term. Every commit passes here, so that after the first Fenced answer nothing more
/// is written for the channel, whoever tries (S9).
/// </summary>
internal sealed class ChannelLease(PChannel channel, Term term, ICoordinator coordinator, Retry retry) : IDisposable
{
    private readonly CancellationTokenSource _lost = new();

    public PChannel Channel { get; } = channel;
    public Term Term { get; } = term;
    /// <summary>Cancelled when the channel is given up.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>Commits, trying again while the coordinator is unavailable. Throws Fenced when the term is stale, now or from before.</summary>
    public async ValueTask CommitAsync(SegmentCommit commit, CancellationToken ct)
    {
        if (commit.Term != Term || commit.Channel.PChannel != Channel)
        {
            throw MiniMilvusException.Internal($"expected a commit for {Channel} in term {Term}, found {commit.Channel} in term {commit.Term}");
        }

        await GuardAsync(commit.GetType().Name, async token =>
        {
            await coordinator.CommitAsync(commit, token);
            return true;
        }, ct);
    }

    public ValueTask<long> AllocateIdAsync(CancellationToken ct) => GuardAsync("id allocation", token => coordinator.AllocateIdsAsync(1, token), ct);

    public void Lose() => _lost.Cancel();

    public void Dispose() => _lost.Dispose();

    private async ValueTask<T> GuardAsync<T>(string what, Func<CancellationToken, ValueTask<T>> step, CancellationToken ct)
    {
        try
        {
            return await retry.RunAsync(what, token => _lost.IsCancellationRequested
                ? throw MiniMilvusException.Fenced($"{Channel}: term {Term} was given up")
                : step(token), ct);
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Fenced)
        {
            Lose();
            throw;
        }
    }
}
