using System.Runtime.CompilerServices;
using MiniMilvus.Core;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;

namespace MiniMilvus.DataNode.Tests.Support;

/// <summary>
/// A pchannel's log in memory, read as the contract says: transactions whole after their commit, with the Begin's position as resume position.
/// Reading that starts inside a transaction is Corrupted, as in production: a checkpoint there is a defect.
/// </summary>
internal sealed class FakeLog(PChannel channel) : ILogReader
{
    private readonly Lock _lock = new();
    private readonly List<LogEvent> _events = [];
    private readonly HashSet<LogPosition> _inside = [];
    private readonly AsyncSignal _grown = new();
    private LogPosition _next = new(0, 1);
    private ulong _tick = Timestamp.FromUnixMilliseconds(1_000).Value;

    public static readonly FieldId Key = new(100);
    public static readonly FieldId Vector = new(101);

    /// <summary>The error that the read gives instead of its n-th event, once each.</summary>
    public Dictionary<int, Exception> Failures { get; } = [];

    /// <summary>Events given so far, over all reads.</summary>
    public int Given { get; private set; }

    public Timestamp LastTick => new(_tick);

    public LogPosition End
    {
        get
        {
            lock (_lock)
            {
                return _next;
            }
        }
    }

    public IReadOnlyList<LogMessage> Messages
    {
        get
        {
            lock (_lock)
            {
                return _events.Where(e => e.Message is not null).Select(e => e.Message!).ToArray();
            }
        }
    }

    public async IAsyncEnumerable<LogEvent> ReadAsync(PChannel from, LogPosition start, [EnumeratorCancellation] CancellationToken ct)
    {
        Assert.Equal(channel, from);
        var at = 0;
        lock (_lock)
        {
            if (_inside.Contains(start))
            {
                throw MiniMilvusException.Corrupted($"a read that starts inside a transaction, at {start}");
            }
        }

        while (true)
        {
            ct.ThrowIfCancellationRequested();
            var grown = _grown.Next;
            LogEvent? next = null;
            lock (_lock)
            {
                while (at < _events.Count && _events[at].Message is { } m && m.Position < start)
                {
                    at++;
                }

                if (at < _events.Count)
                {
                    if (Failures.Remove(Given, out var failure))
                    {
                        throw failure;
                    }

                    Given++;
                    next = _events[at++];
                }
            }

            if (next is { } value)
            {
                if (value.Message is not null || value.Tick.Confirmed >= start)
                {
                    yield return value;
                }
            }
            else
            {
                await grown.WaitAsync(ct);
            }
        }
    }

    /// <summary>Appends bodies to a shard: several are a transaction. Returns the commit tick.</summary>
    public Timestamp Append(VChannel shard, params MessageBody[] bodies)
    {
        lock (_lock)
        {
            var transaction = Timestamp.Zero;
            var resume = _next;
            if (bodies.Length > 1)
            {
                transaction = Tick();
                Place(inside: false);
            }

            var placed = bodies.Select(b => new LogMessage
            {
                Term = new Term(1),
                TimeTick = Tick(),
                Channel = shard,
                Transaction = transaction,
                Body = b,
                Position = Place(inside: bodies.Length > 1),
            }).ToList();
            var commit = placed[^1].TimeTick;
            if (bodies.Length > 1)
            {
                commit = Tick();
                Place(inside: true);
            }

            foreach (var message in placed)
            {
                _events.Add(LogEvent.Of(message with { CommitTick = commit, ResumePosition = bodies.Length > 1 ? resume : message.Position }));
            }

            _grown.Pulse();
            return commit;
        }
    }

    /// <summary>A tick that is not stored.</summary>
    public Timestamp PublishTick()
    {
        lock (_lock)
        {
            var tick = Tick();
            _events.Add(LogEvent.Of(new TimeTick(new Term(1), tick, new LogPosition(_next.Segment, Math.Max(0, _next.Entry - 1)))));
            _grown.Pulse();
            return tick;
        }
    }

    public static RowBatch Rows(int dim, params long[] keys)
    {
        var vectors = new float[keys.Length * dim];
        for (var row = 0; row < keys.Length; row++)
        {
            var random = new Random((int)keys[row]);
            for (var i = 0; i < dim; i++)
            {
                vectors[(row * dim) + i] = (float)random.NextDouble();
            }
        }

        return new RowBatch(Key, [Keys(keys), new FloatVectorColumn(Vector, dim, vectors)]);
    }

    public static ScalarColumn<long> Keys(params long[] keys) => new(Key, DataType.Int64, keys);

    private Timestamp Tick() => new(++_tick);

    private LogPosition Place(bool inside)
    {
        var place = _next;
        if (inside)
        {
            _inside.Add(place);
        }

        // The log rolls now and then, never inside a transaction here.
        _next = !inside && place.Entry >= 50 ? new LogPosition(place.Segment + 1, 0) : place.Next;
        return place;
    }
}
