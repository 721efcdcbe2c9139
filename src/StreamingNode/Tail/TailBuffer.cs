using System.Runtime.CompilerServices;
using MiniMilvus.Core;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Streaming;

namespace MiniMilvus.StreamingNode.Tail;

/// <summary>
/// The recent confirmed messages of a pchannel and its newest tick: publish/subscribe without an external queue (claim 17). Holds decoded
/// messages that all consumers share (decision 11), at most <c>bytesMax</c> of them; a subscriber that falls further behind is cut off and
/// goes on from the stored log, so it pins neither memory nor the writer (Q8).
/// </summary>
internal sealed class TailBuffer(LogPosition start, long bytesMax)
{
    private const int FramesPerTurn = 256;

    private readonly Lock _lock = new();
    private readonly Queue<(LogMessage Message, long Bytes)> _messages = new();
    private readonly AsyncSignal _changed = new();
    private long _firstIndex;
    private long _bytes;
    private LogPosition _start = start;
    private TimeTick _tick;
    private Exception? _closed;

    public long Bytes
    {
        get
        {
            lock (_lock)
            {
                return _bytes;
            }
        }
    }

    /// <summary>Adds a confirmed message; messages come in log order.</summary>
    public void Publish(LogMessage message, long bytes)
    {
        lock (_lock)
        {
            _messages.Enqueue((message, bytes));
            _bytes += bytes;

            // A confirmed message is a tick of its own: everything stamped before it is durable too (W2, T1).
            _tick = new TimeTick(message.Term, message.TimeTick, message.Position.Next);
            while (_bytes > bytesMax && _messages.Count > 1)
            {
                var (evicted, size) = _messages.Dequeue();
                _bytes -= size;
                _firstIndex++;
                _start = evicted.Position.Next;
            }
        }
    }

    /// <summary>Sets the newest tick; every message at or below it has been published before (T1).</summary>
    public void Publish(TimeTick tick)
    {
        lock (_lock)
        {
            if (tick.Tick <= _tick.Tick)
            {
                throw MiniMilvusException.Internal($"tick {tick.Tick} published after {_tick.Tick} (T6)");
            }

            _tick = tick;
        }
    }

    /// <summary>Wakes the subscribers; called once per group of publications.</summary>
    public void Wake() => _changed.Pulse();

    /// <summary>Ends every subscription: the owner has lost the channel.</summary>
    public void Close(Exception reason)
    {
        lock (_lock)
        {
            _closed ??= reason;
        }

        _changed.Pulse();
    }

    public TailSubscription Subscribe(LogPosition from, CancellationToken ct)
    {
        lock (_lock)
        {
            var index = _firstIndex;
            var start = _start;
            foreach (var (message, _) in _messages)
            {
                if (message.Position >= from)
                {
                    break;
                }

                index++;
                start = message.Position.Next;
            }

            return new TailSubscription(from > start ? from : start, FramesAsync(index, ct));
        }
    }

    private async IAsyncEnumerable<TailFrame> FramesAsync(long index, [EnumeratorCancellation] CancellationToken ct)
    {
        var frames = new List<TailFrame>(FramesPerTurn);
        TimeTick delivered = default;
        while (true)
        {
            var changed = _changed.Next;
            frames.Clear();
            Take(ref index, ref delivered, frames);
            foreach (var frame in frames)
            {
                yield return frame;
            }

            if (frames.Count == 0)
            {
                await changed.WaitAsync(ct);
            }
        }
    }

    private void Take(ref long index, ref TimeTick delivered, List<TailFrame> frames)
    {
        lock (_lock)
        {
            if (index < _firstIndex)
            {
                throw MiniMilvusException.Unavailable($"tail reader is {_firstIndex - index} messages behind the tail buffer: go on from the stored log");
            }

            if (_closed is not null)
            {
                throw MiniMilvusException.Unavailable("the channel's owner has changed", _closed);
            }

            var skip = index - _firstIndex;
            foreach (var (message, _) in _messages.Skip((int)skip).Take(FramesPerTurn))
            {
                frames.Add(new TailFrame(message, default));
                index++;
            }

            // A tick only after everything up to its position (T7).
            if (index == _firstIndex + _messages.Count && _tick.Tick > delivered.Tick)
            {
                delivered = _tick;
                frames.Add(new TailFrame(null, _tick));
            }
        }
    }
}
