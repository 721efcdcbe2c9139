using System.Buffers;
using System.Runtime.CompilerServices;
using MiniMilvus.Core;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;
using MiniMilvus.Simulation.World;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Simulation.Golden;

/// <summary>Open, or closed until somebody opens it.</summary>
internal sealed class Gate
{
    private TaskCompletionSource? _closed;

    public void Close() => _closed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Open()
    {
        var closed = _closed;
        _closed = null;
        closed?.SetResult();
    }

    public Task PassAsync() => _closed?.Task ?? Task.CompletedTask;
}

/// <summary>
/// What a script may hold back, so that it can show what happens meanwhile: the query node's reading of the log ("tail") and of files ("load"),
/// the data node's writing of files ("upload"), a flush of the log ("disk"), and one search behind the taking of its snapshot.
/// </summary>
internal sealed class GoldenHolds : SimSeams
{
    private readonly SortedDictionary<string, Gate> _gates = new(StringComparer.Ordinal);
    private TaskCompletionSource? _next;
    private TaskCompletionSource? _release;

    /// <summary>By name; the tail of one pchannel of several is "tail p0".</summary>
    public Gate this[string name] => _gates.TryGetValue(name, out var gate) ? gate : _gates[name] = new Gate();

    /// <summary>Holds the next search behind its snapshot; completes when there is one.</summary>
    public Task HoldNextSearch()
    {
        _release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _next = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return _next.Task;
    }

    public void ReleaseSearch()
    {
        _release?.TrySetResult();
        _next = null;
    }

    public override ILogReader QueryNodeLog(ILogReader log) => new HeldLog(log, this);

    public override IObjectStore QueryNodeObjects(IObjectStore objects) => new HeldObjects(objects, this["load"], new Gate());

    public override IObjectStore DataNodeObjects(IObjectStore objects) => new HeldObjects(objects, new Gate(), this["upload"]);

    public override IComputePool Searches(IComputePool pool) => new HeldPool(pool, this);

    private sealed class HeldLog(ILogReader inner, GoldenHolds holds) : ILogReader
    {
        public async IAsyncEnumerable<LogEvent> ReadAsync(PChannel channel, LogPosition from, [EnumeratorCancellation] CancellationToken ct)
        {
            await foreach (var next in inner.ReadAsync(channel, from, ct))
            {
                await holds["tail"].PassAsync();
                await holds["tail " + GoldenNames.Short(channel)].PassAsync();
                yield return next;
            }
        }
    }

    private sealed class HeldPool(IComputePool inner, GoldenHolds holds) : IComputePool
    {
        public async Task<T> RunAsync<T>(Func<T> work, CancellationToken ct)
        {
            if (holds._next is { Task.IsCompleted: false } next)
            {
                next.SetResult();
                await holds._release!.Task;
            }

            return await inner.RunAsync(work, ct);
        }
    }

    private sealed class HeldObjects(IObjectStore inner, Gate reads, Gate writes) : IObjectStore
    {
        public async ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct)
        {
            await writes.PassAsync();
            return await inner.PutAsync(key, content, condition, ct);
        }

        public async ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct)
        {
            await reads.PassAsync();
            return await inner.GetAsync(key, ct);
        }

        public async ValueTask<FileView> ViewAsync(string key, CancellationToken ct)
        {
            await reads.PassAsync();
            return await inner.ViewAsync(key, ct);
        }

        public async ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct)
        {
            await reads.PassAsync();
            return await inner.GetRangeAsync(key, offset, bytes, ct);
        }

        public ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct) => inner.HeadAsync(key, ct);

        public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, CancellationToken ct) => inner.ListAsync(prefix, ct);

        public ValueTask DeleteAsync(string key, CancellationToken ct) => inner.DeleteAsync(key, ct);
    }
}
