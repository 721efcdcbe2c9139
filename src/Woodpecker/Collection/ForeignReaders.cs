using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Collection;

/// <summary>
/// What processes elsewhere read, as their leases tell (W12). A lease has run out when it was seen twice, a lease's life apart, and nobody had
/// written it in between: only this process's own steady clock counts, so no two clocks need to agree.
/// </summary>
internal sealed class ForeignReaders(LogMetadata metadata, WoodpeckerOptions options, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Dictionary<string, (long ModRevision, long SeenAt)>> _seen = new(StringComparer.Ordinal);

    /// <summary>The oldest segment of the log that a living one needs.</summary>
    public async ValueTask<long> OldestAsync(string log, CancellationToken ct)
    {
        var oldest = long.MaxValue;
        var (living, listed) = (new Dictionary<string, (long, long)>(StringComparer.Ordinal), await metadata.ListReadersAsync(log, ct));
        foreach (var reader in listed)
        {
            var seenAt = SeenBefore(log, reader) ?? time.GetTimestamp();
            if (time.GetElapsedTime(seenAt) >= options.ReaderLeaseTime)
            {
                await metadata.RemoveReaderAsync(reader, ct);
                continue;
            }

            living[reader.Key] = (reader.ModRevision, seenAt);
            oldest = Math.Min(oldest, reader.Segment);
        }

        lock (_lock)
        {
            _seen.Remove(log);
            if (living.Count > 0)
            {
                _seen[log] = living;
            }
        }

        return oldest;
    }

    private long? SeenBefore(string log, ListedReader reader)
    {
        lock (_lock)
        {
            return _seen.TryGetValue(log, out var seen) && seen.TryGetValue(reader.Key, out var last) && last.ModRevision == reader.ModRevision ? last.SeenAt : null;
        }
    }
}
