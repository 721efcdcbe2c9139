using MiniMilvus.Core.Errors;
using MiniMilvus.Woodpecker.Reading;
using MiniMilvus.Woodpecker.Writing;

namespace MiniMilvus.Woodpecker.Metadata;

/// <summary>
/// Tells this process's writers that a newer term has opened their log, by one watch on the metadata for all of them: a writer with nothing
/// to write asks nobody, and still does not keep its readers waiting. A courtesy only: what shuts it out is the guard (W1, W3).
/// </summary>
internal sealed class EpochWatch(LogMetadata metadata, WoodpeckerOptions options, TimeProvider time) : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private Task? _running;

    /// <summary>With the first writer of the process.</summary>
    public void Start(LocalLogs logs)
    {
        lock (_lock)
        {
            _running ??= RunAsync(logs, _stop.Token);
        }
    }

    /// <summary>For a writer that has just begun: a newer term may have come before anybody here knew of this one.</summary>
    public async ValueTask LookAsync(LogWriter writer, CancellationToken ct) => Tell(writer, (await metadata.FindLogAsync(writer.Log, ct))?.Record);

    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested)
        {
            return;
        }

        _stop.Cancel();
        await (_running ?? Task.CompletedTask);
        _stop.Dispose();
    }

    private async Task RunAsync(LocalLogs logs, CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            try
            {
                await FollowAsync(logs, ct);
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return;
            }
            catch (MiniMilvusException)
            {
                // The store is away, or has compacted what the watch missed, or a record does not read: look at every log anew.
                await Task.WhenAny(Task.Delay(options.MetadataRetryDelay, time, ct));
            }
        }
    }

    private async Task FollowAsync(LocalLogs logs, CancellationToken ct)
    {
        var from = await metadata.GetRevisionAsync(ct) + 1;
        foreach (var writer in logs.Writers)
        {
            await LookAsync(writer, ct);
        }

        await foreach (var (log, record) in metadata.WatchLogsAsync(from, ct))
        {
            // News may be older than the writer (a log of its name that was deleted): what counts is the record as it is now.
            if (logs.WriterOf(log) is { } writer && IsNewer(record, writer))
            {
                await LookAsync(writer, ct);
            }
        }
    }

    private static bool IsNewer(LogRecord? found, LogWriter writer) => found is null || found.Epoch > writer.Term.Value;

    private static void Tell(LogWriter writer, LogRecord? found)
    {
        if (IsNewer(found, writer))
        {
            writer.Abandon(LogMetadata.Deposed(writer.Log, writer.Term, found));
        }
    }
}
