using MiniMilvus.Coordinator.Limits;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Coordinator.Timestamps;

/// <summary>
/// The TSO. Grants come from memory below a persisted limit, so a restart begins above everything ever granted (T6) and an idle system writes
/// nothing. A restart begins at the limit, so the limit is a window beyond the clock, not beyond the last grant: restarts in a row would else
/// carry timestamps away from the clock, until no guarantee is believed any more (Q1). The limit moves by compare-and-set: an oracle that was
/// replaced finds a limit that is not its own and stops granting (T8).
/// </summary>
internal sealed class TimestampOracle(IMetaStore meta, TimeProvider time, TimeSpan window)
{
    private const uint CountMax = 1u << 16;
    private const int StepsPerWindow = 100;

    private readonly Lock _lock = new();
    private readonly AsyncGate _extending = new();
    private readonly PersistedLimit _persisted = new(meta, CatalogKeys.Tso);
    private Timestamp _next;
    private Timestamp _limit;

    /// <summary>Reads the old limit and begins above it.</summary>
    public async Task StartAsync(CancellationToken ct)
    {
        _limit = new Timestamp(await _persisted.TakeOverAsync(ct) ?? 0);
        _next = Timestamp.Later(_limit, Now());
        _limit = _next; // The first grant persists a new limit.
    }

    public async ValueTask<TimestampRange> AllocateAsync(int count, CancellationToken ct)
    {
        if (count is <= 0 or > (int)CountMax)
        {
            throw MiniMilvusException.Invalid($"timestamps: expected a count of 1 to {CountMax}, found {count}");
        }

        while (true)
        {
            if (TryTake(count, out var range))
            {
                return range;
            }

            await ExtendAsync(count, ct);
        }
    }

    private bool TryTake(int count, out TimestampRange range)
    {
        lock (_lock)
        {
            var first = Timestamp.Later(_next, Now());
            var end = first.Plus((ulong)count);
            if (end > _limit)
            {
                range = default;
                return false;
            }

            _next = end;
            range = new TimestampRange(first, count);
            return true;
        }
    }

    private async ValueTask ExtendAsync(int count, CancellationToken ct)
    {
        using var turn = await _extending.EnterAsync(ct);
        Timestamp limit;
        lock (_lock)
        {
            var from = Timestamp.Later(_next, Now()).Plus((ulong)count);
            if (from <= _limit)
            {
                return; // Whoever had the gate before us extended it.
            }

            limit = Timestamp.Later(Later(Now(), window), Later(from, window / StepsPerWindow));
        }

        await _persisted.MoveAsync(limit.Value, ct);
        lock (_lock)
        {
            _limit = limit;
        }
    }

    private static Timestamp Later(Timestamp from, TimeSpan by) => from.Plus((ulong)by.TotalMilliseconds << Timestamp.LogicalBits);

    private Timestamp Now() => Timestamp.FromUnixMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds());
}
