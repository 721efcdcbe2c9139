using MiniMilvus.Core;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.Woodpecker.Blocks;

namespace MiniMilvus.Woodpecker.Reading;

/// <summary>
/// The end of a log as its writer publishes it to readers in the same process: the confirmed position, a signal when it moves, and the
/// newest blocks in memory (only while somebody reads, and bounded: a reader that falls behind goes to the files).
/// </summary>
internal sealed class LogTail(LogPosition start, int bytesMax)
{
    private readonly Lock _lock = new();
    private readonly AsyncSignal _moved = new();
    private readonly List<DecodedBlock> _recent = [];
    private LogPosition _confirmed = start;
    private long _bytes;
    private int _readers;
    private bool _isClosed;

    /// <summary>Completes at the next change; take it before looking.</summary>
    public Task Moved => _moved.Next;

    public LogPosition Confirmed
    {
        get
        {
            lock (_lock)
            {
                return _confirmed;
            }
        }
    }

    /// <summary>The writer has ended: what follows is not told here.</summary>
    public bool IsClosed
    {
        get
        {
            lock (_lock)
            {
                return _isClosed;
            }
        }
    }

    public void AddReader()
    {
        lock (_lock)
        {
            _readers++;
        }
    }

    public void RemoveReader()
    {
        lock (_lock)
        {
            if (--_readers == 0)
            {
                _recent.Clear();
                _bytes = 0;
            }
        }
    }

    /// <summary>Blocks as readers may keep them, or null when nobody reads. Runs beside the flush, so that copying costs the ack nothing.</summary>
    public List<DecodedBlock>? Prepare(IReadOnlyList<EncodedBlock> blocks)
    {
        lock (_lock)
        {
            if (_readers == 0)
            {
                return null;
            }
        }

        return blocks.Select(b => DecodedBlock.TryDecodeTrusted(b.Header, b.TakePayload())!).ToList();
    }

    /// <summary>Everything below <paramref name="end"/> is acked (W2: called in order, without gaps).</summary>
    public void Confirm(LogPosition end, List<DecodedBlock>? blocks)
    {
        lock (_lock)
        {
            _confirmed = end;
            if (blocks is null || _readers == 0)
            {
                _recent.Clear();
                _bytes = 0;
            }
            else
            {
                Remember(blocks);
            }
        }

        _moved.Pulse();
    }

    public void Close()
    {
        lock (_lock)
        {
            _isClosed = true;
        }

        _moved.Pulse();
    }

    /// <summary>The confirmed block that holds <paramref name="position"/>, or (when its segment ended there) the one after it; null when memory does not have it.</summary>
    public DecodedBlock? Find(LogPosition position)
    {
        lock (_lock)
        {
            if (_recent.Count == 0 || position < _recent[0].First)
            {
                return null;
            }

            var (low, high) = (0, _recent.Count);
            while (low < high)
            {
                var middle = (low + high) / 2;
                if (_recent[middle].End <= position)
                {
                    low = middle + 1;
                }
                else
                {
                    high = middle;
                }
            }

            return low < _recent.Count ? _recent[low] : null;
        }
    }

    private void Remember(List<DecodedBlock> blocks)
    {
        _recent.AddRange(blocks);
        _bytes += blocks.Sum(b => (long)b.Bytes);
        var dropped = 0;
        while (_bytes > bytesMax && dropped < _recent.Count)
        {
            _bytes -= _recent[dropped++].Bytes;
        }

        _recent.RemoveRange(0, dropped);
    }
}
