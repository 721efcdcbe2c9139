using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Query;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Proxy.Reading;

/// <summary>
/// Reads from every query node that serves a collection, and meanwhile signals the owners of its pchannels for a tick at or above the
/// guarantee (decision 3): with nothing pending they answer at once, so neither a Strong read nor an idle channel waits for the periodic
/// tick. Every node answers or the read fails (Q6).
/// </summary>
internal sealed class GuaranteedReader(IQueryRouter router, IStreamingClient streaming, ProxyOptions options, TimeProvider time, ILogger<GuaranteedReader> logger)
{
    public async ValueTask<ImmutableArray<T>> ReadAsync<T>(
        CollectionRecord collection, Timestamp guarantee, Func<QueryTarget, CancellationToken, ValueTask<T>> read, CancellationToken ct)
    {
        var targets = router.For(collection);
        if (targets.Sum(t => t.Channels.Length) != collection.Channels.Length)
        {
            throw MiniMilvusException.Unavailable(ErrorReason.NotReady, $"collection '{collection.Name}': no query node serves all of its {collection.Channels.Length} shards now");
        }

        using var timeout = new CancellationTokenSource(options.ReadTimeout, time);
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(ct, timeout.Token);
        using var signalling = CancellationTokenSource.CreateLinkedTokenSource(bounded.Token);
        var signals = guarantee > Timestamp.Eventually ? SignalAsync(collection, guarantee, signalling.Token) : Task.CompletedTask;
        try
        {
            return [.. await Task.WhenAll(targets.Select(target => read(target, bounded.Token).AsTask()))];
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw MiniMilvusException.Unavailable($"collection '{collection.Name}': no answer at timestamp {guarantee} within {options.ReadTimeout}", e);
        }
        finally
        {
            signalling.Cancel();
            await signals;
        }
    }

    private Task SignalAsync(CollectionRecord collection, Timestamp atLeast, CancellationToken ct) =>
        Task.WhenAll(collection.Channels.Select(c => c.PChannel).Distinct().Select(channel => SignalAsync(channel, atLeast, ct)));

    /// <summary>A signal only hastens the tick that the read waits for; when it fails, the read itself reports what is wrong.</summary>
    private async Task SignalAsync(PChannel channel, Timestamp atLeast, CancellationToken ct)
    {
        try
        {
            await streaming.SignalAsync(channel, atLeast, ct);
        }
        catch (MiniMilvusException e)
        {
            Log.SignalFailed(logger, channel, e.Message);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The read is over: nobody waits for this tick any more.
        }
    }
}
