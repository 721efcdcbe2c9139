using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Core;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.Woodpecker.Blocks;

namespace MiniMilvus.Woodpecker.Writing;

/// <summary>
/// Gives entries their places, in call order, and collects them into groups for the commit loop. Bounded in bytes and entries until they
/// are durable; when full, callers wait in the order they came. Decides where a log segment ends: by size, blocks or age.
/// </summary>
internal sealed class EntryQueue : IDisposable
{
    /// <summary>The lists of large groups are large objects; a few go round.</summary>
    private const int SpareListsMax = 4;
    private readonly Lock _lock = new();
    private readonly Stack<List<ReadOnlyMemory<byte>>> _spare = new();
    private readonly Queue<EntryGroup> _groups = new();
    private readonly LinkedList<Waiter> _waiting = new();
    private readonly AsyncSignal _changed = new();
    private readonly string _log;
    private readonly WoodpeckerOptions _options;
    private readonly ILogBackend _backend;
    private readonly LogRoom _room;
    private readonly TimeProvider _time;
    private readonly GroupPace _pace;
    private EntryGroup? _open;
    private LogPosition _next;
    private long _segmentBytes;
    private int _segmentBlocks;
    private long _segmentStarted;
    private long _bytes;
    private int _entries;
    private Exception? _refusal;
    private bool _isFailed;
    private long _held;
    private bool _isOver;

    public EntryQueue(string log, WoodpeckerOptions options, ILogBackend backend, LogRoom room, TimeProvider time, LogPosition start)
    {
        (_log, _options, _backend, _room, _time, _next) = (log, options, backend, room, time, start);
        _segmentStarted = time.GetTimestamp();
        _pace = new GroupPace(backend.GroupInterval, time, _changed.Pulse);
    }

    /// <summary>The place that the next entry will get (unless a segment ends before it).</summary>
    public LogPosition Tail
    {
        get
        {
            lock (_lock)
            {
                return _next;
            }
        }
    }

    /// <summary>Completes at the next change; take it before looking.</summary>
    public Task Changed => _changed.Next;

    /// <param name="isOwed">It belongs behind an entry that was taken: never too much for the process's memory.</param>
    public ValueTask<PendingAppend> EnqueueAsync(ReadOnlyMemory<byte> entry, bool isOwed, CancellationToken ct)
    {
        PendingAppend placed;
        bool wake;
        lock (_lock)
        {
            if (_refusal is { } refusal)
            {
                return ValueTask.FromException<PendingAppend>(refusal);
            }

            if (isOwed)
            {
                _room.Hold(entry.Length);
            }
            else if (!_room.TryHold(entry.Length))
            {
                return ValueTask.FromException<PendingAppend>(_room.Refusal(_log, entry.Length));
            }

            _held += entry.Length;
            if (_waiting.Count > 0 || !HasRoom(entry))
            {
                var waits = WaitAsync(new Waiter(entry), ct);
                _changed.Pulse(); // a group that took its time presses now
                return new(waits);
            }

            var (groups, bytes) = (_groups.Count, _open?.Bytes ?? 0);
            placed = Place(entry);
            wake = _groups.Count > groups || Reaches(_backend.EarlyGroupBytesMin, bytes) || (_pace.IsOn && Reaches(_backend.BlockBytesMax, bytes));
        }

        if (wake)
        {
            _changed.Pulse();
        }

        return new(placed);
    }

    /// <summary>
    /// The next group. An idle caller takes whatever there is, also the first of another segment; a busy one only a group that is worth
    /// starting before the one under way has ended. Null when there is none such.
    /// </summary>
    public EntryGroup? TryTake(long segment, bool isIdle)
    {
        lock (_lock)
        {
            if (!_groups.TryPeek(out var group) || (!isIdle && (group.First.Segment != segment || group.Bytes < _backend.EarlyGroupBytesMin)) || !_pace.TryStart(Presses(group)))
            {
                return null;
            }

            _groups.Dequeue();
            if (group == _open)
            {
                _open = null;
            }

            return group;
        }
    }

    /// <summary>No more will come, and all has been taken.</summary>
    public bool IsEnded
    {
        get
        {
            lock (_lock)
            {
                return _refusal is not null && _groups.Count == 0 && _waiting.Count == 0;
            }
        }
    }

    /// <summary>Whoever failed the queue has deposed the writer: nothing more is its to decide.</summary>
    public void ThrowIfFailed()
    {
        lock (_lock)
        {
            if (_isFailed)
            {
                throw _refusal!;
            }
        }
    }

    /// <summary>A group became durable: its room goes to those who wait.</summary>
    public void Release(EntryGroup group)
    {
        List<(Waiter Waiter, PendingAppend Placed)>? served = null;
        lock (_lock)
        {
            _bytes -= group.Bytes;
            LetGo(group.Bytes);
            _entries -= group.Entries.Count;
            if (_spare.Count < SpareListsMax)
            {
                group.Entries.Clear();
                _spare.Push(group.Entries);
            }

            while (_waiting.First is { } first && HasRoom(first.Value.Entry))
            {
                _waiting.RemoveFirst();
                (served ??= []).Add((first.Value, Place(first.Value.Entry)));
            }
        }

        if (served is not null)
        {
            _changed.Pulse();
            foreach (var (waiter, placed) in served)
            {
                waiter.Served.TrySetResult(placed);
            }
        }
    }

    /// <summary>Refuses later entries; those that are queued, and those that wait for room, are still served.</summary>
    public void Close(Exception why)
    {
        lock (_lock)
        {
            _refusal ??= why;
        }

        _changed.Pulse();
    }

    /// <summary>Refuses later entries and fails all that are here (W2).</summary>
    public void Fail(Exception why)
    {
        EntryGroup[] groups;
        Waiter[] waiting;
        lock (_lock)
        {
            (_refusal, _isFailed) = (why, true);
            groups = [.. _groups];
            waiting = [.. _waiting];

            // What is on its way is held until it has come to rest.
            LetGo(_isOver ? _held : groups.Sum(g => g.Bytes) + waiting.Sum(w => (long)w.Entry.Length));
            _groups.Clear();
            _waiting.Clear();
            _open = null;
        }

        _changed.Pulse();
        foreach (var group in groups)
        {
            group.Fail(why);
        }

        foreach (var waiter in waiting)
        {
            waiter.Served.TrySetException(why);
        }
    }

    /// <summary>The commit loop is over.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _pace.Dispose();
            LetGo(_held);
            _isOver = true;
        }
    }

    /// <summary>Whether waiting would win nothing: it cannot grow or is a block already, appenders wait for its room, or the writer is being closed.</summary>
    private bool Presses(EntryGroup group) => group != _open || group.Bytes >= _backend.BlockBytesMax || _waiting.Count > 0 || _refusal is not null;

    private void LetGo(long bytes)
    {
        _held -= bytes;
        _room.Release(bytes);
    }

    private bool Reaches(int bytes, long before) => _open!.Bytes >= bytes && before < bytes;

    private bool HasRoom(ReadOnlyMemory<byte> entry) =>
        _entries == 0 || (_bytes + entry.Length <= _options.QueueBytesMax && _entries < _options.QueueEntriesMax);

    private PendingAppend Place(ReadOnlyMemory<byte> entry)
    {
        if (_next.Entry > 0 && IsSegmentFull(entry.Length))
        {
            _next = new LogPosition(_next.Segment + 1, 0);
            (_segmentBytes, _segmentBlocks, _open) = (0, 0, null);
        }

        if (_next.Entry == 0)
        {
            _segmentStarted = _time.GetTimestamp();
        }

        if (_open is null || _open.Bytes + entry.Length > _options.GroupBytesMax)
        {
            _open = new EntryGroup(_next, _spare.TryPop(out var list) ? list : []);
            _groups.Enqueue(_open);
        }

        if (_open.Add(entry, _backend.BlockBytesMax))
        {
            _segmentBlocks++;
            _segmentBytes += BlockHeader.Bytes;
        }

        _segmentBytes += BlockHeader.EntryPrefixBytes + entry.Length;
        _bytes += entry.Length;
        _entries++;
        var place = _next;
        _next = place.Next;
        return new PendingAppend(place, _open.Durable);
    }

    private bool IsSegmentFull(int entryBytes) =>
        _segmentBytes + entryBytes > _options.SegmentBytesMax
        || _segmentBlocks >= _options.SegmentBlocksMax
        || _time.GetElapsedTime(_segmentStarted) >= _options.SegmentAgeMax;

    /// <summary>Called under the lock, so that the order of waiting is the order of the calls.</summary>
    private Task<PendingAppend> WaitAsync(Waiter waiter, CancellationToken ct)
    {
        var node = _waiting.AddLast(waiter);
        return ServedAsync();

        async Task<PendingAppend> ServedAsync()
        {
            await using var registration = ct.UnsafeRegister(
                _ =>
                {
                    lock (_lock)
                    {
                        if (node.List is null)
                        {
                            return; // served meanwhile: it has its place
                        }

                        _waiting.Remove(node);
                        LetGo(waiter.Entry.Length);
                    }

                    waiter.Served.TrySetCanceled(ct);
                },
                null);
            return await waiter.Served.Task;
        }
    }

    private sealed class Waiter(ReadOnlyMemory<byte> entry)
    {
        public ReadOnlyMemory<byte> Entry { get; } = entry;
        public TaskCompletionSource<PendingAppend> Served { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
