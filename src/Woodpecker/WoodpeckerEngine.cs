using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Collection;
using MiniMilvus.Woodpecker.Compaction;
using MiniMilvus.Woodpecker.Metadata;
using MiniMilvus.Woodpecker.Reading;
using MiniMilvus.Woodpecker.Writing;

namespace MiniMilvus.Woodpecker;

/// <summary>The contract of the log over any backend: what is decided in metadata, in which order, and who is told.</summary>
public abstract class WoodpeckerEngine : IWoodpecker
{
    private readonly ILogBackend _backend;
    private readonly LogMetadata _metadata;
    private readonly WoodpeckerOptions _options;
    private readonly TimeProvider _time;
    private readonly IStationSink _stations;
    private readonly LocalLogs _logs = new();
    private readonly EpochWatch _epochs;
    private readonly LogRoom _room;
    private readonly CompactionLoop? _compaction;
    private readonly ReaderLeases _leases;
    private readonly ForeignReaders _foreign;
    private readonly SegmentCollection _collection;
    private readonly LogDeletion _deletion;
    private readonly LogCollector _collector;

    private protected WoodpeckerEngine(
        LogMetadata metadata, Func<LogMetadata, ILogBackend> backend, WoodpeckerOptions options, TimeProvider time, IStationSink stations, ILogger? logger)
    {
        options.RequireSome();
        (_metadata, _backend, _options, _time, _stations) = (metadata, backend(metadata), options, time, stations);
        _epochs = new EpochWatch(metadata, _logs, options, time);
        _room = new LogRoom(options, _backend, time);
        _compaction = CompactionLoop.TryCreate(_backend, metadata, _logs, options, time);
        (_leases, _foreign) = (new ReaderLeases(metadata, _logs, options, time), new ForeignReaders(metadata, options, time));
        _collection = new SegmentCollection(_backend, metadata, OldestReaderAsync, options, time);
        _deletion = new LogDeletion(_backend, metadata);
        _collector = new LogCollector(_collection, _deletion, metadata, _logs, options, time, logger ?? NullLogger.Instance);
    }

    /// <summary>What compaction has done here; null where there is none.</summary>
    public CompactionStatus? Compaction => _compaction?.Status;

    internal ReadMetrics Reads => _logs.Reads;

    /// <summary>What is truncated and not collected, of the logs that this process owns or truncates.</summary>
    internal CollectionBacklog.Totals Backlog => _collector.Backlog;

    internal ILogBackend Backend => _backend;

    internal LogRoom Room => _room;

    /// <summary>What the collector does by itself, for one log and now, until nothing more is due.</summary>
    internal ValueTask CollectAsync(string log, CancellationToken ct) => _collector.CollectAsync(log, ct);

    public async ValueTask CreateAsync(string log, CancellationToken ct)
    {
        LogKeys.Check(log);
        using var turn = await _logs.EnterAsync(log, ct);
        if (await _metadata.FindLogAsync(log, ct) is { Record.Deleted: true })
        {
            await _deletion.FinishAsync(log, ct); // a delete that did not come to its end
        }

        if (!await _metadata.TryCreateLogAsync(log, ct))
        {
            throw MiniMilvusException.Conflict(ErrorReason.Unspecified, $"log '{log}' exists already");
        }
    }

    public async ValueTask<bool> ExistsAsync(string log, CancellationToken ct) =>
        await _metadata.FindLogAsync(LogKeys.Check(log), ct) is { Record.Deleted: false };

    public ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken ct) => _metadata.ListLogsAsync(ct);

    public async ValueTask DeleteAsync(string log, CancellationToken ct)
    {
        LogKeys.Check(log);
        using var turn = await _logs.EnterAsync(log, ct);
        if (await _metadata.MarkDeletedAsync(log, ct))
        {
            _logs.WriterOf(log)?.Abandon(MiniMilvusException.Fenced($"log '{log}' is being deleted"));
            _collector.Forget(log);
            await _deletion.FinishAsync(log, ct);
        }
    }

    public async ValueTask<ILogWriter> OpenWriterAsync(string log, Term term, CancellationToken ct)
    {
        LogKeys.Check(log);
        using var turn = await _logs.EnterAsync(log, ct);

        // Fence before anything is looked at: first the metadata, which outlives us, then whoever still writes (W3).
        var record = await _metadata.RaiseEpochAsync(log, term, ct);
        var guard = await _backend.FenceAsync(log, term, ct);
        try
        {
            _logs.WriterOf(log)?.Abandon(MiniMilvusException.Fenced($"log '{log}' was opened again in term {term}"));
            var number = await EndOldSegmentsAsync(log, term, guard, ct);
            await _metadata.CreateSegmentAsync(log, term, number, guard.LockRevision, ct);
            var segment = await _backend.CreateSegmentAsync(log, number, term, guard, ct);

            var start = new LogPosition(number, 0);
            var tail = new LogTail(start, _options.TailBytesMax);
            var queue = new EntryQueue(log, _options, _backend, _room, _time, start);
            var limit = new StepLimit(log, term, _options.StepTimeMax, _time);
            var commit = new GroupCommit(log, term, _backend, _metadata, new Durable(log, guard, _stations), limit, queue, tail, _stations, segment, number);
            var writer = new LogWriter(log, term, _options, _room, queue, guard, tail, _stations);
            writer.Start(commit);
            _compaction?.ForgetDamage(log);
            _logs.Opened(log, writer, tail);
            _epochs.Start();
            _compaction?.Hear(log);
            _collector.Start();
            if (record.TruncatedUntil > LogPosition.Beginning)
            {
                _collector.Hear(log); // what an older owner left, or a crash
            }

            await _epochs.LookAsync(writer, ct);
            return writer;
        }
        catch
        {
            await guard.DisposeAsync();
            throw;
        }
    }

    public IAsyncEnumerable<LogEntry> ReadAsync(string log, LogPosition from, LogPosition until, CancellationToken ct) =>
        new LogReader(LogKeys.Check(log), _backend, _metadata, _logs, _leases, _options, _time).ReadAsync(from, until, ct);

    public async ValueTask TruncateAsync(string log, LogPosition until, CancellationToken ct)
    {
        LogKeys.Check(log);
        using var turn = await _logs.EnterAsync(log, ct);
        var marks = await GetWatermarksAsync(log, ct);
        if (until > marks.Confirmed)
        {
            throw MiniMilvusException.Invalid($"truncation of log '{log}': expected a position up to {marks.Confirmed}, which is confirmed; found {until}");
        }

        // Metadata first: nobody starts to read what is about to go. The bytes go later, when readers and retention allow it (W12).
        var truncated = await _metadata.RaiseTruncationAsync(log, until, ct);
        if (!(await _collection.MarkAsync(log, truncated, await _metadata.ListSegmentsAsync(log, ct), ct)).IsEmpty)
        {
            _collector.Start();
            _collector.Hear(log);
        }
    }

    public async ValueTask<LogWatermarks> GetWatermarksAsync(string log, CancellationToken ct)
    {
        var record = (await _metadata.GetLogAsync(LogKeys.Check(log), ct)).Record;
        if (_logs.TailOf(log) is { } tail && _logs.WriterOf(log) is { } writer)
        {
            var confirmed = tail.Confirmed;
            return new LogWatermarks(record.TruncatedUntil, confirmed, confirmed, writer.Tail);
        }

        var known = await DeriveConfirmedAsync(log, ct);
        known = known > record.TruncatedUntil ? known : record.TruncatedUntil;
        return new LogWatermarks(record.TruncatedUntil, known, known, known);
    }

    public async ValueTask DisposeAsync()
    {
        await _epochs.DisposeAsync();
        await (_compaction?.DisposeAsync() ?? default);
        await _collector.DisposeAsync();
        await _leases.DisposeAsync();
        foreach (var writer in _logs.Writers)
        {
            await writer.DisposeAsync();
        }

        await _backend.DisposeAsync();
        _room.Dispose();
        _logs.Reads.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>The oldest segment that is read, here or elsewhere (W12).</summary>
    private async ValueTask<long> OldestReaderAsync(string log, CancellationToken ct) => Math.Min(await _foreign.OldestAsync(log, ct), _logs.OldestSegmentInUse(log));

    /// <summary>Ends what older writers left open (W4) and returns the number that comes next.</summary>
    private async ValueTask<long> EndOldSegmentsAsync(string log, Term term, IEpochGuard guard, CancellationToken ct)
    {
        var number = 0L;
        foreach (var (segment, _) in await _metadata.ListSegmentsAsync(log, ct))
        {
            if (segment.Epoch > term.Value)
            {
                throw MiniMilvusException.Fenced($"log '{log}': segment {segment.Number} belongs to term {segment.Epoch}; expected none above {term}");
            }

            if (segment.State == LogSegmentState.Active)
            {
                var entries = await _backend.RecoverSegmentAsync(log, segment, term, guard, ct);
                await _metadata.CompleteSegmentAsync(log, term, segment.Number, entries, ct);
            }

            number = segment.Number + 1;
        }

        return number;
    }

    /// <summary>What can be known without the writer: the decided ends, and what the newest segment's blocks say of each other.</summary>
    private async ValueTask<LogPosition> DeriveConfirmedAsync(string log, CancellationToken ct)
    {
        var segments = await _metadata.ListSegmentsAsync(log, ct);
        if (segments.Length == 0)
        {
            return LogPosition.Beginning;
        }

        var newest = segments[^1].Record;
        var known = newest.State == LogSegmentState.Active ? new LogPosition(newest.Number, 0) : newest.End;
        if (newest.State != LogSegmentState.Active || await _backend.OpenSegmentAsync(log, newest, ct) is not { } reader)
        {
            return known;
        }

        await using (reader)
        {
            while (true)
            {
                var read = await reader.NextAsync(long.MaxValue, ct);
                var says = read.Kind == BlockReadKind.Footer ? read.Header.First : read.Header.Confirmed;
                known = says > known ? says : known;
                if (read.Kind != BlockReadKind.Skipped)
                {
                    return known;
                }
            }
        }
    }
}
