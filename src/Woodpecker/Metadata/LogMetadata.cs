using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Woodpecker.Metadata;

/// <summary>
/// The log's decisions, each one compare-and-set: the epoch (W9), a segment's birth (W9), its end (W4), the truncation point. A write whose
/// reply was lost is tried again and recognised as ours by the writer id; a conflict with anybody else's record means that we are deposed.
/// </summary>
internal sealed partial class LogMetadata(IMetaStore store, WoodpeckerOptions options, TimeProvider time, string writerId)
{
    /// <summary>What a transaction takes at most.</summary>
    private const int OperationsMax = 128;

    /// <summary>Called with the log's name when this process has decided the end of a segment.</summary>
    public Action<string>? SegmentEnded { get; set; }

    public async ValueTask<Versioned<LogRecord>?> FindLogAsync(string log, CancellationToken ct)
    {
        var key = LogKeys.Log(log);
        var entry = await store.GetAsync(key, ct);
        return entry is null ? null : new(RecordJson.ReadLog(key, entry.Value.Span), entry.ModRevision);
    }

    public async ValueTask<long> GetRevisionAsync(CancellationToken ct) => (await store.RangeAsync(LogKeys.Revision, ct)).Revision;

    /// <summary>Changes of logs' records from a revision on, in order; null when a record went. Throws what <see cref="IMetaStore.WatchAsync"/> throws.</summary>
    public async IAsyncEnumerable<(string Log, LogRecord? Record)> WatchLogsAsync(long fromRevision, [EnumeratorCancellation] CancellationToken ct)
    {
        await foreach (var batch in store.WatchAsync(LogKeys.Logs, fromRevision, ct))
        {
            foreach (var (isDelete, entry) in batch.Events)
            {
                if (LogKeys.NameOf(entry.Key) is { } name)
                {
                    yield return (name, isDelete ? null : RecordJson.ReadLog(entry.Key, entry.Value.Span));
                }
            }
        }
    }

    public async ValueTask<Versioned<LogRecord>> GetLogAsync(string log, CancellationToken ct) =>
        await FindLogAsync(log, ct) is { Record.Deleted: false } found
            ? found
            : throw MiniMilvusException.NotFound(ErrorReason.ChannelNotFound, $"log '{log}' does not exist");

    public ValueTask<IReadOnlyList<string>> ListLogsAsync(CancellationToken ct) => ListLogsAsync(isDeleted: false, ct);

    /// <summary>Names of the logs that are there, or of those that are being deleted.</summary>
    public async ValueTask<IReadOnlyList<string>> ListLogsAsync(bool isDeleted, CancellationToken ct)
    {
        var range = await store.RangeAsync(LogKeys.Logs, ct);
        var names = new List<string>();
        foreach (var entry in range.Entries)
        {
            if (LogKeys.NameOf(entry.Key) is { } name && RecordJson.ReadLog(entry.Key, entry.Value.Span).Deleted == isDeleted)
            {
                names.Add(name);
            }
        }

        names.Sort(StringComparer.Ordinal);
        return names;
    }

    public async ValueTask<Versioned<LogSegmentRecord>?> FindSegmentAsync(string log, long segment, CancellationToken ct)
    {
        var key = LogKeys.Segment(log, segment);
        var entry = await store.GetAsync(key, ct);
        return entry is null ? null : new(RecordJson.ReadSegment(key, entry.Value.Span), entry.ModRevision);
    }

    /// <summary>Every segment that still has a record, oldest first.</summary>
    public async ValueTask<ImmutableArray<Versioned<LogSegmentRecord>>> ListSegmentsAsync(string log, CancellationToken ct)
    {
        var range = await store.RangeAsync(LogKeys.Segments(log), ct);
        return [.. range.Entries
            .Select(e => new Versioned<LogSegmentRecord>(RecordJson.ReadSegment(e.Key, e.Value.Span), e.ModRevision))
            .OrderBy(v => v.Record.Number)];
    }

    /// <summary>False when a log of that name exists.</summary>
    public ValueTask<bool> TryCreateLogAsync(string log, CancellationToken ct) => RetryAsync($"create of log '{log}'", async again =>
    {
        var record = new LogRecord(0, writerId, 0, 0, false);
        var result = await store.TransactAsync([MetaCompare.IsAbsent(LogKeys.Log(log))], [new MetaOperation.Put(LogKeys.Log(log), RecordJson.Write(record))], ct);
        if (result.Succeeded)
        {
            return true;
        }

        return again && await FindLogAsync(log, ct) is { } found && found.Record == record;
    }, ct);

    /// <summary>Raises the epoch to <paramref name="term"/> (W9); Fenced when it is not lower.</summary>
    public ValueTask<LogRecord> RaiseEpochAsync(string log, Term term, CancellationToken ct) => RetryAsync($"open of log '{log}' in term {term}", async again =>
    {
        while (true)
        {
            var current = await GetLogAsync(log, ct);
            if (current.Record.Epoch >= term.Value)
            {
                return again && current.Record.Epoch == term.Value && current.Record.WriterId == writerId
                    ? current.Record // our own write, whose reply was lost
                    : throw Deposed(log, term, current.Record);
            }

            var raised = current.Record with { Epoch = term.Value, WriterId = writerId };
            if (await ReplaceLogAsync(log, current, raised, ct))
            {
                return raised;
            }
        }
    }, ct);

    /// <summary>Throws Fenced unless the log is still ours.</summary>
    public async ValueTask<Versioned<LogRecord>> RequireOwnedAsync(string log, Term term, CancellationToken ct)
    {
        var current = await GetLogAsync(log, ct);
        return current.Record.Epoch == term.Value && current.Record.WriterId == writerId ? current : throw Deposed(log, term, current.Record);
    }

    public ValueTask<bool> CreateSegmentAsync(string log, Term term, long segment, CancellationToken ct) => CreateSegmentAsync(log, term, segment, null, ct);

    /// <param name="lockRevision">Where the log is written under a lock: <see cref="LogLockRecord.Taken"/>.</param>
    public ValueTask<bool> CreateSegmentAsync(string log, Term term, long segment, long? lockRevision, CancellationToken ct) => RetryAsync($"create of log segment {log}/{segment}", async _ =>
    {
        var record = new LogSegmentRecord(segment, LogSegmentState.Active, -1, term.Value, writerId) { LockRevision = lockRevision };
        while (true)
        {
            var owned = await RequireOwnedAsync(log, term, ct);
            var key = LogKeys.Segment(log, segment);
            var result = await store.TransactAsync(
                [new MetaCompare.ModRevision(LogKeys.Log(log), owned.ModRevision), MetaCompare.IsAbsent(key)],
                [new MetaOperation.Put(key, RecordJson.Write(record))],
                ct);
            if (result.Succeeded)
            {
                return true;
            }

            if (await FindSegmentAsync(log, segment, ct) is { } found)
            {
                return found.Record == record
                    ? true
                    : throw MiniMilvusException.Fenced($"log '{log}': segment {segment} was created by writer '{found.Record.WriterId}' in term {found.Record.Epoch}; expected to create it in term {term}");
            }
        }
    }, ct);

    /// <summary>Decides the end of a segment (W4): exactly <paramref name="entries"/> entries, for ever.</summary>
    public ValueTask<bool> CompleteSegmentAsync(string log, Term term, long segment, long entries, CancellationToken ct) => RetryAsync($"completion of log segment {log}/{segment}", async again =>
    {
        while (true)
        {
            var owned = await RequireOwnedAsync(log, term, ct);
            var current = await FindSegmentAsync(log, segment, ct)
                ?? throw MiniMilvusException.Corrupted($"log '{log}': segment {segment} has no metadata; expected it to be active");
            if (current.Record.State != LogSegmentState.Active)
            {
                return again && current.Record.LastEntry == entries - 1
                    ? Ended(log)
                    : throw MiniMilvusException.Fenced($"log '{log}': segment {segment} is {current.Record.State} with last entry {current.Record.LastEntry}; expected to complete it with {entries - 1}");
            }

            var completed = current.Record with { State = LogSegmentState.Completed, LastEntry = entries - 1 };
            var result = await store.TransactAsync(
                [new MetaCompare.ModRevision(LogKeys.Log(log), owned.ModRevision), new MetaCompare.ModRevision(LogKeys.Segment(log, segment), current.ModRevision)],
                [new MetaOperation.Put(LogKeys.Segment(log, segment), RecordJson.Write(completed))],
                ct);
            if (result.Succeeded)
            {
                return Ended(log);
            }

            again = true; // the log's record changed (truncation), or our own write came through after all
        }
    }, ct);

    /// <summary>
    /// Completed → Sealed (W8), in a form that is durable and whole; returns what the segment is then, which is something else when another was
    /// first, and null when it is gone. Whatever this process does to the log's record meanwhile is no takeover: only another epoch is Fenced.
    /// </summary>
    public ValueTask<LogSegmentRecord?> SealSegmentAsync(string log, Term term, long segment, string sealedAs, CancellationToken ct) => RetryAsync($"seal of log segment {log}/{segment}", async _ =>
    {
        while (true)
        {
            var owned = await RequireOwnedAsync(log, term, ct);
            if (await FindSegmentAsync(log, segment, ct) is not { } current)
            {
                return null;
            }

            if (current.Record.State != LogSegmentState.Completed)
            {
                return current.Record; // also when our own write came through after all: then it has our form's name
            }

            var next = current.Record with { State = LogSegmentState.Sealed, SealedAs = sealedAs };
            var result = await store.TransactAsync(
                [new MetaCompare.ModRevision(LogKeys.Log(log), owned.ModRevision), new MetaCompare.ModRevision(LogKeys.Segment(log, segment), current.ModRevision)],
                [new MetaOperation.Put(LogKeys.Segment(log, segment), RecordJson.Write(next))],
                ct);
            if (result.Succeeded)
            {
                return next;
            }
        }
    }, ct);

    /// <summary>Notes that only the sealed form is left. A segment that is Sealed no more is left alone.</summary>
    public ValueTask<bool> MarkSweptAsync(string log, long segment, CancellationToken ct) => RetryAsync($"sweep of log segment {log}/{segment}", async _ =>
    {
        while (await FindSegmentAsync(log, segment, ct) is { Record: { State: LogSegmentState.Sealed, IsSwept: false } } current)
        {
            var key = LogKeys.Segment(log, segment);
            var swept = new MetaOperation.Put(key, RecordJson.Write(current.Record with { IsSwept = true }));
            if ((await store.TransactAsync([new MetaCompare.ModRevision(key, current.ModRevision)], [swept], ct)).Succeeded)
            {
                break;
            }
        }

        return true;
    }, ct);

    /// <summary>Never goes back.</summary>
    public ValueTask<LogPosition> RaiseTruncationAsync(string log, LogPosition until, CancellationToken ct) => RetryAsync($"truncation of log '{log}'", async _ =>
    {
        while (true)
        {
            var current = await GetLogAsync(log, ct);
            if (current.Record.TruncatedUntil >= until)
            {
                return current.Record.TruncatedUntil;
            }

            if (await ReplaceLogAsync(log, current, current.Record.WithTruncatedUntil(until), ct))
            {
                return until;
            }
        }
    }, ct);

    /// <summary>Marks an ended segment as truncated, from now on; a repeat is fine, and keeps the first time.</summary>
    public ValueTask<LogSegmentRecord?> MarkTruncatedAsync(string log, long segment, CancellationToken ct) => RetryAsync($"truncation of log segment {log}/{segment}", async _ =>
    {
        while (true)
        {
            var current = await FindSegmentAsync(log, segment, ct);
            if (current is null or { Record: { State: LogSegmentState.Truncated, TruncatedAt: not null } or { State: LogSegmentState.Active } })
            {
                return current?.Record;
            }

            var (key, marked) = (LogKeys.Segment(log, segment), current.Value.Record with { State = LogSegmentState.Truncated, TruncatedAt = time.GetUtcNow() });
            if ((await store.TransactAsync([new MetaCompare.ModRevision(key, current.Value.ModRevision)], [new MetaOperation.Put(key, RecordJson.Write(marked))], ct)).Succeeded)
            {
                return marked;
            }
        }
    }, ct);

    /// <summary>The last step of a collection: the record of a truncated segment goes, and of no other (W8).</summary>
    public ValueTask<bool> RemoveTruncatedAsync(string log, long segment, CancellationToken ct) => RetryAsync($"removal of log segment {log}/{segment}", async _ =>
    {
        while (await FindSegmentAsync(log, segment, ct) is { Record.State: LogSegmentState.Truncated } current)
        {
            var key = LogKeys.Segment(log, segment);
            if ((await store.TransactAsync([new MetaCompare.ModRevision(key, current.ModRevision)], [new MetaOperation.Delete(key)], ct)).Succeeded)
            {
                break;
            }
        }

        return true;
    }, ct);

    /// <summary>Of a log that is being deleted: its readers are given up with it.</summary>
    public ValueTask<bool> RemoveSegmentsAsync(string log, CancellationToken ct) => RetryAsync($"removal of the segments of log '{log}'", async _ =>
    {
        var entries = (await store.RangeAsync(LogKeys.Segments(log), ct)).Entries.AddRange((await store.RangeAsync(LogKeys.Readers(log), ct)).Entries);
        foreach (var some in entries.Chunk(OperationsMax))
        {
            await store.TransactAsync([], [.. some.Select(e => (MetaOperation)new MetaOperation.Delete(e.Key))], ct);
        }

        return true;
    }, ct);

    /// <summary>Marks a log as being deleted, above every term, so that nobody writes it again. False when it does not exist.</summary>
    public ValueTask<bool> MarkDeletedAsync(string log, CancellationToken ct) => RetryAsync($"delete of log '{log}'", async _ =>
    {
        while (await FindLogAsync(log, ct) is { } current)
        {
            if (current.Record.Deleted || await ReplaceLogAsync(log, current, current.Record with { Deleted = true, Epoch = long.MaxValue }, ct))
            {
                return true;
            }
        }

        return false;
    }, ct);

    public ValueTask<bool> RemoveLogAsync(string log, CancellationToken ct) => RetryAsync($"delete of log '{log}'", async _ =>
    {
        if (await FindLogAsync(log, ct) is { Record.Deleted: true } current)
        {
            await store.TransactAsync([new MetaCompare.ModRevision(LogKeys.Log(log), current.ModRevision)], [new MetaOperation.Delete(LogKeys.Log(log))], ct);
        }

        return true;
    }, ct);

    private bool Ended(string log)
    {
        SegmentEnded?.Invoke(log);
        return true;
    }

    private async ValueTask<bool> ReplaceLogAsync(string log, Versioned<LogRecord> current, LogRecord next, CancellationToken ct)
    {
        var key = LogKeys.Log(log);
        return (await store.TransactAsync([new MetaCompare.ModRevision(key, current.ModRevision)], [new MetaOperation.Put(key, RecordJson.Write(next))], ct)).Succeeded;
    }

    public static MiniMilvusException Deposed(string log, Term term, LogRecord? found) => MiniMilvusException.Fenced(
        found is null or { Deleted: true } ? $"log '{log}' is being deleted" : $"log '{log}': expected epoch {term} to be ours, found epoch {found.Epoch} of writer '{found.WriterId}'");

    /// <summary>Bounded repetition of a step that recognises its own earlier success. The step hears whether an earlier try may have happened.</summary>
    private async ValueTask<T> RetryAsync<T>(string what, Func<bool, ValueTask<T>> step, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await step(attempt > 1);
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable)
            {
                if (attempt >= options.MetadataAttemptsMax)
                {
                    throw MiniMilvusException.Unavailable($"{what}: metadata did not answer in {attempt} attempts: {e.Message}", e);
                }

                await Task.Delay(options.MetadataRetryDelay, time, ct);
            }
        }
    }
}
