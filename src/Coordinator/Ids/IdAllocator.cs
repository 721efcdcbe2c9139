using System.Buffers.Binary;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Coordinator.Ids;

/// <summary>Ids from a persisted window: a restart skips what was left of it, so no id is given twice.</summary>
internal sealed class IdAllocator(IMetaStore meta, long window) : IIdAllocator
{
    private const long FirstId = 1_000;

    private readonly AsyncGate _gate = new();
    private long _next;
    private long _limit;
    private long _revision;

    public async Task StartAsync(CancellationToken ct)
    {
        var stored = await meta.GetAsync(CatalogKeys.Ids, ct);
        _revision = stored?.ModRevision ?? 0;
        _next = _limit = stored is null ? FirstId : BinaryPrimitives.ReadInt64BigEndian(stored.Value.Span);
    }

    public async ValueTask<long> AllocateIdsAsync(int count, CancellationToken ct)
    {
        if (count <= 0)
        {
            throw MiniMilvusException.Invalid($"ids: expected a count of at least 1, found {count}");
        }

        using var turn = await _gate.EnterAsync(ct);
        if (_next + count > _limit)
        {
            await ExtendAsync(Math.Max(_limit, _next + count) + window, ct);
        }

        var first = _next;
        _next += count;
        return first;
    }

    private async ValueTask ExtendAsync(long limit, CancellationToken ct)
    {
        var value = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(value, limit);
        var result = await meta.TransactAsync(
            [new MetaCompare.ModRevision(CatalogKeys.Ids, _revision)],
            [new MetaOperation.Put(CatalogKeys.Ids, value)],
            ct);
        if (result.Succeeded)
        {
            (_revision, _limit) = (result.Revision, limit);
            return;
        }

        var stored = await meta.GetAsync(CatalogKeys.Ids, ct);
        if (stored is null || !stored.Value.Span.SequenceEqual(value))
        {
            throw MiniMilvusException.Fenced("the id limit was moved by another coordinator");
        }

        (_revision, _limit) = (stored.ModRevision, limit); // Our own write whose reply was lost (W9).
    }
}
