using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Conformance.Woodpecker;

/// <summary>
/// The power fails at each step of a life of the log, with each kind of loss. Then: every acked entry is readable, in order, once; what was
/// readable before the cut still is; nothing was made up; and the log goes on.
/// </summary>
public sealed class LocalPowerCutTests
{
    private const string Log = "by-dev_0";
    private static readonly CancellationToken Never = CancellationToken.None;

    private static WoodpeckerOptions Options => new()
    {
        PreallocateBytesFirst = 2048, PreallocateBytesMax = 4096, SegmentBytesMax = 6000, BlockBytesMax = 900, GroupBytesMax = 2500, ReadBytes = 1000,
        DiskUsedFractionMax = 1, DiskFreeBytesMin = 0, ForeignPollInterval = TimeSpan.FromMilliseconds(1), ForeignPollsPerMetadataLook = 2,
        MetadataAttemptsMax = 1,
    };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Acked_entries_survive_a_power_cut_at_every_step(int seed)
    {
        // How many steps a life has depends on nothing but the seed: first one without faults, then one for each step and kind of cut.
        var whole = new Life(seed, _ => null);
        Pump.Run(whole.RunAsync);
        Assert.True(whole.Disk.Steps > 100, $"{whole.Disk.Steps} steps");
        var cuts = 0;
        for (var at = 1; at <= whole.Disk.Steps; at++)
        {
            foreach (var fault in new Func<DiskStep, DiskFault?>[] { _ => new DiskFault.Cut(), _ => new DiskFault.CutAfter(), s => new DiskFault.Torn(s.Bytes / 2, ThenCut: true) })
            {
                var number = at;
                var life = new Life(seed, step => step.Number == number ? fault(step) : null);
                Pump.Run(life.RunAsync);
                cuts += life.Cuts;
            }
        }

        Assert.True(cuts > 100, $"{cuts} cuts");
    }

    [Fact]
    public void Acked_entries_survive_cuts_within_the_recovery_from_cuts()
    {
        var (cuts, again) = (0, 0);
        for (var seed = 10; seed < 130; seed++)
        {
            var random = new Random(seed);
            var life = new Life(seed, step => random.NextDouble() < 0.01
                ? random.Next(3) switch { 0 => new DiskFault.Cut(), 1 => new DiskFault.CutAfter(), _ => new DiskFault.Torn(random.Next(200), ThenCut: true) }
                : null);
            Pump.Run(life.RunAsync);
            cuts += life.Cuts;
            again += life.CutsInRecovery;
        }

        Assert.True(cuts > 100, $"{cuts} cuts");
        Assert.True(again > 10, $"{again} cuts while a process recovered from a cut");
    }

    [Fact]
    public void Acked_entries_survive_failed_calls_whose_effect_is_unknown()
    {
        var failures = 0;
        for (var seed = 200; seed < 320; seed++)
        {
            var random = new Random(seed);
            var life = new Life(seed, step => random.NextDouble() < 0.01
                ? random.Next(6) switch
                {
                    0 or 1 => new DiskFault.FailBefore(),
                    2 => new DiskFault.FailAfter(),
                    3 => new DiskFault.NoSpace(),
                    4 => new DiskFault.Torn(random.Next(300), ThenCut: false),
                    _ => new DiskFault.Cut(),
                }
                : null);
            Pump.Run(life.RunAsync);
            failures += life.Failures;
        }

        Assert.True(failures > 50, $"{failures} failures");
    }

    /// <summary>The shortest form: one entry, acked, and every unsynced byte lost.</summary>
    [Fact]
    public void Acked_entry_survives_power_cut() => Pump.Run(async () =>
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var disk = new SimulatedDisk(TimeProvider.System, seed);
            using var meta = new MemoryMetaStore(TimeProvider.System);
            var before = new LocalWoodpecker(disk.Mount(), meta, Options, TimeProvider.System, NoStations.Instance, "before");
            await before.CreateAsync(Log, Never);
            var writer = await before.OpenWriterAsync(Log, new Term(1), Never);
            await (await writer.EnqueueAsync(new byte[] { 1, 2, 3 }, Never)).Durable;

            disk.PowerCut(seed);

            var after = new LocalWoodpecker(disk.Mount(), meta, Options, TimeProvider.System, NoStations.Instance, "after");
            var next = await after.OpenWriterAsync(Log, new Term(2), Never);
            var read = new List<LogEntry>();
            await foreach (var entry in after.ReadAsync(Log, LogPosition.Beginning, next.Confirmed, Never))
            {
                read.Add(entry);
            }

            Assert.Equal([1, 2, 3], Assert.Single(read).Bytes.ToArray());
            await after.DisposeAsync();
            await before.DisposeAsync();
        }
    });

    /// <summary>Some terms of appending, rolling and truncating, each begun by a new process; a cut ends a process early.</summary>
    private sealed class Life(int seed, Func<DiskStep, DiskFault?> faults)
    {
        private readonly IMetaStore _meta = new MemoryMetaStore(TimeProvider.System);
        private readonly Random _random = new(seed);
        private readonly SortedDictionary<LogPosition, int> _acked = [];
        private readonly SortedDictionary<LogPosition, int> _readable = [];
        private readonly Dictionary<int, int> _sizes = [];
        private int _number;
        private LogPosition _truncated;

        public SimulatedDisk Disk { get; } = new(TimeProvider.System, seed);

        public int Cuts { get; private set; }

        /// <summary>Cuts that came after an earlier one and before the log was open again.</summary>
        public int CutsInRecovery { get; private set; }

        public int Failures { get; private set; }

        public async Task RunAsync()
        {
            Disk.OnStep = faults;
            var opened = true;
            for (var term = 1; term <= 4; term++)
            {
                var process = new LocalWoodpecker(Disk.Mount(), _meta, Options, TimeProvider.System, NoStations.Instance, $"process-{term}");
                try
                {
                    await LiveAsync(process, term, () => opened = true);
                }
                catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable)
                {
                    var cut = e.InnerException is PowerCutException;
                    Cuts += cut ? 1 : 0;
                    CutsInRecovery += cut && !opened ? 1 : 0;
                    opened = false;
                    Failures++;
                }

                Disk.Kill();
                await process.DisposeAsync();
            }

            Disk.OnStep = null;
            var last = new LocalWoodpecker(Disk.Mount(), _meta, Options, TimeProvider.System, NoStations.Instance, "last");
            if (await last.ExistsAsync(Log, Never))
            {
                var writer = await last.OpenWriterAsync(Log, new Term(5), Never);
                await CheckAsync(last, writer.Confirmed);
                await (await writer.EnqueueAsync(new byte[4], Never)).Durable;
                await last.DisposeAsync();
            }
        }

        private async Task LiveAsync(LocalWoodpecker log, int term, Action opened)
        {
            if (!await log.ExistsAsync(Log, Never))
            {
                await log.CreateAsync(Log, Never);
            }

            var writer = await log.OpenWriterAsync(Log, new Term(term), Never);
            opened();
            await CheckAsync(log, writer.Confirmed);
            for (var burst = 0; burst < 8; burst++)
            {
                var pending = new List<(int Number, PendingAppend Append)>();
                for (var i = _random.Next(1, 6); i > 0; i--)
                {
                    var entry = new byte[_random.Next(4, 700)];
                    BitConverter.TryWriteBytes(entry, _number);
                    _sizes[_number] = entry.Length;
                    pending.Add((_number++, await writer.EnqueueAsync(entry, Never)));
                }

                foreach (var (number, append) in pending)
                {
                    await append.Durable;
                    _acked.Add(append.Position, number);
                }

                if (burst % 4 == 1)
                {
                    await CheckAsync(log, writer.Confirmed);
                }

                if (burst % 4 == 3 && _acked.Count > 5)
                {
                    var until = _acked.Keys.ElementAt(_random.Next(_acked.Count));
                    _truncated = until > _truncated ? until : _truncated; // it may happen even when it fails
                    foreach (var gone in _acked.Keys.TakeWhile(p => p < _truncated).ToArray())
                    {
                        _acked.Remove(gone);
                    }

                    await log.TruncateAsync(Log, until, Never);
                }
            }
        }

        private async Task CheckAsync(LocalWoodpecker log, LogPosition confirmed)
        {
            var read = new SortedDictionary<LogPosition, int>();
            var numbers = new HashSet<int>();
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            await foreach (var entry in log.ReadAsync(Log, LogPosition.Beginning, confirmed, limit.Token))
            {
                var number = BitConverter.ToInt32(entry.Bytes.Span);
                Assert.True(numbers.Add(number), $"entry {number} is there twice");
                Assert.Equal(_sizes[number], entry.Bytes.Length);
                read.Add(entry.Position, number);
            }

            Assert.Equal(read.Values.Order(), read.Values);
            foreach (var expected in _acked.Concat(_readable).Where(e => e.Key >= _truncated))
            {
                Assert.True(read.TryGetValue(expected.Key, out var number) && number == expected.Value, $"entry {expected.Value} at {expected.Key} was acked or read, and is gone");
            }

            foreach (var entry in read)
            {
                _readable[entry.Key] = entry.Value;
            }
        }
    }
}
