using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>Readings in other processes than the collector's (W12): they are held for as long as their process says so, and a silent one is given up.</summary>
public sealed class ReaderLeaseTests : IAsyncDisposable
{
    private static readonly CancellationToken Never = CancellationToken.None;
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);
    private static readonly string s_key = LogKeys.Reader(TestLog.Name, "reader");
    private readonly MemoryObjectStore _objects = new();
    private readonly MemoryMetaStore _meta = new(TimeProvider.System);
    private readonly ManualTime _ownersTime = new();
    private readonly ManualTime _readersTime = new();
    private readonly List<ObjectWoodpecker> _processes = [];

    private static WoodpeckerOptions Options => TestLog.Small with
    {
        SegmentBytesMax = 1000, TailBytesMax = 0, ReadsAheadMax = 0, CollectionRetryInterval = TimeSpan.FromHours(1), ReaderLeaseTime = Lease,
    };

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes)
        {
            await process.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_reader_that_says_nothing_for_a_leases_life_is_given_up_and_told_so()
    {
        var (owner, writer) = await OwnAsync(_meta);
        await using var reading = Start(_meta, "reader", _readersTime).ReadAsync(TestLog.Name, LogPosition.Beginning, writer.Confirmed, Never).GetAsyncEnumerator(Never);
        var read = new List<int>();
        Assert.True(await reading.MoveNextAsync());
        read.Add(TestLog.Number(reading.Current));
        await owner.TruncateAsync(TestLog.Name, new LogPosition(5, 0), Never);
        await owner.CollectAsync(TestLog.Name, Never);
        _ownersTime.Advance(Lease - TimeSpan.FromTicks(1));
        await owner.CollectAsync(TestLog.Name, Never);
        Assert.Equal(0, await FirstKeptAsync(owner));

        _ownersTime.Advance(TimeSpan.FromTicks(1));
        await owner.CollectAsync(TestLog.Name, Never);
        Assert.Equal(5, await FirstKeptAsync(owner));
        Assert.Null(await _meta.GetAsync(s_key, Never));

        // In order up to where it ends: it can be told "truncated", never something wrong.
        var told = await Assert.ThrowsAsync<MiniMilvusException>(async () =>
        {
            while (await reading.MoveNextAsync())
            {
                read.Add(TestLog.Number(reading.Current));
            }
        });
        Assert.Equal(ErrorKind.NotFound, told.Kind);
        Assert.Equal(Enumerable.Range(0, read.Count), read);
    }

    [Fact]
    public async Task A_reader_that_lives_is_spared_however_long_it_takes_and_gives_back_what_it_has_read()
    {
        var (owner, writer) = await OwnAsync(_meta);
        var reading = Start(_meta, "reader", _readersTime).ReadAsync(TestLog.Name, LogPosition.Beginning, writer.Confirmed, Never).GetAsyncEnumerator(Never);
        Assert.True(await reading.MoveNextAsync());
        await owner.TruncateAsync(TestLog.Name, writer.Confirmed, Never);
        var stands = 0L;
        for (var round = 0; round < 4; round++)
        {
            // What it says names the oldest segment that it still needs.
            await RenewedAsync();
            await owner.CollectAsync(TestLog.Name, Never);
            _ownersTime.Advance(Lease - TimeSpan.FromTicks(1)); // the collector may look at any time, by itself too
            Assert.Equal(stands, await FirstKeptAsync(owner));
            while (reading.Current.Position.Segment == stands)
            {
                Assert.True(await reading.MoveNextAsync());
            }

            stands = reading.Current.Position.Segment;
        }

        await reading.DisposeAsync();
        await RenewedAsync();
        Assert.Null(await _meta.GetAsync(s_key, Never));
        await owner.CollectAsync(TestLog.Name, Never);
        Assert.Equal(writer.Confirmed.Segment, await FirstKeptAsync(owner));
    }

    [Fact]
    public async Task A_reading_that_begins_while_the_log_is_collected_is_not_led_into_what_goes()
    {
        var watched = new WatchedMeta();
        var (owner, writer) = await OwnAsync(watched);
        watched.Stall(s_key, async () =>
        {
            // It has seen that nothing was truncated, and has not yet said what it reads.
            await owner.TruncateAsync(TestLog.Name, new LogPosition(5, 0), Never);
            await owner.CollectAsync(TestLog.Name, Never);
            Assert.Equal(5, await FirstKeptAsync(owner));
        });
        var left = await TestLog.ReadAsync(Start(watched, "reader", _readersTime), LogPosition.Beginning, writer.Confirmed);
        Assert.Equal(await TestLog.ReadAsync(owner, new LogPosition(5, 0), writer.Confirmed), left);
        Assert.NotEmpty(left);
    }

    [Fact]
    public async Task Where_the_log_is_written_its_readings_cost_no_leases()
    {
        var (owner, writer) = await OwnAsync(_meta);
        await TestLog.ReadAsync(owner, LogPosition.Beginning, writer.Confirmed);
        Assert.Empty((await _meta.RangeAsync(LogKeys.Readers(TestLog.Name), Never)).Entries);
    }

    private ObjectWoodpecker Start(IMetaStore meta, string name, TimeProvider time)
    {
        var process = new ObjectWoodpecker(_objects, meta is MemoryMetaStore ? new DeafMetaStore(meta) : meta, Options, time, NoStations.Instance, name);
        _processes.Add(process);
        return process;
    }

    private async Task<(ObjectWoodpecker Owner, ILogWriter Writer)> OwnAsync(IMetaStore meta)
    {
        var owner = Start(meta, "owner", _ownersTime);
        await owner.CreateAsync(TestLog.Name, Never);
        var writer = await owner.OpenWriterAsync(TestLog.Name, new Term(1), Never);
        for (var i = 0; i < 60; i++)
        {
            await TestLog.AppendAsync(writer, i, 100);
        }

        Assert.True(writer.Confirmed.Segment > 6, $"rolled to {writer.Confirmed}");
        return (owner, writer);
    }

    private static async Task<long> FirstKeptAsync(ObjectWoodpecker log) => (await log.Backend.ListSegmentsAsync(TestLog.Name, long.MaxValue, Never))[0];

    /// <summary>The reader's process says again what it needs, or that it needs nothing any more.</summary>
    private async Task RenewedAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var from = (await _meta.RangeAsync("none", Never)).Revision + 1;
        await _readersTime.ArmedAsync(Lease / 3).WaitAsync(limit.Token);
        await using var changes = _meta.WatchAsync(s_key, from, limit.Token).GetAsyncEnumerator(limit.Token);
        Assert.True(await changes.MoveNextAsync());
        _readersTime.Advance(Lease / 3);
        while (changes.Current.Events.IsEmpty)
        {
            Assert.True(await changes.MoveNextAsync());
        }
    }
}
