using MiniMilvus.Core;

namespace MiniMilvus.Woodpecker;

/// <summary>One entry as read: its place and its bytes, which the reader may keep.</summary>
public readonly record struct LogEntry(LogPosition Position, ReadOnlyMemory<byte> Bytes);

/// <summary>
/// The log: append-only, named, durable, ordered. One writer per log (the newest term wins), any number of readers, in this process and others.
/// The same contract holds in every mode: memory, local disk, object storage, quorum.
/// Errors: MiniMilvusException — NotFound, Conflict (already exists), Fenced (a newer term has opened it), Unavailable (try again),
/// Corrupted (names log, segment, block and offset), Invalid.
/// </summary>
public interface IWoodpecker : IAsyncDisposable
{
    ValueTask CreateAsync(string log, CancellationToken ct);

    ValueTask<bool> ExistsAsync(string log, CancellationToken ct);

    /// <summary>Names of all logs, in ordinal order.</summary>
    ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken ct);

    /// <summary>Deletes a log with its data; absent is fine.</summary>
    ValueTask DeleteAsync(string log, CancellationToken ct);

    /// <summary>
    /// Opens for writing: raises the log's epoch to <paramref name="term"/> by compare-and-set (refuses a lower or equal one with Fenced),
    /// decides the end of what older writers wrote (W4), makes it durable, and returns a writer that goes on behind it.
    /// After it returned no write of an older writer becomes acked or readable (W3).
    /// </summary>
    ValueTask<ILogWriter> OpenWriterAsync(string log, Term term, CancellationToken ct);

    /// <summary>
    /// Entries in [<paramref name="from"/>, <paramref name="until"/>), in order, each once, never above confirmed (W16). Ends at
    /// <paramref name="until"/>; until then it waits for what is not there yet, woken by the ack when the writer is in this process.
    /// Throws NotFound when <paramref name="from"/> lies below the truncation point and is not <see cref="LogPosition.Beginning"/>
    /// (which means: the earliest there is), Corrupted by W16.
    /// </summary>
    IAsyncEnumerable<LogEntry> ReadAsync(string log, LogPosition from, LogPosition until, CancellationToken ct);

    /// <summary>Gives everything below <paramref name="until"/> up. Never goes back; beyond confirmed is Invalid.</summary>
    ValueTask TruncateAsync(string log, LogPosition until, CancellationToken ct);

    ValueTask<LogWatermarks> GetWatermarksAsync(string log, CancellationToken ct);
}

/// <summary>
/// <c>TruncatedUntil ≤ Confirmed ≤ Durable ≤ Tail</c>, each an exclusive end: the first position not truncated, the first not readable,
/// not durable, not yet given. The owner of the first is whoever truncates, of the others the writer.
/// </summary>
public readonly record struct LogWatermarks(LogPosition TruncatedUntil, LogPosition Confirmed, LogPosition Durable, LogPosition Tail);

/// <summary>An entry that has its place in the order and is on its way to be durable.</summary>
/// <param name="Position">The place it will have when durable, unless the writer fails first.</param>
/// <param name="Durable">Completes when it and everything before it is durable (W1, W2); fails when this writer fails.</param>
public readonly record struct PendingAppend(LogPosition Position, Task Durable);

/// <summary>The one writer of a log in its term. The first failure is sticky: everything later fails with it (W2).</summary>
public interface ILogWriter : IAsyncDisposable
{
    string Log { get; }

    Term Term { get; }

    /// <summary>The exclusive end of what is acked: entries below are readable.</summary>
    LogPosition Confirmed { get; }

    /// <summary>
    /// Gives entries their places, in call order and contiguous in order, and returns when they are queued (waits while the queue is full,
    /// 256 MB by default; returns later while memory or disk run short). The bytes are owned by the log until durable. An entry over 64 MB is
    /// Invalid; one for which memory or disk have no room is Unavailable (RateLimited, DiskFull), and the writer goes on.
    /// </summary>
    ValueTask<PendingAppend> EnqueueAsync(ReadOnlyMemory<byte> entry, CancellationToken ct);

    /// <summary>The same for an entry that <see cref="RequireRoom"/> or <see cref="AdmitAsync"/> let in, or that belongs behind one: neither slowed nor refused for want of room.</summary>
    ValueTask<PendingAppend> EnqueueOwedAsync(ReadOnlyMemory<byte> entry, CancellationToken ct) => EnqueueAsync(entry, ct);

    /// <summary>Throws Unavailable (RateLimited, DiskFull) while an entry would be refused for want of room.</summary>
    void RequireRoom()
    {
    }

    /// <summary>The same, and while room runs short it takes longer, the shorter the longer, within a bound.</summary>
    ValueTask AdmitAsync(CancellationToken ct) => default;

    /// <summary>Completes (never faults) when the writer has failed or was disposed; <see cref="Failure"/> says why.</summary>
    Task Stopped { get; }

    Exception? Failure { get; }
}
