using System.Buffers;
using MiniMilvus.Core;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;
using MiniMilvus.Simulation.World;

namespace MiniMilvus.Simulation.Model;

/// <summary>
/// What any reader of a pchannel was ever shown. Every other reader, in this life of the server or a later one, catching up or at the tail, must
/// be shown the same messages in the same order (T4, W1, W4); ticks rise with positions (T6, W15); after a tick T nothing at or below it comes (T1).
/// </summary>
internal sealed class LogLedger(PChannel channel, Violations violations)
{
    private readonly SortedList<LogPosition, Entry> _entries = [];
    private readonly SortedDictionary<SegmentId, long> _rows = [];
    private readonly Dictionary<SegmentId, LogPosition> _created = [];
    private readonly Dictionary<SegmentId, LogPosition> _flushed = [];

    public PChannel Channel => channel;

    public int Count => _entries.Count;

    /// <summary>Rows that the log was seen to assign to each segment (S1, S2).</summary>
    public IReadOnlyDictionary<SegmentId, long> RowsOf => _rows;

    /// <summary>
    /// Whether those are all: every entry from the segment's first to its last was shown to somebody right behind the one before it. That both ends
    /// were seen says less: a reader may see the beginning and then no more, and when the next one begins the log may be truncated beyond
    /// rows that were flushed and that nobody has been shown.
    /// </summary>
    public bool SawWhole(SegmentId segment)
    {
        if (!_created.TryGetValue(segment, out var created) || !_flushed.TryGetValue(segment, out var flushed))
        {
            return false;
        }

        var (first, last) = (_entries.IndexOfKey(created), _entries.IndexOfKey(flushed));
        return Enumerable.Range(first + 1, Math.Max(0, last - first)).All(i => _entries.Values[i].Follows);
    }

    /// <summary>A place from which a reader may start: an entry's resume position.</summary>
    public LogPosition ResumeAt(int index) => _entries.Values[index].Resume;

    public Cursor Open(LogPosition from) => new(this, from);

    private void Take(LogMessage message, ref int last, ref Timestamp tick, LogPosition from)
    {
        var hash = Hash(message);
        var at = _entries.IndexOfKey(message.Position);
        if (at >= 0)
        {
            if (_entries.Values[at].Hash != hash)
            {
                violations.Add("T4 every reader sees the same messages", $"{channel} {message.Position}: {message.Type} at {message.TimeTick} is not what another reader saw");
            }
        }
        else
        {
            _entries.Add(message.Position, new Entry(hash, message.TimeTick, message.CommitTick, message.ResumePosition, Follows: false));
            at = _entries.IndexOfKey(message.Position);
            CheckTicks(at);
            Count1(message);
        }

        if (last >= 0 && at != last + 1)
        {
            violations.Add("T4 every message once, in order", $"{channel}: {message.Position} (index {at}) follows {_entries.Keys[Math.Min(last, _entries.Count - 1)]} (index {last}); another reader saw {at - last - 1} messages between");
        }

        if (last >= 0 && at == last + 1 && !_entries.Values[at].Follows)
        {
            _entries.SetValueAtIndex(at, _entries.Values[at] with { Follows = true });
        }

        if (last < 0 && from != LogPosition.Beginning && at > 0 && _entries.Keys[at - 1] >= from)
        {
            violations.Add("T3 a reader begins where it was told", $"{channel}: from {from} the first message is {message.Position}, but {_entries.Keys[at - 1]} lies between");
        }

        if (message.CommitTick <= tick)
        {
            violations.Add("T1 after a tick nothing at or below it comes", $"{channel} {message.Position}: {message.Type} committed at {message.CommitTick}, after the tick {tick}");
        }

        last = at;
    }

    private void CheckTicks(int at)
    {
        if ((at > 0 && _entries.Values[at - 1].Tick >= _entries.Values[at].Tick) || (at + 1 < _entries.Count && _entries.Values[at + 1].Tick <= _entries.Values[at].Tick))
        {
            violations.Add("T6 ticks rise with positions", $"{channel}: tick {_entries.Values[at].Tick} at {_entries.Keys[at]}");
        }
    }

    private void Count1(LogMessage message)
    {
        switch (message.Body)
        {
            case CreateSegmentBody create:
                _created.TryAdd(create.Segment, message.Position);
                _rows.TryAdd(create.Segment, 0);
                break;
            case InsertBody insert:
                if (_flushed.ContainsKey(insert.Segment))
                {
                    violations.Add("S1 Flush follows a segment's last row", $"{channel} {message.Position}: rows of segment {insert.Segment} after its Flush");
                }

                _rows[insert.Segment] = _rows.GetValueOrDefault(insert.Segment) + insert.Rows.Count;
                break;
            case FlushBody flush:
                _flushed.TryAdd(flush.Segment, message.Position);
                break;
        }
    }

    private static ulong Hash(LogMessage message)
    {
        var bytes = new ArrayBufferWriter<byte>();
        MessageCodec.Encode(message, bytes);
        var hash = 14695981039346656037UL;
        foreach (var b in bytes.WrittenSpan)
        {
            hash = (hash ^ b) * 1099511628211UL;
        }

        return hash ^ message.CommitTick.Value;
    }

    /// <param name="Follows">Some reader was shown it right behind the entry before it here: nothing lies between.</param>
    private readonly record struct Entry(ulong Hash, Timestamp Tick, Timestamp Commit, LogPosition Resume, bool Follows);

    /// <summary>One reader's way through the log.</summary>
    public sealed class Cursor(LogLedger ledger, LogPosition from)
    {
        private readonly List<Timestamp> _commits = [];
        private int _last = -1;
        private LogPosition _lastPosition;
        private Timestamp _tick;

        public IReadOnlyList<Timestamp> Commits => _commits;

        public LogPosition LastPosition => _lastPosition;

        public Timestamp Tick => _tick;

        public void Take(LogEvent value)
        {
            if (value.Message is not { } message)
            {
                _tick = Timestamp.Later(_tick, value.Tick.Tick);
                return;
            }

            if (_last >= 0)
            {
                // Another reader may have added entries meanwhile: find our place again.
                _last = ledger._entries.IndexOfKey(_lastPosition);
            }

            ledger.Take(message, ref _last, ref _tick, from);
            _lastPosition = message.Position;
            if (_commits.Count == 0 || _commits[^1] != message.CommitTick)
            {
                _commits.Add(message.CommitTick);
            }
        }
    }
}
