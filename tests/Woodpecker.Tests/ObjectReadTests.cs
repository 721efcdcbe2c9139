using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>What reading a log on object storage costs in requests (claim 22).</summary>
public sealed class ObjectReadTests : IDisposable
{
    private const string Blocks = "logs/" + TestLog.Name;
    private static readonly CancellationToken Never = CancellationToken.None;
    private readonly IMetaStore _meta = new DeafMetaStore(new MemoryMetaStore(TimeProvider.System));
    private readonly CountingObjectStore _store = new(new MemoryObjectStore());
    private int _started;

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task Catching_up_costs_a_request_a_block_and_a_few_at_the_tail()
    {
        var writer = await WriterAfterAsync(300);
        var gets = await GetsAsync(() => ExpectAsync(0, LogPosition.Beginning, writer.Confirmed));
        Assert.InRange(gets, 300, 300 + 16);
    }

    [Fact]
    public async Task Reading_from_the_middle_of_a_segment_does_not_pass_over_what_lies_before()
    {
        var writer = await WriterAfterAsync(300);
        foreach (var from in new[] { 1, 150, 255, 256, 257, 299 })
        {
            var gets = await GetsAsync(() => ExpectAsync(from, new LogPosition(0, from), writer.Confirmed));
            Assert.InRange(gets, 300 - from, 300 - from + 16 + (2 * 9)); // leaps to find the block, and halving
        }
    }

    [Fact]
    public async Task What_is_confirmed_is_found_with_a_few_requests()
    {
        var writer = await WriterAfterAsync(300);
        var marks = default(LogWatermarks);
        var gets = await GetsAsync(async () => marks = await Start().GetWatermarksAsync(TestLog.Name, Never));
        Assert.Equal(writer.Confirmed.Entry - 1, marks.Confirmed.Entry); // the last group's confirmation stands nowhere yet
        Assert.InRange(gets, 1, 24);
    }

    private ObjectWoodpecker Start() => new(_store, _meta, TestLog.Small with { BlockBytesMax = 16 }, TimeProvider.System, NoStations.Instance, $"writer-{++_started}");

    /// <summary>A segment with a block for each entry.</summary>
    private async Task<ILogWriter> WriterAfterAsync(int entries)
    {
        var log = Start();
        await log.CreateAsync(TestLog.Name, Never);
        var writer = await log.OpenWriterAsync(TestLog.Name, new Term(1), Never);
        for (var i = 0; i < entries; i++)
        {
            await TestLog.AppendAsync(writer, i);
        }

        return writer;
    }

    private async Task ExpectAsync(int first, LogPosition from, LogPosition until) =>
        Assert.Equal(Enumerable.Range(first, (int)until.Entry - first), await TestLog.ReadAsync(Start(), from, until));

    private async Task<long> GetsAsync(Func<Task> act)
    {
        var before = _store.TotalsOf(Blocks);
        await act();
        var cost = _store.TotalsOf(Blocks) - before;
        Assert.Equal(cost.Gets, cost.Requests);
        return cost.Gets;
    }
}
