using System.Buffers;
using System.Diagnostics.Metrics;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Conformance.Objects;

public sealed class CountedObjectStoreTests : ObjectStoreConformance
{
    protected override ValueTask<IObjectStore> OpenAsync() => new(new CountingObjectStore(new MemoryObjectStore()));

    protected override ValueTask CloseAsync()
    {
        ((CountingObjectStore)Store).Dispose();
        return default;
    }
}

/// <summary>What a store is asked is counted by class of key, and has a price.</summary>
public sealed class CountingObjectStoreTests : IDisposable
{
    private static readonly CancellationToken Never = CancellationToken.None;
    private readonly CountingObjectStore _store = new(new MemoryObjectStore(), listPageKeys: 3);

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task Requests_and_bytes_are_told_by_log()
    {
        await PutAsync("logs/a/0/0", 100);
        await PutAsync("logs/a/0/1", 50);
        await PutAsync("logs/b/0/0", 7);
        await _store.GetAsync("logs/a/0/0", Never);
        await _store.GetRangeAsync("logs/a/0/0", 90, 100, Never);
        await _store.HeadAsync("logs/a/0/9", Never);
        await _store.DeleteAsync("logs/b/0/0", Never);
        await _store.ListAsync("logs/", Never).ToListAsync();
        Assert.Equal(new ObjectRequestTotals(2, 2, 1, 0, 0, 0, 150, 110), _store.TotalsOf("logs/a"));
        Assert.Equal(new ObjectRequestTotals(1, 0, 0, 0, 1, 0, 7, 0), _store.TotalsOf("logs/b"));
        Assert.Equal(new ObjectRequestTotals(0, 0, 0, 1, 0, 0, 0, 0), _store.TotalsOf("logs"));
        Assert.Equal(default, _store.TotalsOf("logs/c"));
        Assert.Equal(new ObjectRequestTotals(3, 2, 1, 1, 1, 0, 157, 110), _store.Totals);
        Assert.Equal(8, _store.Totals.Requests);
        Assert.Equal(_store.Totals, _store.ByClass.Values.Aggregate((a, b) => a + b));
        Assert.Equal(default, _store.Totals - _store.Totals);
    }

    [Fact]
    public async Task A_request_that_fails_was_a_request()
    {
        await PutAsync("logs/a/0", 1);
        await Expect.KindAsync(ErrorKind.Conflict, () => _store.PutAsync("logs/a/0", new ReadOnlySequence<byte>(new byte[5]), PutCondition.Absent, Never).AsTask());
        await Expect.KindAsync(ErrorKind.NotFound, () => _store.GetAsync("logs/a/9", Never).AsTask());
        Assert.Equal(new ObjectRequestTotals(2, 1, 0, 0, 0, 2, 1, 0), _store.TotalsOf("logs/a"));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(2, 1)]
    [InlineData(3, 1)]
    [InlineData(4, 2)]
    [InlineData(7, 3)]
    public async Task A_list_costs_a_request_for_each_page(int objects, int requests)
    {
        for (var i = 0; i < objects; i++)
        {
            await PutAsync($"logs/a/{i}", 1);
        }

        Assert.Equal(objects, (await _store.ListAsync("logs/a/", Never).ToListAsync()).Count);
        Assert.Equal(requests, _store.TotalsOf("logs/a").Lists);
    }

    [Theory]
    [InlineData("logs/a/0/1", "logs/a")]
    [InlineData("logs/a/", "logs/a")]
    [InlineData("logs/", "logs")]
    [InlineData("logs/a", "logs")]
    [InlineData("file", "file")]
    [InlineData("", "")]
    public void A_key_has_a_class(string key, string expected) => Assert.Equal(expected, CountingObjectStore.ClassOf(key));

    [Fact]
    public async Task Classes_are_bounded_and_nothing_is_left_uncounted()
    {
        for (var i = 0; i < CountingObjectStore.ClassesMax + 10; i++)
        {
            await _store.HeadAsync($"logs/{i}/0", Never);
        }

        Assert.InRange(_store.ByClass.Count, 1, CountingObjectStore.ClassesMax + 1);
        Assert.Equal(10, _store.TotalsOf(CountingObjectStore.Others).Heads);
        Assert.Equal(CountingObjectStore.ClassesMax + 10, _store.Totals.Heads);
    }

    [Fact]
    public async Task The_counts_are_metrics_too()
    {
        var seen = new Dictionary<(string, string), long>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name == "MiniMilvus.Storage")
            {
                l.EnableMeasurementEvents(instrument);
            }
        };
        // Other tests may count at the same time; only what is ours is as long as this.
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            lock (seen)
            {
                var key = (instrument.Name, (string)tags[0].Value!);
                seen[key] = instrument.Name.EndsWith("bytes", StringComparison.Ordinal) && value != 123_457 ? seen.GetValueOrDefault(key) : seen.GetValueOrDefault(key) + value;
            }
        });
        listener.Start();
        await PutAsync("logs/a/0", 123_457);
        await Expect.KindAsync(ErrorKind.NotFound, () => _store.GetAsync("logs/a/9", Never).AsTask());
        listener.Dispose();
        Assert.Equal(123_457, seen[("milvus_storage_op_bytes", "put")]);
        Assert.InRange(seen[("milvus_storage_op_count", "put")], 1, int.MaxValue);
        Assert.InRange(seen[("milvus_storage_op_failures", "get")], 1, int.MaxValue);
    }

    /// <summary>The bill of each log; and of the many beyond a bound, together, so that a scrape stays small.</summary>
    [Fact]
    public async Task Each_log_has_its_requests_and_their_price_in_the_metrics()
    {
        const int more = 3;
        using var store = new CountingObjectStore(new MemoryObjectStore(), tariff: new ObjectStoreTariff { Per1000Puts = 5000, Per1000Gets = 400 });
        await store.PutAsync("logs/the-log-of-this-test/0", new ReadOnlySequence<byte>(new byte[30]), PutCondition.Always, Never);
        await store.PutAsync("logs/the-log-of-this-test/1", new ReadOnlySequence<byte>(new byte[12]), PutCondition.Always, Never);
        await store.GetAsync("logs/the-log-of-this-test/1", Never);
        for (var i = 1; i < CountingObjectStore.MeasuredClassesMax + more; i++)
        {
            await store.HeadAsync($"logs/another-of-this-test-{i:D4}/0", Never);
        }

        var requests = new Dictionary<(string Of, string Operation), long>();
        var (bytes, prices, rest) = (new Dictionary<string, long>(), new Dictionary<string, double>(), new List<double>());
        using var listener = new MeterListener { InstrumentPublished = (i, l) => { if (i.Name.StartsWith("minimilvus_object_", StringComparison.Ordinal)) { l.EnableMeasurementEvents(i); } } };
        listener.SetMeasurementEventCallback<long>((i, value, tags, _) =>
        {
            if (i.Name == "minimilvus_object_requests")
            {
                requests[((string)tags[0].Value!, (string)tags[1].Value!)] = value;
            }
            else if (value == 42)
            {
                bytes[(string)tags[0].Value!] = value;
            }
        });
        listener.SetMeasurementEventCallback<double>((_, value, tags, _) =>
        {
            if ((string)tags[0].Value! == CountingObjectStore.Others)
            {
                rest.Add(value);
            }

            prices[(string)tags[0].Value!] = value;
        });
        listener.Start();
        listener.RecordObservableInstruments();

        Assert.Equal((2, 1, 0), (requests[("logs/the-log-of-this-test", "put")], requests[("logs/the-log-of-this-test", "get")], requests[("logs/the-log-of-this-test", "list")]));
        Assert.Equal(42, bytes["logs/the-log-of-this-test"]);
        Assert.Equal(10.4, prices["logs/the-log-of-this-test"], 9);
        Assert.Equal(CountingObjectStore.MeasuredClassesMax - 1, prices.Keys.Count(k => k.StartsWith("logs/another-of-this-test-", StringComparison.Ordinal)));
        Assert.Contains(rest, p => Math.Abs(p - (more * 0.4)) < 1e-9);
    }

    [Fact]
    public void A_tariff_prices_requests_and_storage()
    {
        var tariff = new ObjectStoreTariff { Per1000Puts = 5, Per1000Gets = 0.4m, PerGigabyteMonth = 23 };
        var totals = new ObjectRequestTotals(Puts: 1500, Gets: 900, Heads: 100, Lists: 500, Deletes: 1_000_000, Failed: 3, PutBytes: 4_000_000_000, GetBytes: 1);
        Assert.Equal(10.4m, tariff.OfRequests(totals));
        Assert.Equal(2.6m, tariff.PerGigabytePut(totals));
        Assert.Null(tariff.PerGigabytePut(default));
        Assert.Equal(46m, tariff.OfStorage(4_000_000_000, TimeSpan.FromDays(15)));
        Assert.Contains("PerGigabyteMonth", Expect.Kind(ErrorKind.Invalid, () => (tariff with { PerGigabyteMonth = -1 }).Validate()).Message, StringComparison.Ordinal);
    }

    private Task<ObjectInfo> PutAsync(string key, int bytes) => _store.PutAsync(key, new ReadOnlySequence<byte>(new byte[bytes]), PutCondition.Always, Never).AsTask();
}
