using System.Buffers;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker.Inspection;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Tests.Compaction;

/// <summary>What compaction makes, what it costs, and what readers see of it.</summary>
public sealed class CompactionTests : IAsyncDisposable
{
    private const int Entries = CompactionWorld.SegmentEntries;
    private static readonly CancellationToken Never = CancellationToken.None;
    private readonly CompactionWorld _world = new();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task Finished_segments_become_a_few_large_objects_and_nothing_else_and_then_there_is_rest()
    {
        var log = _world.Start();
        var writer = await _world.CreateAsync(log);
        await CompactionWorld.AppendAsync(writer, 0, (3 * Entries) + 1);
        await Task.WhenAll(_world.SweptAsync(0), _world.SweptAsync(1), _world.SweptAsync(2));
        for (var segment = 0; segment < 3; segment++)
        {
            await _world.CheckSweptAsync("at rest", segment);
            Assert.Equal(3, (await _world.KeysAsync(segment)).Count); // twice six entries of 154 bytes in a part of 1,000, and the index
        }

        await _world.CheckAsync("at rest", (3 * Entries) + 1, writer.Confirmed);
        var cost = log.Compaction!.Requests;
        Assert.Equal((9L, 3L, 3L * (Entries + 1), 0L), (cost.Puts, cost.Lists, cost.Deletes, cost.Heads));
        Assert.InRange(cost.Gets, 3 * Entries, 3 * (Entries + 8)); // each block once, and a few guesses behind the last
        Assert.Equal((3, 3, 0, 0L), (log.Compaction.Sealed, log.Compaction.Swept, log.Compaction.Waiting, log.Compaction.Failures));
        await CompactionWorld.AppendAsync(writer, (3 * Entries) + 1, 3);
        Assert.Equal(cost, log.Compaction.Requests); // nothing has ended, nothing is asked
    }

    [Fact]
    public async Task A_segment_without_entries_gets_a_footer_too()
    {
        await _world.CreateAsync(_world.Start());
        var writer = await _world.Start().OpenWriterAsync(TestLog.Name, new Term(2), Never);
        await _world.SweptAsync(0);
        await _world.CheckSweptAsync("empty", 0);
        Assert.Single(await _world.KeysAsync(0));
        await CompactionWorld.AppendAsync(writer, 0, Entries);
        Assert.Equal(Enumerable.Range(0, Entries), await TestLog.ReadAsync(_world.StartReader(), LogPosition.Beginning, writer.Confirmed));
        Assert.DoesNotContain(await _world.InspectAsync(metadata: false), b => b.Verdict == BlockVerdict.Damaged);
    }

    [Fact]
    public async Task A_reader_here_that_stands_in_the_small_blocks_keeps_them_and_goes_over_to_the_sealed_form()
    {
        var log = _world.Start(options: CompactionWorld.Options with { TailBytesMax = 0 });
        var writer = await _world.CreateAsync(log);
        await CompactionWorld.AppendAsync(writer, 0, Entries);
        await using var reader = log.ReadAsync(TestLog.Name, LogPosition.Beginning, LogPosition.Max, Never).GetAsyncEnumerator(Never);
        await ExpectAsync(reader, 0, 5);
        await CompactionWorld.AppendAsync(writer, Entries, Entries + 1); // two segments have ended
        await _world.SweptAsync(1);
        await _world.SealedAsync(0);
        Assert.Contains("00000011", await _world.KeysAsync(0));
        Assert.Equal(1, log.Compaction!.Waiting);

        await ExpectAsync(reader, 5, (2 * Entries) - 5);
        await _world.SweptAsync(0);
        await _world.CheckSweptAsync("after the reader has gone on", 0);
        await ExpectAsync(reader, 2 * Entries, 1);
    }

    [Fact]
    public async Task Readers_elsewhere_whose_small_blocks_go_read_on_in_the_sealed_form_from_wherever_they_stand()
    {
        var log = _world.Start(options: CompactionWorld.Options with { CompactsSegments = false });
        var writer = await _world.CreateAsync(log);
        await CompactionWorld.AppendAsync(writer, 0, Entries - 1);
        var whileWritten = await ReadersAsync(Entries - 2);
        await CompactionWorld.AppendAsync(writer, Entries - 1, Entries + 1); // segment 0 has ended, segment 1 is full and goes on
        var whenEnded = await ReadersAsync(Entries);

        await _world.Start().OpenWriterAsync(TestLog.Name, new Term(2), Never);
        await Task.WhenAll(_world.SweptAsync(0), _world.SweptAsync(1));
        foreach (var (reader, next) in whileWritten.Concat(whenEnded))
        {
            await ExpectAsync(reader, next, (2 * Entries) - next);
            await reader.DisposeAsync();
        }

        async Task<List<(IAsyncEnumerator<LogEntry> Reader, int Next)>> ReadersAsync(int readable)
        {
            var readers = new List<(IAsyncEnumerator<LogEntry> Reader, int Next)>();
            for (var stop = 1; stop < readable; stop += 3)
            {
                // Reads ahead are off, so that what it has yet to read really goes.
                var options = CompactionWorld.Options with { CompactsSegments = false, ReadsAheadMax = 0 };
                readers.Add((_world.Start(options: options).ReadAsync(TestLog.Name, LogPosition.Beginning, LogPosition.Max, Never).GetAsyncEnumerator(Never), stop));
                await ExpectAsync(readers[^1].Reader, 0, stop);
            }

            return readers;
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_damaged_or_missing_small_block_is_reported_and_never_sealed_over(bool missing)
    {
        var writer = await _world.CreateAsync(_world.Start(options: CompactionWorld.Options with { CompactsSegments = false }));
        await CompactionWorld.AppendAsync(writer, 0, 3 * Entries);
        var key = $"logs/{TestLog.Name}/00000001/00000007";
        await HurtAsync(key, missing ? null : 100);
        var before = await _world.KeysAsync(1);

        var log = _world.Start();
        await log.OpenWriterAsync(TestLog.Name, new Term(2), Never);
        await _world.SweptAsync(2); // the loop has passed the damaged one
        var found = Assert.Single(log.Compaction!.Damaged);
        Assert.Contains("segment 1, block 7", found, StringComparison.Ordinal);
        Assert.Contains("the segment is not sealed", found, StringComparison.Ordinal);
        Assert.Equal(LogSegmentState.Completed, (await _world.RecordAsync(1))!.State);
        var after = await _world.KeysAsync(1);
        Assert.All(before, key => Assert.Contains(key, after));
        Assert.Null(log.Compaction.Stopped);
        await _world.CheckSweptAsync("beside a damaged one", 0);
    }

    [Fact]
    public async Task Any_flipped_bit_of_a_sealed_segment_is_reported_to_its_reader_and_by_an_inspection()
    {
        var writer = await _world.CreateAsync(_world.Start());
        await CompactionWorld.AppendAsync(writer, 0, Entries + 1);
        await _world.SweptAsync(0);
        foreach (var name in await _world.KeysAsync(0))
        {
            var key = $"logs/{TestLog.Name}/00000000/{name}";
            var whole = (await _world.Objects.GetAsync(key, Never)).ToArray();
            for (var at = 0; at < whole.Length; at += 7)
            {
                await HurtAsync(key, at);
                var e = await Assert.ThrowsAsync<MiniMilvusException>(() => TestLog.ReadAsync(_world.StartReader(), LogPosition.Beginning, writer.Confirmed));
                Assert.True(e.Kind == ErrorKind.Corrupted && e.Message.Contains("segment 0", StringComparison.Ordinal), $"{name} at {at}: {e.Message}");
                Assert.Contains(await _world.InspectAsync(metadata: true), b => b is { Segment: 0, Verdict: BlockVerdict.Damaged } && b.Where.Contains(name, StringComparison.Ordinal));
                await PutAsync(key, whole);
            }

            await HurtAsync(key, null);
            await Assert.ThrowsAsync<MiniMilvusException>(() => TestLog.ReadAsync(_world.StartReader(), LogPosition.Beginning, writer.Confirmed));
            Assert.Contains(await _world.InspectAsync(metadata: true, payloads: false), b => b is { Segment: 0, Verdict: BlockVerdict.Damaged });
            await PutAsync(key, [.. whole, 0]);
            Assert.Contains(await _world.InspectAsync(metadata: true, payloads: false), b => b is { Segment: 0, Verdict: BlockVerdict.Damaged });
            await PutAsync(key, whole);
        }

        await _world.CheckAsync("made whole again", Entries + 1, writer.Confirmed);
    }

    [Fact]
    public async Task Reading_from_the_middle_of_a_sealed_segment_takes_the_index_and_the_range_that_holds_the_entry()
    {
        var writer = await _world.CreateAsync(_world.Start());
        await CompactionWorld.AppendAsync(writer, 0, Entries + 1);
        await _world.SweptAsync(0);
        using var counted = new CountingObjectStore(_world.Objects);
        var options = CompactionWorld.Options with { CompactsSegments = false };
        await using var reader = new ObjectWoodpecker(counted, _world.Meta, options, TimeProvider.System, Core.Events.NoStations.Instance, "counted");
        for (var i = 0; i < Entries; i++)
        {
            var before = counted.Totals;
            Assert.Equal([i], await TestLog.ReadAsync(reader, new LogPosition(0, i), new LogPosition(0, i + 1)));
            var cost = counted.Totals - before;
            Assert.Equal(cost.Gets, cost.Requests);
            Assert.InRange(cost.Gets, 2, 3); // index, range, and one read ahead
        }
    }

    [Fact]
    public async Task A_failure_that_passes_is_seen_and_then_forgotten()
    {
        var faults = new CompactionFaults(CompactionFault.FailBefore, at: int.MaxValue) { FailsAll = true };
        var log = _world.Start(faults);
        var writer = await _world.CreateAsync(log);
        await CompactionWorld.AppendAsync(writer, 0, Entries + 1);
        faults.Open();
        await faults.Fired;
        await faults.FailedAsync(12);
        Assert.Contains("injected", log.Compaction!.LastFailure, StringComparison.Ordinal);
        Assert.True(log.Compaction.Failures > 0);
        faults.FailsAll = false;
        await _world.SweptAsync(0);
        await CompactionWorld.AppendAsync(writer, Entries + 1, Entries);
        await _world.SweptAsync(1);
        Assert.Equal((null, null), (log.Compaction.LastFailure, log.Compaction.Stopped));
    }

    private static async Task ExpectAsync(IAsyncEnumerator<LogEntry> reader, int from, int count)
    {
        for (var i = from; i < from + count; i++)
        {
            Assert.True(await reader.MoveNextAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30)));
            Assert.Equal(i, TestLog.Number(reader.Current));
        }
    }

    /// <summary>Flips a bit, or deletes the object.</summary>
    private async Task HurtAsync(string key, int? at)
    {
        var bytes = (await _world.Objects.GetAsync(key, Never)).ToArray();
        if (at is not { } place)
        {
            await _world.Objects.DeleteAsync(key, Never);
            return;
        }

        bytes[place] ^= 16;
        await PutAsync(key, bytes);
    }

    private async Task PutAsync(string key, byte[] bytes) => await _world.Objects.PutAsync(key, new ReadOnlySequence<byte>(bytes), PutCondition.Always, Never);
}
