using MiniMilvus.Core.Concurrency;
using MiniMilvus.Core.Errors;
using MiniMilvus.Woodpecker.Reading;
using MiniMilvus.Woodpecker.Writing;

namespace MiniMilvus.Woodpecker.Metadata;

/// <summary>
/// Tells this process's writers that a newer term has opened their log, by one watch on the metadata for all of them: a writer with nothing
/// to write asks nobody, and still does not keep its readers waiting. A courtesy only: what shuts it out is the guard (W1, W3).
/// </summary>
internal sealed class EpochWatch : IAsyncDisposable
{
    private readonly LogMetadata _metadata;
    private readonly LocalLogs _logs;
    private readonly WoodpeckerOptions _options;
    private readonly TimeProvider _time;
    private readonly BackgroundTask _loop;

    public EpochWatch(LogMetadata metadata, LocalLogs logs, WoodpeckerOptions options, TimeProvider time) =>
        (_metadata, _logs, _options, _time, _loop) = (metadata, logs, options, time, new BackgroundTask(RunAsync));

    /// <summary>With the first writer of the process.</summary>
    public void Start() => _loop.Start();

    /// <summary>For a writer that has just begun: a newer term may have come before anybody here knew of this one.</summary>
    public async ValueTask LookAsync(LogWriter writer, CancellationToken ct) => Tell(writer, (await _metadata.FindLogAsync(writer.Log, ct))?.Record);

    public ValueTask DisposeAsync() => _loop.DisposeAsync();

    private async Task RunAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            try
            {
                await FollowAsync(ct);
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return;
            }
            catch (MiniMilvusException)
            {
                // The store is away, or has compacted what the watch missed, or a record does not read: look at every log anew.
                await Task.WhenAny(Task.Delay(_options.MetadataRetryDelay, _time, ct));
            }
        }
    }

    private async Task FollowAsync(CancellationToken ct)
    {
        var from = await _metadata.GetRevisionAsync(ct) + 1;
        foreach (var writer in _logs.Writers)
        {
            await LookAsync(writer, ct);
        }

        await foreach (var (log, record) in _metadata.WatchLogsAsync(from, ct))
        {
            // News may be older than the writer (a log of its name that was deleted): what counts is the record as it is now.
            if (_logs.WriterOf(log) is { } writer && IsNewer(record, writer))
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
