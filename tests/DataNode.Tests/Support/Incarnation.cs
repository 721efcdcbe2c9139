using System.Buffers;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.DataNode.Tests.Support;

/// <summary>What a fault does to one operation.</summary>
internal enum Fault
{
    None,
    /// <summary>Unavailable, and nothing happened.</summary>
    Refused,
    /// <summary>Unavailable, but it happened (W14).</summary>
    ReplyLost,
    /// <summary>The process dies before the operation.</summary>
    CrashBefore,
    /// <summary>The process dies when the operation has happened.</summary>
    CrashAfter,
}

/// <summary>One life of the data node's process: every write to the outside passes here and may meet a fault. A dead process writes nothing.</summary>
internal sealed class Incarnation(ICoordinator coordinator, IObjectStore objects, Func<string, int, Fault> plan) : ICoordinator, IObjectStore, IDisposable
{
    private readonly CancellationTokenSource _dead = new();
    private int _operations;

    public int Operations => Volatile.Read(ref _operations);
    public CancellationToken Dead => _dead.Token;

    /// <summary>Awaited before each operation; tests use it to hold one back.</summary>
    public Func<string, Task>? Hold { get; set; }

    /// <summary>Awaited by the commit of interest, for tests that pause the process.</summary>
    public Func<SegmentCommit, Task>? HoldCommit { get; set; }

    public void Kill() => _dead.Cancel();

    public void Dispose() => _dead.Dispose();

    public async ValueTask CommitAsync(SegmentCommit commit, CancellationToken ct)
    {
        if (HoldCommit is { } hold)
        {
            await hold(commit);
        }

        await RunAsync($"commit {commit.GetType().Name}", async () =>
        {
            await coordinator.CommitAsync(commit, CancellationToken.None);
            return true;
        });
    }

    public ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct) =>
        RunAsync($"put {key}", () => objects.PutAsync(key, content, condition, CancellationToken.None));

    public ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct) => objects.GetAsync(key, ct);

    public ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct) => objects.GetRangeAsync(key, offset, bytes, ct);

    public ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct) => objects.HeadAsync(key, ct);

    public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, CancellationToken ct) => objects.ListAsync(prefix, ct);

    public async ValueTask DeleteAsync(string key, CancellationToken ct) => await RunAsync($"delete {key}", async () =>
    {
        await objects.DeleteAsync(key, CancellationToken.None);
        return true;
    });

    public ValueTask<long> RegisterAsync(string role, string address, CancellationToken ct) => RunAsync("register", () => coordinator.RegisterAsync(role, address, ct));

    public ValueTask<Term> AcquireDataChannelAsync(long nodeId, PChannel channel, CancellationToken ct) => RunAsync("acquire", () => coordinator.AcquireDataChannelAsync(nodeId, channel, ct));

    public ValueTask ReportReaderPositionAsync(long nodeId, PChannel channel, LogPosition position, CancellationToken ct) => coordinator.ReportReaderPositionAsync(nodeId, channel, position, ct);

    public ValueTask<long> ExecuteAsync(DdlCommand command, CancellationToken ct) => throw new NotSupportedException();

    public ValueTask<TimestampRange> AllocateTicksAsync(PChannel channel, Term term, int count, CancellationToken ct) => throw new NotSupportedException();

    public ValueTask<long> AllocateIdsAsync(int count, CancellationToken ct) => RunAsync("ids", () => coordinator.AllocateIdsAsync(count, ct));

    public ValueTask<TimestampRange> AllocateTimestampsAsync(int count, CancellationToken ct) => throw new NotSupportedException();

    private async ValueTask<T> RunAsync<T>(string what, Func<ValueTask<T>> operation)
    {
        if (Hold is { } hold)
        {
            await hold(what);
        }

        _dead.Token.ThrowIfCancellationRequested();
        var fault = plan(what, Interlocked.Increment(ref _operations) - 1);
        switch (fault)
        {
            case Fault.Refused:
                throw MiniMilvusException.Unavailable($"{what}: refused");
            case Fault.CrashBefore:
                Die();
                break;
        }

        var result = await operation();
        switch (fault)
        {
            case Fault.ReplyLost:
                throw MiniMilvusException.Unavailable($"{what}: the reply was lost");
            case Fault.CrashAfter:
                Die();
                break;
        }

        return result;
    }

    private void Die()
    {
        _dead.Cancel();
        _dead.Token.ThrowIfCancellationRequested();
    }
}
