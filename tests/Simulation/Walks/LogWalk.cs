using System.Globalization;
using System.Runtime.InteropServices;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Simulation.Exploration;
using MiniMilvus.Simulation.Scheduling;
using MiniMilvus.Simulation.World;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Simulation.Walks;

/// <summary>
/// One seed's walk through the life of a log on objects or on a disk: writers that take it over from each other in the middle of what they do,
/// readers beside them and in their own processes, truncation and collection, compaction (every second seed), a flipped bit (every third), kills,
/// power cuts, and faults of disk, store and metadata, each call at a turn that the seed chooses.
/// </summary>
internal sealed partial class LogWalk
{
    private const string Name = "log";
    private const int Operations = 500;
    private const int LivesMax = 3;
    private const int AppendsMax = 7;
    private const int EntryBytes = 16;
    private const int EntryBytesMax = 32;
    private const int UnackedBytesMax = AppendsMax * EntryBytes;
    private const int FlipAt = 430;
    private const int WrittenBytes = 400; // of a segment file; zeros lie ahead of them
    private const double FaultRate = 0.02;
    private const double FaultRateOfRareCalls = 0.15;
    private static readonly HashSet<string> s_rareCalls =
    [
        "delete block", "delete sealed part", "get sealed part", "head block", "list sealed part", "put sealed part", "list readers", "change readers",
        "delete segment file", "list folder",
    ];

    private static readonly CancellationToken Never = CancellationToken.None;
    private readonly SimScheduler _scheduler;
    private readonly Random _random;
    private readonly Place _place;
    private readonly WalkFaults _faults;
    private readonly SimProcess _director;
    private readonly StepGate _gate = new();
    private readonly SmallMeta _meta = new();
    private readonly SmallObjects _objects;
    private readonly SimulatedDisk _disk;
    private readonly DiskHistory _history = new();
    private readonly WalkLedger _ledger;
    private readonly List<Life> _lives = [];
    private readonly List<List<LogPosition>> _walked = [];
    private readonly List<Func<Task>> _later = [];
    private readonly SortedDictionary<string, long> _events;
    private int _operations;
    private int _number;
    private int _term;
    private int _processes;
    private LogPosition _truncated = LogPosition.Beginning;
    private bool _isFlipped;

    public LogWalk(Place place, int seed, WalkFaults faults, SortedDictionary<string, long> events)
    {
        (_place, _faults, _events, Seed) = (place, faults, events, seed);
        (_scheduler, _random) = (new SimScheduler(seed), new Random(seed));
        _director = new SimProcess(_scheduler, "director", TimeSpan.Zero);
        _objects = new SmallObjects(knowsConditions: place == Place.Objects);
        _disk = new SimulatedDisk(_director.Time, seed);
        _ledger = new WalkLedger(Wrong);
    }

    /// <summary>What has to happen in the walks of a run, or they have proved nothing about it.</summary>
    public static IReadOnlyList<string> Required(Place place) =>
    [
        "acks", "acks behind a roll", "append ended Fenced", "entries shown to readers beside the writers", "entries shown to readers in the writers' processes", "kills",
        "open ended Fenced", "opens", "opens while an older writer appends", "a fence during an older writer's roll", "truncations", "bits flipped", "a reader was told of the flipped bit",
        "a reader fell behind the tail of its writer and went to the segments", "a truncated log segment was collected",
        "refused: an older term", "refused: a log that exists", "refused: a log that does not exist", "refused: truncation beyond confirmed", "refused: a truncated place",
        "refused: an entry that is too large", "refused: an append without room",
        .. place == Place.Local ? ["power cuts"] : (string[])["puts that came late", "a log segment was sealed", "a sealed log segment's small blocks were deleted"],
    ];

    public int Seed { get; }

    public List<string> Wrong { get; } = [];

    public int Struck { get; private set; }

    public void Run(ThreadPoolGate gate)
    {
        Happened.Shared.Begin();
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
            if (_operations >= FlipAt && Seed % 3 == 0 && !_isFlipped)
            {
                await FlipAsync();
            }

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
        var writers = _lives.Where(l => l.Writer is not null && (l.Appends < AppendsMax || _random.Next(10) == 0)).ToList();
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
        else if (writers.Count > 0 && pick < 130)
        {
            writers[^1].Truncate();
        }
        else if (writers.Count > 0 && pick < 160)
        {
            writers[_random.Next(writers.Count)].ReadBeside();
        }
        else if (writers.Count > 0 && pick < 200)
        {
            writers[_random.Next(writers.Count)].BeRefused(_random.Next(6));
        }
        else if (_place == Place.Local && pick is 200 or 201)
        {
            Count("power cuts");
            _lives.ToList().ForEach(Kill);
            _disk.PowerCut(_operations);
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
        if (waiting.What.StartsWith(Actor.Answer, StringComparison.Ordinal))
        {
            _gate.GoOn(waiting, Turn.Happens);
            return;
        }

        var call = Call(waiting.What);
        NoteFence(waiting, call);
        _faults.Passed(call, waiting.Changes);
        var faults = Enum.GetValues<WalkFault>().Where(f => WalkFaults.Applies(f, waiting.Changes, WalkFaults.IsPut(call))).ToList();
        if (_random.NextDouble() >= (s_rareCalls.Contains(call) ? FaultRateOfRareCalls : FaultRate))
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
            case WalkFault.AnswersLate:
                _gate.GoOn(waiting, Turn.AnswersLate);
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

    /// <summary>The epoch or the lock is raised while an older writer is about to end a segment or to begin one.</summary>
    private void NoteFence(StepGate.Waiting waiting, string call)
    {
        if (call is "change log" or "change lock" && _lives.Any(l => l.Actor == waiting.Actor && l.IsOpening)
            && _gate.Pending.Any(p => p.Actor != waiting.Actor && Call(p.What) == "change segment" && _lives.Any(l => l.Actor == p.Actor && l.Writer is not null)))
        {
            Count("a fence during an older writer's roll");
        }
    }

    /// <summary>In a segment that has ended: from now on whoever comes to it is told Corrupted, and nobody is shown anything else than what was there.</summary>
    private async Task FlipAsync()
    {
        // Of the last two one may not have ended yet: what does not verify there may be a torn tail.
        var mount = _disk.Mount();
        var places = _place == Place.Local ? (await mount.ListFilesAsync($"logs/{Name}", Never)).Select(f => $"logs/{Name}/{f[(f.LastIndexOf('/') + 1)..]}").ToList() : [.. _objects.Keys];
        var segments = places.Select(p => (Place: p, Segment: Segment(p))).Where(p => p.Segment is not null).ToList();
        var last = segments.Select(p => p.Segment).Max();
        var ended = segments.Where(p => p.Segment < last - 1 && p.Segment >= _truncated.Segment).ToList();
        if (ended.Count == 0)
        {
            return;
        }

        var (place, _) = ended[_random.Next(ended.Count)];
        if (_place == Place.Local)
        {
            await using var file = await mount.OpenAsync(place, DiskOpenMode.Read, Never);
            if (file.Length == 0)
            {
                return; // of a segment that was cut short before its first byte; another time
            }

            _disk.Damage(place, _random.NextInt64(Math.Min(file.Length, WrittenBytes)), (byte)(1 << _random.Next(8)));
        }
        else
        {
            _objects.Flip(place, _random);
        }

        _isFlipped = true;
        Count("bits flipped");
    }

    private static long? Segment(string place) =>
        place.Split('/', '.') is ["logs", Name, var number, ..] && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var segment) ? segment : null;

    /// <summary>Whether what a caller was told is damage that was done; anything else Corrupted is wrong.</summary>
    private bool IsFlip(MiniMilvusException e)
    {
        if (e.Kind != ErrorKind.Corrupted || !_isFlipped)
        {
            return false;
        }

        Count("a reader was told of the flipped bit");
        return true;
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
            if (!IsFlip(e))
            {
                Wrong.Add($"[W1 the log opens again] {e.Kind}: {e.Message}");
            }
        }
    }

    private IWoodpecker Start(Actor actor, string writer)
    {
        var options = new WoodpeckerOptions
        {
            BlockBytesMax = 40, FileBlockBytesMax = 40, GroupBytesMax = 100, EarlyGroupBytesMin = 40, SegmentBlocksMax = 6, SegmentBytesMax = 4096, EntryBytesMax = EntryBytesMax,
            PreallocateBytesFirst = 1024, PreallocateBytesMax = 1024, TailBytesMax = 60, SyncIntervalMax = TimeSpan.Zero, ReadBytes = 4096, ReadsAheadMax = 2,
            UnackedBytesMax = UnackedBytesMax, AppendDelayMax = TimeSpan.Zero, DiskUsedFractionMax = 1, DiskFreeBytesMin = 0, DiskSlowBytes = 0,
            ForeignPollInterval = TimeSpan.FromMilliseconds(50), ForeignPollsPerMetadataLook = 2, ObjectAttemptsMax = 3, MetadataAttemptsMax = 3,
            ObjectRetryDelay = TimeSpan.FromMilliseconds(1), MetadataRetryDelay = TimeSpan.FromMilliseconds(1), StepTimeMax = TimeSpan.FromHours(1),
            RetentionTime = TimeSpan.FromMilliseconds(50), ReaderLeaseTime = TimeSpan.FromSeconds(1), CollectionPause = TimeSpan.FromMilliseconds(1), CollectionRetryInterval = TimeSpan.FromMilliseconds(50),
            CompactsSegments = Seed % 2 == 0, CompactionPartBytesMax = 150, CompactionUploadsMax = 2, CompactionReadsMax = 2, CompactionGrace = TimeSpan.FromMilliseconds(50),
            CompactionRetryDelay = TimeSpan.FromMilliseconds(20), CompactionBytesPerSecondMax = 0, SealedReadBytes = 200,
        };
        return _place == Place.Local
            ? new LocalWoodpecker(new GatedDisk(_disk.Mount(), _history, actor), _meta.For(actor), options, actor.Process.Time, NoStations.Instance, writer)
            : new ObjectWoodpecker(_objects.For(actor), _meta.For(actor), options, actor.Process.Time, NoStations.Instance, writer, _place == Place.Objects ? ObjectFence.ConditionalPut : ObjectFence.Lock);
    }

    private void Count(string what) => _events[what] = _events.GetValueOrDefault(what) + 1;

    /// <summary>The kind of a call, for the table of faults.</summary>
    private static string Call(string what)
    {
        var words = what.Split(' ');
        var about = what.EndsWith("EPOCH", StringComparison.Ordinal) || words.Any(w => w.EndsWith("EPOCH", StringComparison.Ordinal)) ? "epoch"
            : words.Any(w => w.EndsWith(".wal", StringComparison.Ordinal)) ? "segment file"
            : what.Contains("/sealed-", StringComparison.Ordinal) ? "sealed part"
            : words[0] is "list" && words[1] is $"logs/{Name}" ? "folder"
            : words[0] is "put" or "get" or "delete" or "head" || words[1].StartsWith("logs", StringComparison.Ordinal) ? "block"
            : words.Any(w => w.EndsWith("/lock", StringComparison.Ordinal)) ? "lock"
            : words[1].Contains("/segments/", StringComparison.Ordinal) ? "segment"
            : words[1].Contains("/readers/", StringComparison.Ordinal) ? "readers"
            : words.Any(w => w.StartsWith("logs", StringComparison.Ordinal)) ? "folder" : "log";
        return $"{words[0]} {about}";
    }

    /// <summary>The number over and over, so that no bit of it can change unseen.</summary>
    private static byte[] Entry(int number)
    {
        var bytes = new byte[EntryBytes];
        MemoryMarshal.Cast<byte, int>(bytes.AsSpan()).Fill(number);
        return bytes;
    }

    private static int NumberOf(ReadOnlySpan<byte> entry)
    {
        var numbers = MemoryMarshal.Cast<byte, int>(entry);
        return numbers.Length == EntryBytes / sizeof(int) && !numbers.ContainsAnyExcept(numbers[0]) ? numbers[0] : -1;
    }

    private static async Task<List<(LogPosition, int)>> ReadAllAsync(IWoodpecker log, LogPosition until)
    {
        var found = new List<(LogPosition, int)>();
        await foreach (var entry in log.ReadAsync(Name, LogPosition.Beginning, until, Never))
        {
            found.Add((entry.Position, NumberOf(entry.Bytes.Span)));
        }

        return found;
    }
}
