using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Simulation.Faults;
using MiniMilvus.Simulation.Model;
using MiniMilvus.Simulation.Scheduling;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Simulation.World;

/// <summary>
/// The machine, its disk, and one life of the server after another on it. A cut loses what was not flushed, a kill does not, a role that fails
/// ends its process; each time the supervisor starts the next life on what is left.
/// </summary>
internal sealed class SimWorld
{
    /// <summary>Appends are refused while less is free, and slowed while less than twice as much is.</summary>
    public const long FullBelowBytes = 1 << 20;

    private static readonly TimeSpan Startup = TimeSpan.FromSeconds(60);
    private readonly Random _random;
    private readonly SimOptions _options;
    private readonly SimulatedDisk _disk;
    private readonly SortedSet<string> _seenStations = [];
    private TaskCompletionSource _moved = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private SimProcess? _server;
    private SimCluster? _cluster;
    private TaskCompletionSource? _restart;
    private bool _ended;

    public SimWorld(int seed, SimOptions? options = null)
    {
        Happened.Shared.Begin();
        Seed = seed;
        _random = new Random(seed ^ 0x5EED);
        _options = options ?? new SimOptions();
        Scheduler = new SimScheduler(seed);
        Machine = new SimProcess(Scheduler, "machine", TimeSpan.Zero);
        Log = new SimLog(Scheduler);
        Violations = new Violations(() => Scheduler.ToString()) { OnFound = text => Log.Add("VIOLATION " + text) };
        Stations = new SimStations(Scheduler, Violations, LowestCheckpoint, IsRead);
        Ledgers = [.. _options.PChannels.Select(p => new LogLedger(p, Violations))];
        _disk = new SimulatedDisk(Machine.Time, seed) { OnStep = Step };
        Scheduler.Dump = () => string.Join('\n', Log.Lines.TakeLast(60));
    }

    public int Seed { get; }

    public SimScheduler Scheduler { get; }

    /// <summary>Where clients and checkers run; it never dies.</summary>
    public SimProcess Machine { get; }

    public SimLog Log { get; }

    public Violations Violations { get; }

    public SimStations Stations { get; }

    public IReadOnlyList<LogLedger> Ledgers { get; }

    public IFaultPlan Faults { get; set; } = NoFaults.Instance;

    /// <summary>Which flushes do nothing: a mutant of the disk.</summary>
    public Func<string, bool> IgnoresFlush { get; set; } = _ => false;

    /// <summary>Lives so far.</summary>
    public int Generation { get; private set; }

    public int Crashes { get; private set; }

    /// <summary>How many reads of each collection are running.</summary>
    public SortedDictionary<string, int> Reads { get; } = new(StringComparer.Ordinal);

    /// <summary>How much of the disk is free, where it says less than it has; null: it says what it has.</summary>
    public long? FreeBytes { get; set; }

    /// <summary>What a script does at a step of the disk, told by its station; before the plan of faults.</summary>
    public Func<string, DiskFault?>? AtStation { get; set; }

    public IReadOnlyCollection<string> SeenStations => _seenStations;

    /// <summary>Runs a story in this world to its end; throws what went wrong.</summary>
    public void Run(Func<Task> story, long stepsMax = 400_000, TimeSpan? timeMax = null)
    {
        Scheduler.Run(Machine, async () =>
        {
            var supervisor = SuperviseAsync();
            var first = await Task.WhenAny(story(), supervisor);
            _ended = true;
            await first;
        }, stepsMax, timeMax ?? TimeSpan.FromMinutes(5));
    }

    /// <summary>The present life, once it has started. Waits for the next one while there is none.</summary>
    public async Task<SimCluster> ClusterAsync()
    {
        while (true)
        {
            var moved = _moved.Task;
            if (_cluster is { } cluster && !cluster.Process.IsDead)
            {
                return cluster;
            }

            await moved;
        }
    }

    /// <summary>Waits until a life later than <paramref name="generation"/> has started.</summary>
    public async Task<SimCluster> LaterThanAsync(int generation)
    {
        while (true)
        {
            var moved = _moved.Task;
            if (_cluster is { } cluster && !cluster.Process.IsDead && Generation > generation)
            {
                return cluster;
            }

            await moved;
        }
    }

    /// <summary>Power fails now.</summary>
    public void Cut()
    {
        Log.Add("POWER CUT by the story");
        Crashes++;
        _server?.Kill();
        _disk.PowerCut(_random.Next());
    }

    /// <summary>kill -9.</summary>
    public void Kill()
    {
        Log.Add("KILL by the story");
        Crashes++;
        _server?.Kill();
    }

    /// <summary>A restart as by systemctl: ends when the next life has begun to start.</summary>
    public async Task RestartAsync()
    {
        var cluster = await ClusterAsync();
        _restart = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var generation = Generation;
        Log.Add("graceful restart");
        Moved();
        await Task.WhenAny(_restart.Task, cluster.Process.Died);
        await LaterThanAsync(generation);
    }

    public Task DelayAsync(TimeSpan time) => Task.Delay(time, Machine.Time, CancellationToken.None);

    private async Task SuperviseAsync()
    {
        while (!_ended)
        {
            Generation++;
            Log.Generation = $"g{Generation}";
            var offset = Generation == 1 ? TimeSpan.Zero : TimeSpan.FromMilliseconds(_random.Next(-2000, 2000));
            var server = new SimProcess(Scheduler, $"server {Generation}", offset);
            _server = server;
            var cluster = new SimCluster(Generation, server, new SimDisk(_disk.Mount(), server, Scheduler, _random, IgnoresFlush, () => FreeBytes), _options, Stations, Log, _random);
            Log.Add($"server starts, clock {offset.TotalMilliseconds:+0;-0;0} ms");
            Scheduler.Note((ulong)Generation);
            try
            {
                var starting = server.CallAsync(async () =>
                {
                    await cluster.StartAsync($"writer-{Generation}", CancellationToken.None);
                    return true;
                });
                var patience = DelayAsync(Startup);
                if (await Task.WhenAny(starting, patience) == patience)
                {
                    Violations.Add("W13 every wait is bounded", $"life {Generation} has not started within {Startup} of simulated time");
                }

                await starting;
                await LiveAsync(cluster);
            }
            catch (ConnectionLostException)
            {
                Log.Add("server died");
            }
            catch (Exception e)
            {
                Judge("start", e);
            }

            server.Kill();
            _disk.Kill();
            cluster.Release();
            _cluster = null;
            await DelayAsync(TimeSpan.FromMilliseconds(_random.Next(1, 500)));
        }
    }

    private async Task LiveAsync(SimCluster cluster)
    {
        _cluster = cluster;
        foreach (var ledger in Ledgers)
        {
            cluster.Process.Post(_ => _ = FollowAsync(cluster, ledger, LogPosition.Beginning, forever: true), null);
            cluster.Process.Post(_ => _ = WanderAsync(cluster, ledger), null);
        }

        Moved();
        while (!cluster.Process.IsDead)
        {
            var moved = _moved.Task;
            await Task.WhenAny(cluster.Process.Died, cluster.Failed, moved);
            if (cluster.Process.IsDead)
            {
                Log.Add("server died");
                return;
            }

            if (cluster.Failed.IsCompleted)
            {
                var (role, reason) = await cluster.Failed;
                Judge(role, reason);
                return;
            }

            if (_restart is { Task.IsCompleted: false } restart)
            {
                await cluster.Process.CallAsync(async () =>
                {
                    await cluster.StopAsync();
                    return true;
                });
                restart.SetResult();
                return;
            }
        }
    }

    private void Moved()
    {
        var moved = _moved;
        _moved = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        moved.SetResult();
    }

    /// <summary>A process may end because its disk failed; for any other reason it must not.</summary>
    private void Judge(string role, Exception reason)
    {
        Log.Add($"{role} ended the process: {reason}");
        for (var e = reason; e is not null; e = e.InnerException)
        {
            if (e is IOException || e is MiniMilvusException { Kind: ErrorKind.Unavailable or ErrorKind.Fenced })
            {
                return;
            }
        }

        Violations.Add("a role ends only when its disk fails", $"{role}: {reason}");
    }

    private DiskFault? Step(DiskStep step)
    {
        var station = StationMap.Of(step);
        _seenStations.Add(station);
        FaultTable.Shared.Passed(station);
        Scheduler.Note(((ulong)step.Kind << 56) ^ ((ulong)step.Number << 20) ^ ((ulong)step.Bytes << 8) ^ (ulong)step.Offset);
        Scheduler.Note(step.Path);
        if (AtStation?.Invoke(station) is { } scripted)
        {
            return scripted;
        }

        if (Faults.At(step, station) is not { } kind)
        {
            return null;
        }

        FaultTable.Shared.Struck(station, kind);
        Scheduler.Note(kind);
        Log.Add($"FAULT {kind} at step {step.Number}: {station} of '{step.Path}' [{step.Offset}, +{step.Bytes})");
        if (FaultKinds.IsDeadly(kind))
        {
            Crashes++;
            _server?.Kill();
            if (kind == FaultKinds.Kill)
            {
                _disk.Kill();
            }
        }

        return FaultKinds.Make(kind, step, _random);
    }

    private bool IsRead(string vchannel) => _cluster?.Catalog.Current.Collections.Values.Any(c => Reads.GetValueOrDefault(c.Name) > 0 && c.Channels.Any(v => v.Name == vchannel)) == true;

    private LogPosition? LowestCheckpoint(string channel)
    {
        if (_cluster is not { } cluster)
        {
            return null;
        }

        LogPosition? lowest = null;
        var snapshot = cluster.Catalog.Current;
        foreach (var vchannel in snapshot.Collections.Values.SelectMany(c => c.Channels).Where(c => c.PChannel.Name == channel))
        {
            // Without a checkpoint it is younger than the decision to truncate, and all its messages lie above.
            if (snapshot.CheckpointOf(vchannel)?.Position is { } position)
            {
                lowest = lowest is { } l && l < position ? l : position;
            }
        }

        return lowest;
    }

    /// <summary>A reader that follows a pchannel for as long as the process lives, from the earliest entry on.</summary>
    private async Task FollowAsync(SimCluster cluster, LogLedger ledger, LogPosition from, bool forever)
    {
        do
        {
            using var stop = new CancellationTokenSource();
            await ReadAsync(cluster, ledger.Open(from), ledger.Channel, from, _ => true, stop.Token);
            from = LogPosition.Beginning;
            await Task.Delay(TimeSpan.FromMilliseconds(100), cluster.Process.Time);
        }
        while (forever);
    }

    /// <summary>A reader that begins somewhere, reads a little, perhaps rests so long that the tail buffer passes it, and begins elsewhere.</summary>
    private async Task WanderAsync(SimCluster cluster, LogLedger ledger)
    {
        while (true)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(50, 3000)), cluster.Process.Time);
            if (ledger.Count > 0)
            {
                var from = ledger.ResumeAt(_random.Next(ledger.Count));
                var left = _random.Next(1, 60);
                using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(5), cluster.Process.Time);
                var rest = _random.Next(3) == 0 ? TimeSpan.FromMilliseconds(_random.Next(500, 2000)) : TimeSpan.Zero;
                await ReadAsync(cluster, ledger.Open(from), ledger.Channel, from, _ => left-- > 0, stop.Token, rest);
            }
        }
    }

    /// <summary>Reads into a cursor while <paramref name="more"/>, with one rest behind the first; ends when the place is truncated or the token fires.</summary>
    public async Task ReadAsync(SimCluster cluster, LogLedger.Cursor cursor, PChannel channel, LogPosition from, Func<LogEvent, bool> more, CancellationToken ct, TimeSpan rest = default)
    {
        try
        {
            await foreach (var value in cluster.Reader.ReadAsync(channel, from, ct))
            {
                cursor.Take(value);
                if (!more(value))
                {
                    return;
                }

                if (rest > TimeSpan.Zero)
                {
                    await Task.Delay(rest, cluster.Process.Time, ct);
                    rest = TimeSpan.Zero;
                }
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // Read enough.
        }
        catch (MiniMilvusException e) when (e.Kind is ErrorKind.NotFound or ErrorKind.Unavailable)
        {
            Log.Add($"reader of {channel} from {from}: {e.Message}");
        }
        catch (Exception e)
        {
            Violations.Add("T4 a reader is never stopped by what the log holds", $"{channel} from {from}: {e}");
        }
    }
}
