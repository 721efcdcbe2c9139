using System.Runtime.CompilerServices;
using MiniMilvus.Core;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.Core.Errors;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.StreamingNode.Tests;

/// <summary>A log in memory whose durability the test decides: entries wait until they are released, or fail.</summary>
internal sealed class ScriptedLog : IWoodpecker
{
    private readonly AsyncSignal _changed = new();
    private readonly List<byte[]> _entries = [];
    private readonly List<TaskCompletionSource> _pending = [];
    private readonly List<Writer> _writers = [];

    /// <summary>Entries become durable as they come; else they wait for <see cref="Release"/>.</summary>
    public bool IsInstant { get; set; } = true;

    /// <summary>The next entry is refused before it has a place.</summary>
    public MiniMilvusException? RefuseNext { get; set; }

    /// <summary>There is no room: refuses whatever is not owed.</summary>
    public bool IsFull { get; set; }

    /// <summary>Called whenever somebody asks whether there is room, after the answer is known.</summary>
    public Action? OnRoomAsked { get; set; }

    public int Durable { get; private set; }

    public LogPosition TruncatedUntil { get; private set; }

    public int Count => _entries.Count;

    public void Release(int count)
    {
        for (var i = 0; i < count; i++)
        {
            _pending[Durable].SetResult();
            Durable++;
        }

        _changed.Pulse();
    }

    public void FailPending(Exception reason)
    {
        foreach (var pending in _pending.Skip(Durable))
        {
            pending.TrySetException(reason);
        }

        // What was never durable is not there for the next owner.
        _entries.RemoveRange(Durable, _entries.Count - Durable);
        _pending.RemoveRange(Durable, _pending.Count - Durable);
        _writers[^1].Fail(reason);
    }

    /// <summary>Forgets the last entries, as a crash in the middle of a transaction does.</summary>
    public void CutTo(int count)
    {
        _entries.RemoveRange(count, _entries.Count - count);
        _pending.RemoveRange(count, _pending.Count - count);
        Durable = count;
    }

    public ValueTask<ILogWriter> OpenWriterAsync(string log, Term term, CancellationToken ct)
    {
        var writer = new Writer(this, log, term);
        _writers.Add(writer);
        return new(writer);
    }

    public async IAsyncEnumerable<LogEntry> ReadAsync(string log, LogPosition from, LogPosition until, [EnumeratorCancellation] CancellationToken ct)
    {
        for (var at = Math.Max(from.Entry, TruncatedUntil.Entry); new LogPosition(0, at) < until; at++)
        {
            while (at >= Durable)
            {
                await _changed.Next.WaitAsync(ct);
            }

            yield return new LogEntry(new LogPosition(0, at), _entries[(int)at]);
        }
    }

    public ValueTask TruncateAsync(string log, LogPosition until, CancellationToken ct)
    {
        TruncatedUntil = until;
        return default;
    }

    public ValueTask<LogWatermarks> GetWatermarksAsync(string log, CancellationToken ct) =>
        new(new LogWatermarks(TruncatedUntil, new(0, Durable), new(0, Durable), new(0, _entries.Count)));

    public ValueTask CreateAsync(string log, CancellationToken ct) => default;

    public ValueTask<bool> ExistsAsync(string log, CancellationToken ct) => new(true);

    public ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken ct) => new((IReadOnlyList<string>)[]);

    public ValueTask DeleteAsync(string log, CancellationToken ct) => default;

    public ValueTask DisposeAsync() => default;

    private sealed class Writer(ScriptedLog log, string name, Term term) : ILogWriter
    {
        private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public string Log => name;

        public Term Term => term;

        public LogPosition Confirmed => new(0, log.Durable);

        public Task Stopped => _stopped.Task;

        public Exception? Failure { get; private set; }

        public void Fail(Exception reason)
        {
            Failure = reason;
            _stopped.TrySetResult();
        }

        public void RequireRoom()
        {
            var isFull = log.IsFull;
            log.OnRoomAsked?.Invoke();
            if (isFull)
            {
                throw MiniMilvusException.Unavailable(ErrorReason.DiskFull, "no room");
            }
        }

        public ValueTask<PendingAppend> EnqueueAsync(ReadOnlyMemory<byte> entry, CancellationToken ct)
        {
            RequireRoom();
            return EnqueueOwedAsync(entry, ct);
        }

        public ValueTask<PendingAppend> EnqueueOwedAsync(ReadOnlyMemory<byte> entry, CancellationToken ct)
        {
            if (log.RefuseNext is { } refusal)
            {
                log.RefuseNext = null;
                throw refusal;
            }

            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            log._entries.Add(entry.ToArray());
            log._pending.Add(done);
            var position = new LogPosition(0, log._entries.Count - 1);
            if (log.IsInstant)
            {
                log.Release(1);
            }

            return new(new PendingAppend(position, done.Task));
        }

        public ValueTask DisposeAsync() => default;
    }
}
