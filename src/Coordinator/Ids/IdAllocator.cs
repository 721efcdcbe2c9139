using MiniMilvus.Coordinator.Limits;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Coordinator.Ids;

/// <summary>Ids from a persisted window: a restart skips what was left of it, so no id is given twice.</summary>
internal sealed class IdAllocator(IMetaStore meta, long window) : IIdAllocator
{
    private const ulong FirstId = 1_000;

    private readonly AsyncGate _gate = new();
    private readonly PersistedLimit _persisted = new(meta, CatalogKeys.Ids);
    private long _next;
    private long _limit;

    public async Task StartAsync(CancellationToken ct) => _next = _limit = (long)Math.Max(await _persisted.TakeOverAsync(ct) ?? 0, FirstId);

    public async ValueTask<long> AllocateIdsAsync(int count, CancellationToken ct)
    {
        if (count <= 0)
        {
            throw MiniMilvusException.Invalid($"ids: expected a count of at least 1, found {count}");
        }

        using var turn = await _gate.EnterAsync(ct);
        if (_next + count > _limit)
        {
            var limit = _next + count + window;
            await _persisted.MoveAsync((ulong)limit, ct);
            _limit = limit;
        }

        var first = _next;
        _next += count;
        return first;
    }
}
