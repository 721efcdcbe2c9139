using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Collection;

/// <summary>
/// The end of a log that is marked as deleted, by whoever comes to it first: its deleter, the next who creates its name, the collector after a
/// crash. Bytes first, then the segments' records, the log's own last, so that it can be begun again at every step. No retention: who deletes a
/// log gives its readers up.
/// </summary>
internal sealed class LogDeletion(ILogBackend backend, LogMetadata metadata)
{
    public async ValueTask FinishAsync(string log, CancellationToken ct)
    {
        await backend.DeleteLogAsync(log, ct);
        await metadata.RemoveSegmentsAsync(log, ct);
        await metadata.RemoveLogAsync(log, ct);
    }
}
