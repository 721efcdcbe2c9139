using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Woodpecker.Metadata;

/// <summary>
/// The lock of a log whose store cannot fence (decision 8): every change is one compare-and-set on the record as its holder last saw it, so
/// whoever takes it stops all older holders at once, whatever of theirs is still on its way.
/// </summary>
internal sealed partial class LogMetadata
{
    public async ValueTask<Versioned<LogLockRecord>?> FindLockAsync(string log, CancellationToken ct)
    {
        var key = LogKeys.Lock(log);
        var entry = await store.GetAsync(key, ct);
        return entry is null ? null : new(LockJson.Read(key, entry.Value.Span), entry.ModRevision);
    }

    /// <summary>
    /// Takes the lock for a term that has raised the log's epoch, and keeps what is recorded as confirmed. Compares the log's own record too:
    /// of a log that was deleted meanwhile no lock is left behind.
    /// </summary>
    public ValueTask<Versioned<LogLockRecord>> TakeLockAsync(string log, Term term, CancellationToken ct) => RetryAsync($"lock of log '{log}' in term {term}", async _ =>
    {
        while (true)
        {
            var owned = await RequireOwnedAsync(log, term, ct);
            var current = await FindLockAsync(log, ct);
            if (current is { } held && held.Record.Epoch >= term.Value)
            {
                return held.Record.Epoch == term.Value && held.Record.WriterId == writerId
                    ? held // our own write, whose reply was lost (W9)
                    : throw LockLost(log, term, held.Record);
            }

            var key = LogKeys.Lock(log);
            var taken = (current?.Record ?? LogLockRecord.Free) with { Epoch = term.Value, WriterId = writerId, Taken = owned.ModRevision };
            var result = await store.TransactAsync(
                [new MetaCompare.ModRevision(LogKeys.Log(log), owned.ModRevision), current is { } old ? new MetaCompare.ModRevision(key, old.ModRevision) : MetaCompare.IsAbsent(key)],
                [new MetaOperation.Put(key, LockJson.Write(taken))],
                ct);
            if (result.Succeeded)
            {
                return new(taken, result.Revision);
            }
        }
    }, ct);

    /// <summary>Records what is confirmed, which only rises; Fenced unless the lock is as its holder left it.</summary>
    public ValueTask<Versioned<LogLockRecord>> ConfirmAsync(string log, Versioned<LogLockRecord> held, LogLockRecord next, CancellationToken ct) => RetryAsync($"confirmation of log '{log}' up to {next.Confirmed}", async _ =>
    {
        var key = LogKeys.Lock(log);
        var result = await store.TransactAsync([new MetaCompare.ModRevision(key, held.ModRevision)], [new MetaOperation.Put(key, LockJson.Write(next))], ct);
        if (result.Succeeded)
        {
            return new(next, result.Revision);
        }

        return await FindLockAsync(log, ct) is var found && found is { } mine && mine.Record == next
            ? mine // our own write, whose reply was lost: nobody else says the same of this term (W9)
            : throw LockLost(log, new Term(next.Epoch), found?.Record);
    }, ct);

    /// <summary>Stops the holder of a log that is being deleted.</summary>
    public ValueTask<bool> RemoveLockAsync(string log, CancellationToken ct) => RetryAsync($"removal of the lock of log '{log}'", async _ =>
    {
        await store.TransactAsync([], [new MetaOperation.Delete(LogKeys.Lock(log))], ct);
        return true;
    }, ct);

    private static MiniMilvusException LockLost(string log, Term term, LogLockRecord? found) => MiniMilvusException.Fenced(
        found is null ? $"log '{log}': expected its lock to be held in term {term}, found none: it is being deleted"
            : $"log '{log}': expected its lock to be ours in term {term}, found it held in term {found.Epoch} by writer '{found.WriterId}'");
}
