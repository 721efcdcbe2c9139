using System.Buffers.Binary;
using System.Globalization;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Simulation.Exploration;
using MiniMilvus.Simulation.Scheduling;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Simulation.Walks;

/// <summary>
/// One seed's walk through the life of a log on objects: writers that take it over from each other in the middle of what they do, readers,
/// truncation, kills, and faults of the store and of the metadata, each call at a turn that the seed chooses.
/// </summary>
internal sealed class LogWalk
{
    private const string Name = "log";
    private const int Operations = 500;
    private const int LivesMax = 3;
    private const int AppendsMax = 8;
    private const double FaultRate = 0.02;
    private static readonly CancellationToken Never = CancellationToken.None;
    private readonly SimScheduler _scheduler;
    private readonly Random _random;
    private readonly Place _place;
    private readonly WalkFaults _faults;
    private readonly SimProcess _director;
    private readonly StepGate _gate = new();
    private readonly SmallMeta _meta = new();
    private readonly SmallObjects _objects;
    private readonly WalkLedger _ledger;
    private readonly List<Life> _lives = [];
    private readonly List<List<LogPosition>> _walked = [];
    private readonly List<Func<Task>> _later = [];
    private readonly SortedDictionary<string, long> _events;
    private int _operations;
    private int _number;
    private int _term;
    private int _processes;

    public LogWalk(Place place, int seed, WalkFaults faults, SortedDictionary<string, long> events)
    {
        (_place, _faults, _events, Seed) = (place, faults, events, seed);
        (_scheduler, _random) = (new SimScheduler(seed), new Random(seed));
        _director = new SimProcess(_scheduler, "director", TimeSpan.Zero);
        _objects = new SmallObjects(knowsConditions: place == Place.Objects);
        _ledger = new WalkLedger(Wrong);
    }

    /// <summary>What has to happen in the walks of a run, or they have proved nothing about it.</summary>
    public static IReadOnlyList<string> Required { get; } =
    [
        "acks", "acks behind a roll", "append ended Fenced", "entries shown to readers beside the writers", "kills", "open ended Fenced",
        "opens", "opens while an older writer appends", "puts that came late", "truncations",
    ];

    public int Seed { get; }

    public List<string> Wrong { get; } = [];

    public int Struck { get; private set; }

    public void Run(ThreadPoolGate gate)
    {
        try
        {
            _scheduler.Run(gate, _director, WalkAsync, stepsMax: 2_000_000, TimeSpan.FromDays(1));
        }
        catch (Exception e) when (e is SimulationHangException or EscapedException)
        {
            Wrong.Add(e.Message);
        }
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"seed {Seed}: {_operations} operations, {_ledger.Acked} acked, {_term} terms, {Struck} faults, {_scheduler.Steps} steps, trace {_scheduler.Trace:x16}");

    private async Task WalkAsync()
    {
        await using (var log = Start(new Actor(_director, _gate), "creator"))
        {
            await log.CreateAsync(Name, Never);
        }

        while (_operations < Operations && Wrong.Count == 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), _director.Time);
            if (_later.Count > 0 && _random.Next(20) == 0)
            {
                await HappenLaterAsync();
            }
            else if (_gate.Pending.Count == 0 || _random.Next(4) == 0)
            {
                Begin();
            }
            else
            {
                await TakeTurnAsync(_gate.Pending[_random.Next(_gate.Pending.Count)]);
            }
        }

        await EndAsync();
    }

    private void Begin()
    {
        _operations++;
        var writers = _lives.Where(l => l.Writer is not null && l.Appends < AppendsMax).ToList();
        var pick = _random.Next(1000);
        if (_lives.All(l => l.Term == 0 || l.HasEnded) || pick < 30)
        {
            Open();
        }
        else if (pick < 80 && _lives.Count(l => l.Term == 0) < LivesMax)
        {
            _lives.Add(Life.Read(this));
        }
        else if (pick < 95 && _lives.Count > 0)
        {
            Count("kills");
            Kill(_lives[_random.Next(_lives.Count)]);
        }
        else if (writers.Count > 0 && pick < 120)
        {
            writers[^1].Truncate();
        }
        else if (writers.Count > 0)
        {
            writers[_random.Next(writers.Count)].Append(++_number);
        }
        else
        {
            _operations--; // nothing to do but to go on
        }
    }

    private void Open()
    {
        foreach (var ended in _lives.Where(l => l.HasEnded).ToList())
        {
            Kill(ended);
        }

        if (_lives.Count(l => l.Term > 0) < LivesMax)
        {
            Count(_lives.Any(l => l.Appends > 0) ? "opens while an older writer appends" : "opens");
            _lives.Add(Life.Write(this, ++_term));
        }
    }

    private async Task TakeTurnAsync(StepGate.Waiting waiting)
    {
        var call = Call(waiting.What);
        _faults.Passed(call, waiting.Changes);
        var faults = Enum.GetValues<WalkFault>().Where(f => WalkFaults.Applies(f, waiting.Changes, WalkFaults.IsPut(call))).ToList();
        if (_random.NextDouble() >= FaultRate)
        {
            _gate.GoOn(waiting, Turn.Happens);
            return;
        }

        var fault = faults[_random.Next(faults.Count)];
        _faults.Struck(call, fault);
        Struck++;
        switch (fault)
        {
            case WalkFault.Fails:
                _gate.GoOn(waiting, Turn.Fails);
                break;
            case WalkFault.ReplyLost:
                _gate.GoOn(waiting, Turn.ReplyLost);
                break;
            case WalkFault.Late:
                _later.Add(waiting.Call);
                _gate.GoOn(waiting, Turn.Fails);
                break;
            case WalkFault.Duplicated:
                _later.Add(waiting.Call);
                _gate.GoOn(waiting, Turn.Happens);
                break;
            default:
                if (fault == WalkFault.KilledAfter)
                {
                    await HappenAsync(waiting.Call);
                }

                Kill(_lives.Single(l => l.Actor == waiting.Actor));
                break;
        }
    }

    private async Task HappenLaterAsync()
    {
        var call = _later[_random.Next(_later.Count)];
        _later.Remove(call);
        Count("puts that came late");
        await HappenAsync(call);
    }

    private static async Task HappenAsync(Func<Task> call)
    {
        try
        {
            await call();
        }
        catch (MiniMilvusException e) when (e.Kind is ErrorKind.Conflict or ErrorKind.NotFound)
        {
            // Nobody waits for the answer.
        }
    }

    private void Kill(Life life)
    {
        life.Actor.Process.Kill();
        _gate.Forget(life.Actor);
        _lives.Remove(life);
    }

    private async Task EndAsync()
    {
        foreach (var life in _lives.ToList())
        {
            Kill(life);
        }

        await using var log = Start(new Actor(_director, _gate), "last");
        try
        {
            var writer = await log.OpenWriterAsync(Name, new Term(_term + 1), Never);
            _ledger.Opened(_term + 1, writer.Confirmed, await ReadAllAsync(log, writer.Confirmed));
            foreach (var call in _later)
            {
                await HappenAsync(call); // what was on its way all the time comes at last, and changes nothing
            }

            await using var reader = Start(new Actor(_director, _gate), "reader");
            _ledger.Whole("a last reader", await ReadAllAsync(reader, writer.Confirmed), writer.Confirmed);
            _walked.ForEach(seen => _ledger.Walked("a reader", seen));
        }
        catch (MiniMilvusException e)
        {
            Wrong.Add($"[W1 the log opens again] {e.Kind}: {e.Message}");
        }
    }

    private IWoodpecker Start(Actor actor, string writer) => new ObjectWoodpecker(
        _objects.For(actor),
        _meta.For(actor),
        new WoodpeckerOptions
        {
            BlockBytesMax = 40, GroupBytesMax = 100, SegmentBlocksMax = 6, SegmentBytesMax = 4096, TailBytesMax = 200, SyncIntervalMax = TimeSpan.Zero, ReadsAheadMax = 2,
            ForeignPollInterval = TimeSpan.FromMilliseconds(50), ForeignPollsPerMetadataLook = 2, ObjectAttemptsMax = 3, MetadataAttemptsMax = 3,
            ObjectRetryDelay = TimeSpan.FromMilliseconds(1), MetadataRetryDelay = TimeSpan.FromMilliseconds(1), CompactsSegments = false,
        },
        actor.Process.Time,
        NoStations.Instance,
        writer,
        _place == Place.Objects ? ObjectFence.ConditionalPut : ObjectFence.Lock);

    private void Count(string what) => _events[what] = _events.GetValueOrDefault(what) + 1;

    /// <summary>The kind of a call, for the table of faults.</summary>
    private static string Call(string what)
    {
        var words = what.Split(' ');
        var about = words[0] is "put" or "get" or "delete" or "head" || words[1].StartsWith("logs", StringComparison.Ordinal) ? "block"
            : words[1].EndsWith("/lock", StringComparison.Ordinal) ? "lock"
            : words[1].Contains("/segments/", StringComparison.Ordinal) ? "segment" : "log";
        return $"{words[0]} {about}";
    }

    private static async Task<List<(LogPosition, int)>> ReadAllAsync(IWoodpecker log, LogPosition until)
    {
        var found = new List<(LogPosition, int)>();
        await foreach (var entry in log.ReadAsync(Name, LogPosition.Beginning, until, Never))
        {
            found.Add((entry.Position, BinaryPrimitives.ReadInt32LittleEndian(entry.Bytes.Span)));
        }

        return found;
    }

    /// <summary>A process that writes in one term, or reads.</summary>
    private sealed class Life
    {
        private readonly LogWalk _walk;
        private readonly IWoodpecker _log;
        private LogPosition _acked;

        private Life(LogWalk walk, int term)
        {
            (_walk, Term) = (walk, term);
            Actor = new Actor(new SimProcess(walk._scheduler, $"{++walk._processes:D4}", TimeSpan.Zero), walk._gate) { IsHeld = true };
            _log = walk.Start(Actor, Actor.Process.Name);
        }

        public Actor Actor { get; }

        public int Term { get; }

        public ILogWriter? Writer { get; private set; }

        public int Appends { get; private set; }

        public bool HasEnded { get; private set; }

        public static Life Write(LogWalk walk, int term)
        {
            var life = new Life(walk, term);
            life.Do("open", async () =>
            {
                var writer = await life._log.OpenWriterAsync(Name, new Term(term), Never);
                await using var unheld = walk.Start(new Actor(life.Actor.Process, walk._gate), "looker");
                walk._ledger.Opened(term, writer.Confirmed, await ReadAllAsync(unheld, writer.Confirmed));
                (life.Writer, life._acked) = (writer, writer.Confirmed);
            });
            return life;
        }

        public static Life Read(LogWalk walk)
        {
            var life = new Life(walk, 0);
            var seen = new List<LogPosition>();
            walk._walked.Add(seen);
            life.Do("read", async () =>
            {
                await foreach (var entry in life._log.ReadAsync(Name, LogPosition.Beginning, LogPosition.Max, Never))
                {
                    walk._ledger.Show($"reader {life.Actor.Process.Name}", entry.Position, BinaryPrimitives.ReadInt32LittleEndian(entry.Bytes.Span));
                    seen.Add(entry.Position);
                    walk.Count("entries shown to readers beside the writers");
                }
            });
            return life;
        }

        public void Append(int number)
        {
            Appends++;
            Do("append", async () =>
            {
                var bytes = new byte[16];
                BinaryPrimitives.WriteInt32LittleEndian(bytes, number);
                var pending = await Writer!.EnqueueAsync(bytes, Never);
                _walk._ledger.Placed(number, Term, pending.Position);
                await pending.Durable;
                _walk._ledger.Ack(number);
                _walk.Count(pending.Position.Segment > _acked.Segment ? "acks behind a roll" : "acks");
                _acked = pending.Position;
                Appends--;
            });
        }

        public void Truncate()
        {
            var until = _acked;
            _walk._ledger.Truncated(until); // it may happen whatever its caller hears
            Do("truncate", async () =>
            {
                await _log.TruncateAsync(Name, until, Never);
                _walk.Count("truncations");
            });
        }

        private void Do(string what, Func<Task> work) => _ = Actor.Process.CallAsync(async () =>
        {
            try
            {
                await work();
            }
            catch (MiniMilvusException e)
            {
                _walk.Count($"{what} ended {e.Kind}");
                // A truncation behind the end of its writer is Invalid: what the last group confirmed may stand nowhere yet.
                var isExpected = e.Kind is ErrorKind.Fenced or ErrorKind.Unavailable || (what, e.Kind) is ("read", ErrorKind.NotFound) or ("truncate", ErrorKind.Invalid);
                if (!isExpected)
                {
                    _walk.Wrong.Add($"{what} of process {Actor.Process.Name} in term {Term} ended {e.Kind}: {e.Message}");
                }

                HasEnded |= what is not "truncate";
                Writer = HasEnded ? null : Writer;
            }

            return true;
        });
    }
}
