using System.Collections.Immutable;
using Microsoft.Extensions.Logging.Abstractions;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.QueryNode.Channels;
using MiniMilvus.QueryNode.Sealed;
using MiniMilvus.QueryNode.Search;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.QueryNode.Tests;

/// <summary>Sealed segments in mapped files: Q4, and what a file that does not verify changes (Q6).</summary>
public sealed class MappedFileTests
{
    private static readonly long[] s_keys = [.. Enumerable.Range(0, 300).Select(i => (long)i)];

    [Theory, InlineData(false), InlineData(true)]
    public async Task A_search_that_runs_while_its_segment_is_released_reads_files_that_are_still_mapped(bool quantize)
    {
        await using var world = await World.ReadyAsync();
        var record = await IndexedAsync(world, quantize);
        var expected = await AnswerAsync(world);
        Assert.Equal(2, world.Files.Mapped);
        world.Pool.Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var running = AnswerAsync(world);
        await world.Pool.Arrived;
        await world.PutAsync(CatalogKeys.Segment(World.Collection, record.Id), CatalogCodec.Encode(record with { State = SegmentState.Dropped }));
        await world.Journal.WaitAsync(6004);
        Assert.Equal(2, world.Files.Mapped);
        world.Pool.Gate.SetResult();
        world.Pool.Gate = null;
        Assert.Equal(expected, await running);
        Assert.Equal((0, 0L), (world.Files.Mapped, world.Node.SealedBytes));
        Assert.Empty(await world.KeysAsync(21));
    }

    [Fact]
    public async Task A_part_of_a_read_that_was_given_up_touches_nothing()
    {
        var shard = BareShard.Of(VChannel.Of(new PChannel("p"), World.Collection, 0));
        var pool = new TestPool { Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously) };
        var view = ReadView.Of([shard], [], false, Timestamp.Zero, World.Schema, "");
        var hasRun = false;
        var part = view.RunAsync(pool, () => hasRun = true, default);
        view.Dispose();
        pool.Gate.SetResult();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => part);
        Assert.False(hasRun);
    }

    [Fact]
    public async Task Everything_is_unmapped_when_the_collection_is_released()
    {
        await using var world = await World.ReadyAsync();
        await IndexedAsync(world, false);
        await world.PutAsync(world.Record with { IsLoaded = false });
        await world.Journal.WaitAsync(6009);
        Assert.True(world.Files.Opened > 0);
        Assert.Equal((0, 0L), (world.Files.Mapped, world.Node.SealedBytes));
    }

    [Fact]
    public async Task A_mapped_segment_takes_little_of_the_budget_for_memory()
    {
        await using var world = await World.ReadyAsync();
        await IndexedAsync(world, false);
        // Keys twice (once sorted, with their rows), ages, ticks and documents; not the vectors, nor the graph.
        Assert.InRange(world.Node.SealedBytes, 1, s_keys.Length * 160);
    }

    [Fact]
    public async Task Segments_that_load_at_once_share_the_room_for_them()
    {
        await using var world = await World.ReadyAsync();
        var record = await FlushedAsync(world);
        var bytes = (await SegmentReader.OpenAsync(world.Objects, record.ManifestPath, default)).Manifest.Bytes;
        var pool = new TestPool { Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously) };
        var loader = new SealedLoader(world.Objects, world.Coordinator, pool, world.Options with { SealedBytesMax = (2 * bytes) - 1 }, NullLogger.Instance);
        var first = loader.LoadAsync(record, default).AsTask();
        await pool.Arrived;
        var error = await Assert.ThrowsAsync<MiniMilvusException>(() => loader.LoadAsync(record, default).AsTask().WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.Equal(ErrorReason.CapacityExceeded, error.Reason);

        pool.Gate.SetResult();
        pool.Gate = null;
        var loaded = await first;
        Assert.Equal(loaded.MemoryBytes, loader.Bytes);
        loaded.Drop();
        Assert.Equal(0, loader.Bytes);
        (await loader.LoadAsync(record, default)).Drop();
    }

    [Theory]
    [InlineData("flipped bit"), InlineData("cut short"), InlineData("missing"), InlineData("of another segment"), InlineData("no graph")]
    public async Task An_index_file_that_does_not_verify_changes_no_answer_and_is_reported_and_replaced(string damage)
    {
        await using var world = await World.ReadyAsync();
        var record = await FlushedAsync(world);
        var expected = await AnswerAsync(world);
        var path = await world.IndexAsync(record, of: damage == "of another segment" ? new SegmentId(77) : null, damage: bytes => damage switch
        {
            "flipped bit" => Flip(bytes, bytes.Length / 2),
            "cut short" => bytes[..^40],
            "missing" => null,
            "no graph" => [.. Storage.Segments.IndexFile.Encode(9, new(record.Id, ChecksumIn(bytes)), new System.Buffers.ReadOnlySequence<byte>(new byte[500])).Span],
            _ => bytes,
        });
        await world.Journal.WaitAsync(6011);
        Assert.Equal(expected, await AnswerAsync(world));
        Assert.Equal(new DiscardIndex(record.Channel, default, record.Id, World.Collection, 9, path), Assert.Single(world.Coordinator.Commits));
        Assert.Equal(1, world.Files.Mapped);

        // A node that starts now is not kept from loading by it.
        var first = world.Journal;
        using var second = world.NewNode();
        var run = world.RunNode(second);
        await world.Journal.WaitAsync(6001);
        Assert.Equal(expected, await AnswerAsync(world, second));
        Assert.False(run.IsCompleted);

        await world.IndexAsync(record, attempt: 2);
        await first.WaitAsync(6006);
        Assert.True(Assert.Single((await world.Node.GetLoadStatusAsync(World.Collection, default)).Segments).IsIndexed);
        Assert.Equal(1, first.Count(6011));
    }

    [Fact]
    public async Task An_index_file_is_not_blamed_for_a_manifest_that_was_lost()
    {
        await using var world = await World.ReadyAsync();
        var record = await FlushedAsync(world);
        var expected = await AnswerAsync(world);
        await world.IndexAsync(record, damage: bytes =>
        {
            Assert.True(world.Objects.DeleteAsync(record.ManifestPath, default).AsTask().IsCompletedSuccessfully);
            return bytes;
        });
        await world.Journal.WaitAsync(6005); // loading it failed, and is tried again
        Assert.Equal(0, world.Journal.Count(6011));
        Assert.Empty(world.Coordinator.Commits);
        Assert.Equal(expected, await AnswerAsync(world));
    }

    [Fact]
    public async Task An_index_that_cannot_be_loaded_does_not_hold_the_log_back()
    {
        await using var world = await World.ReadyAsync();
        world.Insert(10, s_keys);
        world.Insert(11, [1000], segment: 2);
        world.Tick(21);
        var record = await world.FlushAsync(1);
        await world.Journal.WaitAsync(6003);
        world.Files.IsAway = key => key.EndsWith(".idx", StringComparison.Ordinal);
        await world.IndexAsync(record);
        await world.Journal.WaitAsync(6005);
        var delay = world.Options.RetryDelay;
        await world.Time.ArmedAsync(delay);
        await world.CheckpointAsync(new LogPosition(1, 1), 21);
        world.Time.Advance(delay);
        await world.Time.ArmedAsync(delay * 2);
        Assert.Equal(2, world.Journal.Count(6005));
        await world.Time.ArmedAsync(world.Options.ReportInterval);
        world.Time.Advance(world.Options.ReportInterval - delay);
        await world.Time.ArmedAsync(world.Options.ReportInterval);
        Assert.Equal(new LogPosition(1, 1), world.Coordinator.Reports[^1].Position);
    }

    [Fact]
    public async Task An_index_that_could_not_be_loaded_with_its_segment_is_tried_again()
    {
        await using var world = await World.ReadyAsync();
        world.Insert(10, s_keys);
        world.Tick(21);
        world.Files.IsAway = _ => true;
        var record = await world.FlushAsync(1);
        await world.Journal.WaitAsync(6005);
        var delay = world.Options.RetryDelay;
        await world.Time.ArmedAsync(delay);
        await world.IndexAsync(record);
        world.Files.IsAway = key => key.EndsWith(".idx", StringComparison.Ordinal);
        world.Time.Advance(delay);
        await world.Journal.WaitAsync(6003);
        await world.Time.ArmedAsync(delay * 2);
        Assert.Equal(2, world.Journal.Count(6005));
        world.Files.IsAway = _ => false;
        world.Time.Advance(delay * 2);
        await world.Journal.WaitAsync(6006);
    }

    [Fact]
    public async Task An_index_of_the_older_form_is_still_read()
    {
        await using var world = await World.ReadyAsync();
        var record = await FlushedAsync(world);
        var expected = await AnswerAsync(world);
        await world.IndexAsync(record, isOld: true);
        await world.Journal.WaitAsync(6006);
        Assert.Equal(expected, await AnswerAsync(world));
        Assert.Equal(1, world.Files.Mapped);
    }

    private static async Task<SegmentRecord> FlushedAsync(World world)
    {
        world.Insert(10, s_keys);
        world.Tick(21);
        var record = await world.FlushAsync(1);
        await world.Journal.WaitAsync(6003);
        return record;
    }

    private static async Task<SegmentRecord> IndexedAsync(World world, bool quantize)
    {
        world.Insert(10, s_keys);
        world.Tick(21);
        var record = await world.FlushAsync(1);
        await world.Journal.WaitAsync(6003);
        await world.IndexAsync(record, quantize);
        await world.Journal.WaitAsync(6006);
        return record;
    }

    private static async Task<string> AnswerAsync(World world, QueryNodeRole? node = null)
    {
        var found = await world.SearchAsync(21, [.. World.VectorOf(1000), .. World.VectorOf(1001)], 10, node: node, change: r => r with { OutputFields = [World.Id, World.Vector] });
        return $"{string.Join(',', World.Keys(found.Keys))} {string.Join(',', found.Scores)} {string.Join(',', ((Core.Rows.FloatVectorColumn)found.Columns[1]).Values.ToArray())}";
    }

    private static byte[] Flip(byte[] bytes, int at)
    {
        bytes[at] ^= 4;
        return bytes;
    }

    private static uint ChecksumIn(byte[] file) => BitConverter.ToUInt32(file, 40);
}
