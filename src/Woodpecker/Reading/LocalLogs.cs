using System.Collections.Concurrent;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.Woodpecker.Writing;

namespace MiniMilvus.Woodpecker.Reading;

/// <summary>What this process does with each log: its writer, if it has one, and its readers.</summary>
internal sealed class LocalLogs
{
    private readonly ConcurrentDictionary<string, State> _logs = new(StringComparer.Ordinal);
    private readonly AsyncSignal _opened = new();

    public ReadMetrics Reads { get; } = new();

    /// <summary>The tail of a writer that lives here; null when there is none.</summary>
    public LogTail? TailOf(string log) => _logs.TryGetValue(log, out var state) && state.Tail is { IsClosed: false } tail ? tail : null;

    public LogWriter? WriterOf(string log) => _logs.TryGetValue(log, out var state) ? state.Writer : null;

    public IEnumerable<LogWriter> Writers => _logs.Values.Select(s => s.Writer).OfType<LogWriter>();

    /// <summary>Opening, truncating and deleting one log happen one at a time.</summary>
    public ValueTask<AsyncGate.Turn> EnterAsync(string log, CancellationToken ct) => StateOf(log).Gate.EnterAsync(ct);

    public void Opened(string log, LogWriter writer, LogTail tail)
    {
        var state = StateOf(log);
        (state.Writer, state.Tail) = (writer, tail);
        _opened.Pulse();
    }

    public void AddReader(string log, LogReader reader) => StateOf(log).Readers.TryAdd(reader, 0);

    public void RemoveReader(string log, LogReader reader) => StateOf(log).Readers.TryRemove(reader, out _);

    /// <summary>The oldest segment that a reader of this process stands in.</summary>
    public long OldestSegmentInUse(string log) => StateOf(log).Readers.Keys.Select(r => r.Segment).DefaultIfEmpty(long.MaxValue).Min();

    /// <summary>A segment was sealed here: readers that stand in its blocks go over to that form at their next step.</summary>
    public void Sealed(string log, long segment) => StateOf(log).Sealed.TryAdd(segment, 0);

    public void Swept(string log, long segment) => StateOf(log).Sealed.TryRemove(segment, out _);

    public bool IsSealed(string log, long segment) => _logs.TryGetValue(log, out var state) && state.Sealed.ContainsKey(segment);

    /// <summary>Whether a reader of this process stands in the blocks that a segment was sealed from, or may be about to.</summary>
    public bool IsReadInBlocks(string log, long segment) => StateOf(log).Readers.Keys.Any(r => r.Segment == segment && r.SealedSegment != segment);

    /// <summary>A bounded wait that ends early when a writer opens here.</summary>
    public async Task PauseAsync(TimeSpan atMost, TimeProvider time, CancellationToken ct)
    {
        var opened = _opened.Next;
        await await Task.WhenAny(Task.Delay(atMost, time, ct), opened);
    }

    private State StateOf(string log) => _logs.GetOrAdd(log, static _ => new State());

    private sealed class State
    {
        private volatile LogWriter? _writer;
        private volatile LogTail? _tail;

        public AsyncGate Gate { get; } = new();

        public ConcurrentDictionary<LogReader, byte> Readers { get; } = new();

        /// <summary>Sealed in this process and not swept yet.</summary>
        public ConcurrentDictionary<long, byte> Sealed { get; } = new();

        public LogWriter? Writer { get => _writer; set => _writer = value; }

        public LogTail? Tail { get => _tail; set => _tail = value; }
    }
}
