using System.Buffers.Binary;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Simulation.Scheduling;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Simulation.Exploration;

/// <summary>Where the log lies, and what shuts an older writer out.</summary>
internal enum Place
{
    Local,
    Objects,
    LockedObjects,
}

/// <summary>What the two writers do.</summary>
internal enum Plot
{
    /// <summary>The older one appends two entries into one segment while the newer one opens the log and appends the third.</summary>
    Takeover,
    /// <summary>The same; the older one's second entry begins a segment.</summary>
    TakeoverDuringRoll,
    /// <summary>Both open the log at once; the older one appends one entry, the newer one two.</summary>
    Race,
}

/// <summary>How a run is cut short: the processes are gone, and of the disk there is left what was flushed and this part of the rest.</summary>
internal enum Crash
{
    Kill,
    CutKeepsNothing,
    CutKeepsSome,
}

/// <summary>
/// Two writers of one log, three entries, over the smallest stores: production code, each of whose calls waits for its turn. Holds what was
/// acked beside what a third process finds at the end (W1 to W4, W9, W13 to W16).
/// </summary>
internal sealed class SmallLog
{
    private const string Name = "log";
    private const int ThirdEntry = 99;
    private static readonly CancellationToken Never = CancellationToken.None;
    private readonly SimScheduler _scheduler = new(seed: 1, inOrder: true);
    private readonly SimulatedDisk _disk;
    private readonly DiskHistory _diskHistory = new();
    private readonly SmallMeta _meta = new();
    private readonly SmallObjects _objects;
    private readonly Place _place;
    private readonly Plot _plot;
    private readonly SimProcess _director;
    private readonly Writing _old;
    private readonly Writing _new;

    public SmallLog(Place place, Plot plot)
    {
        (_place, _plot) = (place, plot);
        _director = new SimProcess(_scheduler, "director", TimeSpan.Zero);
        _disk = new SimulatedDisk(_director.Time, seed: 1);
        _objects = new SmallObjects(knowsConditions: place == Place.Objects);
        _old = new Writing(this, "a-old", new Term(1));
        _new = new Writing(this, "b-new", new Term(2));
    }

    public StepGate Gate { get; } = new();

    public List<string> Wrong { get; } = [];

    public bool IsOver => _old.Work.IsCompleted && _new.Work.IsCompleted;

    /// <summary>Everything that the future depends on, as one number.</summary>
    public ulong State => Fold.Of(Fold.Of(Stores, _old.Actor.History), _new.Actor.History);

    /// <summary>Everything that what is found after a crash, and what is asked of it, depend on.</summary>
    public ulong StateIfCrashed => Fold.Of(Fold.Of(Fold.Of(Stores, (ulong)_old.Acked.Count), (ulong)_new.Acked.Count), _new.Inherited is { } inherited ? Fold.Of(Text(inherited)) : 0);

    private ulong Stores => Fold.Of(_meta.State, _place == Place.Local ? _diskHistory.State : _objects.State);

    /// <summary>What came to pass in this run, for the counts: a plot in which something never happens proves nothing about it.</summary>
    public IEnumerable<string> Happened
    {
        get
        {
            yield return $"the older one was acked {_old.Acked.Count} times";
            yield return $"the newer one was acked {_new.Acked.Count} times";
            if (_old.Failure is { } failure)
            {
                yield return $"the older one ended {failure.Kind}";
            }

            if (_new.Inherited is { } inherited)
            {
                yield return inherited.Count > _old.AckedAt(_new.OpenedAt) ? "the newer one kept what was not acked yet" : $"the newer one inherited {inherited.Count} entries";
                if (_old.Acked.Count > _old.AckedAt(_new.OpenedAt))
                {
                    yield return "the older one heard of an ack after the newer one had opened";
                }
            }
        }
    }

    public void Run(ThreadPoolGate gate, Func<Task> direct) => _scheduler.Run(gate, _director, direct, stepsMax: 20_000, TimeSpan.FromHours(1));

    public async Task BeginAsync()
    {
        await using (var log = Open(new Actor(_director, Gate), "creator"))
        {
            await log.CreateAsync(Name, Never);
        }

        _old.Begin(_plot == Plot.Race ? RacerAsync(1) : OldAsync);
        await QuietAsync();
        _new.Begin(_plot == Plot.Race ? RacerAsync(2) : NewAsync);
    }

    /// <summary>Until nothing can happen but what waits for its turn: simulated time passes only when nothing else is left to do.</summary>
    public Task QuietAsync() => Task.Delay(TimeSpan.FromMilliseconds(20), _director.Time);

    /// <summary>Both processes are gone (without a crash: they have ended before); a third one opens the log and reads all of it.</summary>
    public async Task EndAsync(Crash? crash, int faults)
    {
        if (crash is null)
        {
            // Nobody is newer, so nobody may shut it out; one call that did not answer may end it, aloud.
            Require(_new.Failure is null || (faults > 0 && _new.Failure.Kind == ErrorKind.Unavailable), "W9 the newest writer is not shut out", $"{_new.Failure?.Message}");
        }

        _old.Actor.Process.Kill();
        _new.Actor.Process.Kill();
        if (_place == Place.Local && crash is Crash.CutKeepsNothing or Crash.CutKeepsSome)
        {
            _disk.PowerCut(cutSeed: 3, survival: crash == Crash.CutKeepsSome ? 0.5 : 0);
        }
        else
        {
            _disk.Kill();
        }

        try
        {
            await CheckAsync();
        }
        catch (MiniMilvusException e)
        {
            Wrong.Add($"the third process could not open and read the log: {e.Kind}: {e.Message}");
        }
    }

    private async Task CheckAsync()
    {
        var actor = new Actor(_director, Gate);
        await using var foreign = Open(actor, "reader");
        var shown = await ReadAsync(foreign, (await foreign.GetWatermarksAsync(Name, Never)).Confirmed);
        await using var log = Open(actor, "third");
        var writer = await log.OpenWriterAsync(Name, new Term(9), Never);
        await (await writer.EnqueueAsync(Entry(ThirdEntry), Never)).Durable;
        var all = await ReadAsync(log, writer.Confirmed);
        Require(all.Take(shown.Count).SequenceEqual(shown), "W1 what a reader was shown stays", $"shown [{Text(shown)}], then found [{Text(all)}]");
        Require(all.Count > 0 && all[^1].Number == ThirdEntry, "W1 the third writer's entry is the last", $"found [{Text(all)}]");
        Require(all.Select(e => e.Number).Distinct().Count() == all.Count, "W14 every entry once", $"found [{Text(all)}]");
        foreach (var acked in _old.Acked.Concat(_new.Acked).Where(acked => !all.Contains(acked)))
        {
            Wrong.Add($"[W1 an acked entry is readable] {acked.Number} was acked at {acked.Position}, found [{Text(all)}]");
        }

        if (_new.Inherited is { } inherited)
        {
            Require(all.Take(inherited.Count).SequenceEqual(inherited), "W3 what a new writer found stays", $"it found [{Text(inherited)}], at the end there was [{Text(all)}]");
            Require(all.Skip(inherited.Count).All(e => e.Number >= 20), "W3 nothing of an older writer becomes readable after the open", $"it found [{Text(inherited)}], at the end there was [{Text(all)}]");
            Require(_old.Acked.All(inherited.Contains), "W3 nothing of an older writer is acked that the open did not find", $"acked [{Text(_old.Acked)}], it found [{Text(inherited)}]");
        }
    }

    private async Task OldAsync(Writing writing)
    {
        // It has opened the log before the plot begins.
        var writer = await writing.OpenAsync();
        writing.Actor.IsHeld = true;
        if (_place == Place.Local)
        {
            // A disk takes one group after the other; two on their way at once are the objects' plot.
            await writing.AppendAsync(writer, 11);
            await writing.AppendAsync(writer, 12);
        }
        else
        {
            await writing.AppendAsync(writer, 11, 12);
        }
    }

    private async Task NewAsync(Writing writing)
    {
        writing.Actor.IsHeld = true;
        var writer = await writing.OpenAsync();
        await writing.LookBackAsync(writer);
        await writing.AppendAsync(writer, 21);
    }

    private Func<Writing, Task> RacerAsync(int entries) => async writing =>
    {
        writing.Actor.IsHeld = true;
        var writer = await writing.OpenAsync();
        await writing.LookBackAsync(writer);
        for (var i = 1; i <= entries; i++)
        {
            await writing.AppendAsync(writer, (entries * 10) + i);
        }
    };

    private IWoodpecker Open(Actor actor, string writer)
    {
        var options = new WoodpeckerOptions
        {
            PreallocateBytesFirst = 4096, PreallocateBytesMax = 4096, SegmentBytesMax = 4096, ReadBytes = 8192, TailBytesMax = 4096, ReadsAheadMax = 0,
            SegmentBlocksMax = _plot == Plot.TakeoverDuringRoll ? 1 : 100, BlockBytesMax = 32, GroupBytesMax = 1, EarlyGroupBytesMin = 1, DiskUsedFractionMax = 1, DiskFreeBytesMin = 0,
            SyncIntervalMax = TimeSpan.Zero, ForeignPollInterval = TimeSpan.FromMilliseconds(1), ForeignPollsPerMetadataLook = 1,
            ObjectRetryDelay = TimeSpan.FromMilliseconds(1), MetadataRetryDelay = TimeSpan.FromMilliseconds(1), ObjectAttemptsMax = 3, MetadataAttemptsMax = 3,
            CompactsSegments = false,
        };
        return _place == Place.Local
            ? new LocalWoodpecker(new GatedDisk(_disk.Mount(), _diskHistory, actor), _meta.For(actor), options, actor.Process.Time, NoStations.Instance, writer)
            : new ObjectWoodpecker(_objects.For(actor), _meta.For(actor), options, actor.Process.Time, NoStations.Instance, writer, _place == Place.Objects ? ObjectFence.ConditionalPut : ObjectFence.Lock);
    }

    private void Require(bool holds, string invariant, string seen)
    {
        if (!holds)
        {
            Wrong.Add($"[{invariant}] {seen}");
        }
    }

    private static async Task<List<Found>> ReadAsync(IWoodpecker log, LogPosition until)
    {
        var found = new List<Found>();
        await foreach (var entry in log.ReadAsync(Name, LogPosition.Beginning, until, Never))
        {
            found.Add(new Found(entry.Position, BinaryPrimitives.ReadInt32LittleEndian(entry.Bytes.Span)));
        }

        return found;
    }

    private static byte[] Entry(int number)
    {
        var bytes = new byte[16];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, number);
        return bytes;
    }

    private static string Text(IEnumerable<Found> entries) => string.Join(", ", entries.Select(e => $"{e.Number} at {e.Position}"));

    private readonly record struct Found(LogPosition Position, int Number);

    /// <summary>One of the two writers, and what it knows of its own acks.</summary>
    private sealed class Writing(SmallLog world, string name, Term term)
    {
        private readonly List<(Found Entry, long Step)> _acked = [];

        public Actor Actor { get; } = new(new SimProcess(world._scheduler, name, TimeSpan.Zero), world.Gate);

        public Task Work { get; private set; } = Task.CompletedTask;

        public List<Found> Acked => [.. _acked.Select(a => a.Entry)];

        public MiniMilvusException? Failure { get; private set; }

        /// <summary>What the log held when the open had returned.</summary>
        public List<Found>? Inherited { get; private set; }

        public long OpenedAt { get; private set; }

        public int AckedAt(long step) => _acked.Count(a => a.Step <= step);

        public void Begin(Func<Writing, Task> plot) => Work = Actor.Process.CallAsync(async () =>
        {
            try
            {
                await plot(this);
            }
            catch (MiniMilvusException e)
            {
                Failure = e;
                if (e.Kind is not (ErrorKind.Fenced or ErrorKind.Unavailable))
                {
                    world.Wrong.Add($"{name} ended {e.Kind}: {e.Message}");
                }
            }

            return true;
        });

        public ValueTask<ILogWriter> OpenAsync() => world.Open(Actor, name).OpenWriterAsync(Name, term, Never);

        /// <summary>As a reader that is not held at its steps would see the log now.</summary>
        public async Task LookBackAsync(ILogWriter writer)
        {
            OpenedAt = world._scheduler.Steps;
            await using var log = world.Open(new Actor(Actor.Process, world.Gate), "looker");
            Inherited = await ReadAsync(log, writer.Confirmed);
            Actor.Learn(Fold.Of(Text(Inherited)));
        }

        /// <summary>One behind the other, without waiting for the ack between.</summary>
        public async Task AppendAsync(ILogWriter writer, params int[] numbers)
        {
            var pending = new List<Task>();
            foreach (var number in numbers)
            {
                var append = await writer.EnqueueAsync(Entry(number), Never);
                pending.Add(AckAsync(append.Durable, new Found(append.Position, number)));
            }

            await Task.WhenAll(pending);
        }

        private async Task AckAsync(Task durable, Found entry)
        {
            await durable;
            _acked.Add((entry, world._scheduler.Steps));
        }
    }
}
