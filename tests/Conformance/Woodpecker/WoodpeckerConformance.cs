using System.Buffers.Binary;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Conformance.Woodpecker;

/// <summary>What every mode of the log promises. <see cref="Start"/> is another process over the same stores.</summary>
public abstract partial class WoodpeckerConformance : IAsyncLifetime
{
    protected const string Log = "by-dev-rootcoord-dml_0";
    protected static readonly CancellationToken Never = CancellationToken.None;
    private readonly List<IWoodpecker> _started = [];

    private DeafMetaStore? _deaf;

    /// <summary>The clock of the processes that are started from now on.</summary>
    protected TimeProvider Time { get; set; } = TimeProvider.System;

    protected virtual IMetaStore Meta { get; } = new MemoryMetaStore(TimeProvider.System);

    /// <summary>The metadata as the logs get it: deaf, so that every fence has to hold by itself.</summary>
    internal DeafMetaStore LogMeta => _deaf ??= new DeafMetaStore(Meta);

    protected static WoodpeckerOptions Options => new()
    {
        PreallocateBytesFirst = 4096, PreallocateBytesMax = 64 * 1024, DiskUsedFractionMax = 1, DiskFreeBytesMin = 0,
        ForeignPollInterval = TimeSpan.FromMilliseconds(2), ForeignPollsPerMetadataLook = 3, SyncIntervalMax = TimeSpan.Zero,
        MetadataRetryDelay = TimeSpan.FromMilliseconds(1), ObjectRetryDelay = TimeSpan.FromMilliseconds(1),
        CompactionPartBytesMax = 4096, CompactionGrace = TimeSpan.Zero, CompactionRetryDelay = TimeSpan.FromMilliseconds(1), SealedReadBytes = 2000,
    };

    protected abstract IWoodpecker Create(WoodpeckerOptions options, IStationSink stations, string writerId);

    public virtual Task InitializeAsync() => Task.CompletedTask;

    public virtual async Task DisposeAsync()
    {
        foreach (var instance in _started)
        {
            await instance.DisposeAsync();
        }
    }

    protected IWoodpecker Start(WoodpeckerOptions? options = null, IStationSink? stations = null)
    {
        var instance = Create(options ?? Options, stations ?? NoStations.Instance, $"writer-{_started.Count}");
        _started.Add(instance);
        return instance;
    }

    [Fact]
    public async Task A_log_exists_from_create_to_delete()
    {
        var log = Start();
        Assert.False(await log.ExistsAsync("b", Never));
        await log.CreateAsync("b", Never);
        await log.CreateAsync("a", Never);
        await log.CreateAsync("a-b_1.c", Never);
        Assert.Equal(["a", "a-b_1.c", "b"], await log.ListAsync(Never));
        await Expect.KindAsync(ErrorKind.Conflict, () => log.CreateAsync("a", Never).AsTask());
        await log.DeleteAsync("b", Never);
        await log.DeleteAsync("b", Never);
        Assert.False(await Start().ExistsAsync("b", Never));
        Assert.Equal(["a", "a-b_1.c"], await log.ListAsync(Never));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData("..")]
    [InlineData("a b")]
    public async Task A_name_that_could_mean_two_things_is_invalid(string name) =>
        await Expect.KindAsync(ErrorKind.Invalid, () => Start().CreateAsync(name, Never).AsTask());

    [Fact]
    public async Task What_does_not_exist_is_not_found()
    {
        var log = Start();
        await Expect.KindAsync(ErrorKind.NotFound, () => log.OpenWriterAsync("none", new Term(1), Never).AsTask());
        await Expect.KindAsync(ErrorKind.NotFound, () => log.GetWatermarksAsync("none", Never).AsTask());
        await Expect.KindAsync(ErrorKind.NotFound, () => log.TruncateAsync("none", new LogPosition(0, 1), Never).AsTask());
        await Expect.KindAsync(ErrorKind.NotFound, () => NumbersAsync(log, LogPosition.Beginning, LogPosition.Max, "none"));
    }

    [Fact]
    public async Task Acked_entries_are_read_in_order_with_their_bytes()
    {
        var (log, writer) = await OpenAsync();
        int[] sizes = [0, 1, 5, 63, 64, 4095, 4096, 5000, 100_000, 3_000_000, 17];
        var entries = sizes.Select((bytes, i) => Bytes(bytes, i)).ToArray();
        var pending = new List<PendingAppend>();
        foreach (var entry in entries)
        {
            pending.Add(await writer.EnqueueAsync(entry, Never));
        }

        await Task.WhenAll(pending.Select(p => p.Durable));
        Assert.Equal(pending[^1].Position.Next, writer.Confirmed);
        foreach (var reader in new[] { log, Start() })
        {
            var read = await ReadAsync(reader, LogPosition.Beginning, writer.Confirmed);
            Assert.Equal(pending.Select(p => p.Position), read.Select(e => e.Position));
            Assert.All(read.Zip(entries), pair => Assert.True(pair.First.Bytes.Span.SequenceEqual(pair.Second)));
        }
    }

    [Fact]
    public async Task Places_are_given_in_call_order_without_gaps()
    {
        var (_, writer) = await OpenAsync(Options with { QueueEntriesMax = 3 });
        var calls = Enumerable.Range(0, 40).Select(i => writer.EnqueueAsync(Entry(i), Never).AsTask()).ToArray();
        var pending = await Task.WhenAll(calls);
        await Task.WhenAll(pending.Select(p => p.Durable));
        Assert.Equal(Enumerable.Range(0, 40).Select(i => new LogPosition(writer.Confirmed.Segment, i)), pending.Select(p => p.Position));
    }

    [Fact]
    public async Task An_entry_that_is_too_large_is_invalid_and_harms_nothing()
    {
        var (log, writer) = await OpenAsync(Options with { EntryBytesMax = 100 });
        await Expect.KindAsync(ErrorKind.Invalid, () => writer.EnqueueAsync(new byte[101], Never).AsTask());
        await AppendAsync(writer, 0, 1);
        Assert.Equal([0], await NumbersAsync(log, LogPosition.Beginning, writer.Confirmed));
    }

    [Fact]
    public async Task A_lower_or_equal_term_is_fenced()
    {
        var (log, writer) = await OpenAsync(term: 5);
        await Expect.KindAsync(ErrorKind.Fenced, () => log.OpenWriterAsync(Log, new Term(5), Never).AsTask());
        await Expect.KindAsync(ErrorKind.Fenced, () => Start().OpenWriterAsync(Log, new Term(4), Never).AsTask());
        await AppendAsync(writer, 0, 3);
        Assert.Equal([0, 1, 2], await NumbersAsync(log, LogPosition.Beginning, writer.Confirmed));
    }

    [Fact]
    public async Task Append_after_fence_is_refused_and_never_becomes_readable()
    {
        var (log, old) = await OpenAsync();
        await AppendAsync(old, 0, 5);
        var other = Start();
        var writer = await other.OpenWriterAsync(Log, new Term(2), Never);
        var late = await old.EnqueueAsync(Entry(99), Never);
        await Expect.KindAsync(ErrorKind.Fenced, () => late.Durable);
        await old.Stopped;
        Assert.Equal(ErrorKind.Fenced, Assert.IsType<MiniMilvusException>(old.Failure).Kind);
        await Expect.KindAsync(ErrorKind.Fenced, () => old.EnqueueAsync(Entry(100), Never).AsTask());
        await AppendAsync(writer, 5, 5);
        Assert.Equal(Enumerable.Range(0, 10), await NumbersAsync(other, LogPosition.Beginning, writer.Confirmed));
        Assert.Equal(Enumerable.Range(0, 10), await NumbersAsync(log, LogPosition.Beginning, writer.Confirmed));
    }

    [Fact]
    public async Task An_idle_writer_learns_that_it_is_deposed_and_its_readers_follow_the_new_one()
    {
        LogMeta.Hears = true;
        var (log, old) = await OpenAsync();
        await AppendAsync(old, 0, 3);
        var reading = NumbersAsync(log, LogPosition.Beginning, LogPosition.Max, count: 6);
        var writer = await Start().OpenWriterAsync(Log, new Term(2), Never);
        await AppendAsync(writer, 3, 4);
        Assert.Equal(Enumerable.Range(0, 6), await reading);
        await old.Stopped;
        Assert.Equal(ErrorKind.Fenced, Assert.IsType<MiniMilvusException>(old.Failure).Kind);
    }

    [Fact]
    public async Task Two_writers_that_fight_leave_one_order_with_every_acked_entry()
    {
        await OpenAsync();
        var (first, second) = (Start(), Start());
        var acked = new Dictionary<LogPosition, int>();
        var number = 0;
        ILogWriter? last = null;
        for (var term = 2; term < 22; term++)
        {
            var old = last;
            last = await (term % 2 == 0 ? first : second).OpenWriterAsync(Log, new Term(term), Never);
            var pending = new List<(int Number, ILogWriter By, PendingAppend Append)>();
            for (var i = 0; i < 6; i++)
            {
                foreach (var by in new[] { old, last })
                {
                    try
                    {
                        if (by is not null)
                        {
                            pending.Add((number, by, await by.EnqueueAsync(Entry(number), Never)));
                        }
                    }
                    catch (MiniMilvusException e) when (e.Kind == ErrorKind.Fenced && by == old)
                    {
                        // It has learnt that it is deposed.
                    }

                    number++;
                }
            }

            foreach (var (n, by, append) in pending)
            {
                if (by == last)
                {
                    await append.Durable;
                    acked.Add(append.Position, n);
                }
                else
                {
                    await Expect.KindAsync(ErrorKind.Fenced, () => append.Durable);
                }
            }
        }

        var read = await ReadAsync(Start(), LogPosition.Beginning, last!.Confirmed);
        Assert.Equal(acked.OrderBy(a => a.Key).Select(a => (a.Key, a.Value)), read.Select(e => (e.Position, Number(e))));
    }

    [Fact]
    public async Task A_writer_that_was_closed_leaves_everything_readable()
    {
        var (log, writer) = await OpenAsync();
        var pending = new List<PendingAppend>();
        for (var i = 0; i < 100; i++)
        {
            pending.Add(await writer.EnqueueAsync(Entry(i), Never));
        }

        await writer.DisposeAsync();
        Assert.All(pending, p => Assert.True(p.Durable.IsCompletedSuccessfully));
        Assert.Null(writer.Failure);
        var marks = await Start().GetWatermarksAsync(Log, Never);
        Assert.Equal(pending[^1].Position.Next, marks.Confirmed);
        Assert.Equal(Enumerable.Range(0, 100), await NumbersAsync(log, LogPosition.Beginning, marks.Confirmed));
        await Expect.KindAsync(ErrorKind.Unavailable, () => writer.EnqueueAsync(Entry(1), Never).AsTask());
    }

    [Fact]
    public async Task Empty_segments_of_writers_that_wrote_nothing_are_passed_over()
    {
        var log = Start();
        await log.CreateAsync(Log, Never);
        for (var term = 1; term < 8; term++)
        {
            var writer = await Start().OpenWriterAsync(Log, new Term(term), Never);
            if (term % 3 == 0)
            {
                await AppendAsync(writer, term, 1);
            }
        }

        Assert.Equal([3, 6], await NumbersAsync(log, LogPosition.Beginning, new LogPosition(6, 0)));
    }

    [Fact]
    public async Task A_log_rolls_by_size_and_is_read_across_the_seams()
    {
        var (log, writer) = await OpenAsync(Options with { SegmentBytesMax = 2000, TailBytesMax = 500 });
        await AppendAsync(writer, 0, 200, 100);
        Assert.True(writer.Confirmed.Segment >= 9, $"rolled to {writer.Confirmed}");
        foreach (var reader in new[] { log, Start() })
        {
            var all = await ReadAsync(reader, LogPosition.Beginning, writer.Confirmed);
            Assert.Equal(Enumerable.Range(0, 200), all.Select(Number));
            for (var i = 0; i < 200; i += 17)
            {
                Assert.Equal(Enumerable.Range(i, 200 - i), await NumbersAsync(reader, all[i].Position, writer.Confirmed));
                Assert.Equal(Enumerable.Range(i + 1, 199 - i), await NumbersAsync(reader, all[i].Position.Next, writer.Confirmed));
                Assert.Equal(Enumerable.Range(0, i), await NumbersAsync(reader, LogPosition.Beginning, all[i].Position));
            }
        }
    }

    [Fact]
    public async Task A_log_rolls_by_blocks_also_in_the_middle_of_a_burst()
    {
        var (log, writer) = await OpenAsync(Options with { SegmentBlocksMax = 4, BlockBytesMax = 100, GroupBytesMax = 1000 });
        var pending = new List<PendingAppend>();
        for (var i = 0; i < 300; i++)
        {
            pending.Add(await writer.EnqueueAsync(Entry(i, 30), Never));
        }

        await Task.WhenAll(pending.Select(p => p.Durable));
        Assert.True(writer.Confirmed.Segment > 5, $"rolled to {writer.Confirmed}");
        Assert.Equal(Enumerable.Range(0, 300), await NumbersAsync(log, LogPosition.Beginning, writer.Confirmed));
    }

    [Fact]
    public async Task A_reader_at_the_tail_sees_each_entry_once_as_it_is_acked()
    {
        var (log, writer) = await OpenAsync(Options with { SegmentBytesMax = 20_000, TailBytesMax = 3000 });
        var here = NumbersAsync(log, LogPosition.Beginning, LogPosition.Max, count: 300);
        var elsewhere = NumbersAsync(Start(), LogPosition.Beginning, LogPosition.Max, count: 300);
        await AppendAsync(writer, 0, 301, 200);
        Assert.Equal(Enumerable.Range(0, 300), await here);
        Assert.Equal(Enumerable.Range(0, 300), await elsewhere);
    }

    [Fact]
    public async Task A_reader_elsewhere_follows_from_term_to_term_and_trusts_the_end_it_is_given()
    {
        var log = Start();
        await log.CreateAsync(Log, Never);
        var elsewhere = Start();
        var following = NumbersAsync(elsewhere, LogPosition.Beginning, LogPosition.Max, count: 40);
        for (var term = 1; term <= 5; term++)
        {
            var writer = await Start().OpenWriterAsync(Log, new Term(term), Never);
            await AppendAsync(writer, (term - 1) * 10, 10);

            // Nothing in the log says yet that the last group is confirmed; the caller knows.
            Assert.Equal(Enumerable.Range(0, term * 10), await NumbersAsync(elsewhere, LogPosition.Beginning, writer.Confirmed));
        }

        Assert.Equal(Enumerable.Range(0, 40), await following);
    }

    [Fact]
    public async Task A_waiting_reader_can_be_cancelled()
    {
        var (log, _) = await OpenAsync();
        foreach (var reader in new[] { log, Start() })
        {
            using var cancel = new CancellationTokenSource();
            var reading = Task.Run(async () =>
            {
                await foreach (var _ in reader.ReadAsync(Log, LogPosition.Beginning, LogPosition.Max, cancel.Token))
                {
                }
            });
            cancel.Cancel();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        }
    }

    [Fact]
    public async Task A_deleted_log_is_gone_for_its_writer_too_and_its_name_begins_anew()
    {
        var (log, writer) = await OpenAsync(term: 7);
        await AppendAsync(writer, 0, 10);
        await Start().DeleteAsync(Log, Never);
        var late = await writer.EnqueueAsync(Entry(1), Never);
        await Assert.ThrowsAsync<MiniMilvusException>(() => late.Durable);
        await writer.Stopped;
        await Expect.KindAsync(ErrorKind.NotFound, () => NumbersAsync(log, LogPosition.Beginning, LogPosition.Max));
    }

    [Fact]
    public async Task A_name_can_be_used_again_after_its_log_was_deleted()
    {
        var (log, writer) = await OpenAsync(term: 7);
        await AppendAsync(writer, 0, 10);
        await log.DeleteAsync(Log, Never);
        await log.CreateAsync(Log, Never);
        var next = await log.OpenWriterAsync(Log, new Term(1), Never);
        await AppendAsync(next, 50, 2);
        Assert.Equal([50, 51], await NumbersAsync(log, LogPosition.Beginning, next.Confirmed));
    }

    [Fact]
    public async Task Appends_pass_the_stations_in_order()
    {
        var stations = new Recorded();
        var log = Start(stations: stations);
        await log.CreateAsync(Log, Never);
        var writer = await log.OpenWriterAsync(Log, new Term(1), Never);
        await AppendAsync(writer, 0, 1);
        Assert.Equal([Station.LogWriter, Station.GroupCommit, Station.Durable], stations.Events.OrderBy(e => e.Station).Select(e => e.Station));
        Assert.All(stations.Events, e => Assert.Equal((Log, 1L), (e.Channel, e.Count)));
    }

    /// <summary>The contract in a few lines: a list, a start, and the places of its items.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Any_sequence_of_calls_gives_what_the_model_gives(int seed)
    {
        var random = new Random(seed);
        var options = Options with { SegmentBytesMax = 3000, BlockBytesMax = 300, GroupBytesMax = 900, TailBytesMax = 2000, ReadBytes = 700 };
        var log = Start(options);
        await log.CreateAsync(Log, Never);
        var (model, term, number, writer) = (new List<(LogPosition Place, int Number)>(), 0, 0, (ILogWriter?)null);
        for (var step = 0; step < 120; step++)
        {
            switch (random.Next(10))
            {
                case 0 or 1 when random.Next(2) == 0 || writer is null:
                    log = random.Next(2) == 0 ? log : Start(options);
                    writer = await log.OpenWriterAsync(Log, new Term(++term), Never);
                    break;
                case < 7 when writer is not null:
                    var pending = new List<PendingAppend>();
                    for (var i = random.Next(1, 12); i > 0; i--)
                    {
                        pending.Add(await writer.EnqueueAsync(Entry(number, random.Next(4, 400)), Never));
                        model.Add((pending[^1].Position, number++));
                    }

                    await Task.WhenAll(pending.Select(p => p.Durable));
                    break;
                case 7 when model.Count > 0:
                    var until = model[random.Next(model.Count)].Place;
                    await log.TruncateAsync(Log, until, Never);
                    model.RemoveAll(m => m.Place < until);
                    break;
                default:
                    var reader = random.Next(2) == 0 ? log : Start(options);
                    var from = model.Count > 0 && random.Next(2) == 0 ? random.Next(model.Count) : 0;
                    var start = from == 0 ? LogPosition.Beginning : model[from].Place;
                    var end = writer?.Confirmed ?? LogPosition.Beginning;
                    Assert.Equal(model.Skip(from).Select(m => (m.Place, m.Number)), (await ReadAsync(reader, start, end)).Select(e => (e.Position, Number(e))));
                    break;
            }
        }
    }

    protected async Task<(IWoodpecker Log, ILogWriter Writer)> OpenAsync(WoodpeckerOptions? options = null, long term = 1)
    {
        var log = Start(options);
        await log.CreateAsync(Log, Never);
        return (log, await log.OpenWriterAsync(Log, new Term(term), Never));
    }

    protected static byte[] Entry(int number, int bytes = 16)
    {
        var entry = Bytes(Math.Max(bytes, 4), number);
        BinaryPrimitives.WriteInt32LittleEndian(entry, number);
        return entry;
    }

    protected static int Number(LogEntry entry) => BinaryPrimitives.ReadInt32LittleEndian(entry.Bytes.Span);

    protected static async Task AppendAsync(ILogWriter writer, int from, int count, int bytes = 16)
    {
        for (var i = from; i < from + count; i++)
        {
            await (await writer.EnqueueAsync(Entry(i, bytes), Never)).Durable;
        }
    }

    protected static async Task<List<LogEntry>> ReadAsync(IWoodpecker log, LogPosition from, LogPosition until, string name = Log, int count = int.MaxValue)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var read = new List<LogEntry>();
        await foreach (var entry in log.ReadAsync(name, from, until, limit.Token))
        {
            read.Add(entry);
            if (read.Count == count)
            {
                break;
            }
        }

        return read;
    }

    protected static async Task<List<int>> NumbersAsync(IWoodpecker log, LogPosition from, LogPosition until, string name = Log, int count = int.MaxValue) =>
        [.. (await ReadAsync(log, from, until, name, count)).Select(Number)];

    private static byte[] Bytes(int count, int seed)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private sealed class Recorded : IStationSink
    {
        private readonly List<StationEvent> _events = [];

        public bool IsEnabled => true;

        public IReadOnlyList<StationEvent> Events
        {
            get
            {
                lock (_events)
                {
                    return [.. _events];
                }
            }
        }

        public void Emit(in StationEvent value)
        {
            lock (_events)
            {
                _events.Add(value);
            }
        }
    }
}
