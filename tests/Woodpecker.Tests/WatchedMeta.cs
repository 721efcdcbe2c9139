using System.Collections.Immutable;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>Metadata that counts looks at a key, and lets a write wait, as one that stalled, or lose its reply.</summary>
internal sealed class WatchedMeta : IMetaStore
{
    private readonly Lock _lock = new();
    private readonly IMetaStore _inner = new DeafMetaStore(new MemoryMetaStore(TimeProvider.System));
    private (string Key, Func<Task> Meanwhile)? _stall;
    private (string Key, int Left, TaskCompletionSource Seen)? _looks;

    public bool LoseNextReply { get; set; }

    /// <summary>The next write of the key happens only when <paramref name="meanwhile"/> has ended.</summary>
    public void Stall(string key, Func<Task> meanwhile)
    {
        lock (_lock)
        {
            _stall = (key, meanwhile);
        }
    }

    /// <summary>Completes after so many more reads of the key.</summary>
    public Task LookedAtAsync(string key, int times)
    {
        lock (_lock)
        {
            var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _looks = (key, times, seen);
            return seen.Task;
        }
    }

    public ValueTask<MetaEntry?> GetAsync(string key, CancellationToken ct)
    {
        lock (_lock)
        {
            if (_looks is { } looks && looks.Key == key)
            {
                _looks = looks with { Left = looks.Left - 1 };
                if (looks.Left == 1)
                {
                    looks.Seen.TrySetResult();
                }
            }
        }

        return _inner.GetAsync(key, ct);
    }

    public async ValueTask<MetaTransactionResult> TransactAsync(ImmutableArray<MetaCompare> compares, ImmutableArray<MetaOperation> operations, CancellationToken ct)
    {
        Func<Task>? meanwhile = null;
        lock (_lock)
        {
            if (_stall is { } stall && operations.Any(o => o.Key == stall.Key))
            {
                (meanwhile, _stall) = (stall.Meanwhile, null);
            }
        }

        await (meanwhile?.Invoke() ?? Task.CompletedTask);
        var result = await _inner.TransactAsync(compares, operations, ct);
        if (LoseNextReply)
        {
            LoseNextReply = false;
            throw MiniMilvusException.Unavailable("injected: reply lost");
        }

        return result;
    }

    public ValueTask<MetaRange> RangeAsync(string prefix, CancellationToken ct) => _inner.RangeAsync(prefix, ct);

    public IAsyncEnumerable<MetaWatchBatch> WatchAsync(string prefix, long fromRevision, CancellationToken ct) => _inner.WatchAsync(prefix, fromRevision, ct);

    public ValueTask<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct) => _inner.GrantLeaseAsync(timeToLive, ct);

    public ValueTask KeepAliveAsync(long lease, CancellationToken ct) => _inner.KeepAliveAsync(lease, ct);

    public ValueTask RevokeLeaseAsync(long lease, CancellationToken ct) => _inner.RevokeLeaseAsync(lease, ct);
}
