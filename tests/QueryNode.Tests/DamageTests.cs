using System.Buffers;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.QueryNode.Tests;

/// <summary>Q6: segment files that do not verify when a node starts. Nothing of them is served, and no answer is short.</summary>
public sealed class DamageTests
{
    [Theory]
    [InlineData(".col", false)]
    [InlineData(".col", true)]
    [InlineData("manifest", false)]
    public async Task A_damaged_segment_is_made_anew_from_the_log_where_it_still_reaches(string file, bool isLost)
    {
        await using var world = await World.StartAsync(run: false);
        var path = await ThreeSegmentsAsync(world, file);
        var whole = await world.Objects.GetAsync(path, default);
        await DamageAsync(world, path, isLost);
        world.Run();
        await world.Journal.WaitAsync(6001);

        Assert.Equal([1, 3, 4, 5], await world.KeysAsync(50));
        Assert.Equal([3], World.Keys((await world.SearchAsync(50, World.VectorOf(3), 1)).Keys));
        Assert.Contains(path, Assert.Single(world.Journal.Lines, l => l.Contains("are not used", StringComparison.Ordinal)), StringComparison.Ordinal);
        // What it needs of the log until the files are whole again.
        Assert.Equal(new LogPosition(1, 0), world.Coordinator.Reports[^1].Position);

        await world.Time.ArmedAsync(world.Options.RetryDelay); // it was looked at once and found as damaged as before
        await world.Objects.PutAsync(path, new ReadOnlySequence<byte>(whole), PutCondition.Always, default);
        world.Time.Advance(world.Options.RetryDelay);
        await world.Journal.WaitAsync(6003);
        Assert.Equal([1, 3, 4, 5], await world.KeysAsync(50));
        Assert.Single((await world.Node.GetLoadStatusAsync(World.Collection, default)).Segments, s => s.IsGrowing);
    }

    [Fact]
    public async Task A_damaged_segment_that_the_log_no_longer_reaches_fails_reads_for_good_and_is_named()
    {
        await using var world = await World.StartAsync(run: false);
        var path = await ThreeSegmentsAsync(world, ".col");
        var whole = await world.Objects.GetAsync(path, default);
        await DamageAsync(world, path, isLost: false);
        world.Log.TruncatedUntil = world.Catalog.Current.CheckpointOf(world.Channels[0])!.Position;
        world.Run();
        await world.Journal.WaitAsync(6002);

        var error = await Assert.ThrowsAsync<MiniMilvusException>(() => world.KeysAsync(50));
        Assert.Equal((ErrorKind.Corrupted, false), (error.Kind, error.IsRetriable));
        Assert.Contains("segment 1 is damaged", error.Message, StringComparison.Ordinal);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);

        await world.Objects.PutAsync(path, new ReadOnlySequence<byte>(whole), PutCondition.Always, default);
        await world.Time.ArmedAsync(world.Options.RetryDelay);
        world.Time.Advance(world.Options.RetryDelay);
        await world.Journal.WaitAsync(6001);
        Assert.Equal([1, 3, 4, 5], await world.KeysAsync(50));
    }

    [Fact]
    public async Task Rows_that_the_log_does_not_hold_under_the_segments_name_are_missed()
    {
        await using var world = await World.StartAsync(run: false);
        var path = await ThreeSegmentsAsync(world, ".col");
        var record = world.Catalog.Current.SegmentsOf(World.Collection)[new SegmentId(1)];
        await world.PutAsync(CatalogKeys.Segment(World.Collection, record.Id), CatalogCodec.Encode(record with { Rows = 4 }));
        await DamageAsync(world, path, isLost: false);
        world.Run();
        await world.Journal.WaitAsync(6002);

        var error = await Assert.ThrowsAsync<MiniMilvusException>(() => world.KeysAsync(50));
        Assert.Equal(ErrorKind.Corrupted, error.Kind);
        Assert.Contains("the log holds 3 of its 4 rows", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, "the log holds 0 of its 6 rows")]
    [InlineData(true, "the log no longer reaches back to its rows")]
    public async Task A_damaged_output_of_a_compaction_fails_reads_for_good_until_its_file_is_whole_again(bool isTruncated, string why)
    {
        await using var world = await World.StartAsync(run: false);
        world.Insert(10, [1, 2, 3]);
        world.Insert(11, [4, 5, 6], segment: 2);
        var (first, second) = (await world.FlushAsync(1), await world.FlushAsync(2));
        var output = await world.WriteCompactedAsync(10, [1, 2]);
        await world.FlipAsync(output, first, second);
        await world.CheckpointAsync(world.Log.End, 11);
        world.Tick(50);
        var path = await VectorsOfAsync(world, output);
        var whole = await world.Objects.GetAsync(path, default);
        await DamageAsync(world, path, isLost: false);
        if (isTruncated)
        {
            world.Log.TruncatedUntil = world.Catalog.Current.CheckpointOf(world.Channels[0])!.Position;
        }

        // The log has its rows under the names of its inputs, and some of them may have been left out: nothing is made anew from that.
        world.Run();
        await world.Journal.WaitAsync(6002);
        var error = await Assert.ThrowsAsync<MiniMilvusException>(() => world.KeysAsync(50));
        Assert.Equal((ErrorKind.Corrupted, false), (error.Kind, error.IsRetriable));
        Assert.Contains("segment 10 is damaged", error.Message, StringComparison.Ordinal);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(why, error.Message, StringComparison.Ordinal);

        await world.Objects.PutAsync(path, new ReadOnlySequence<byte>(whole), PutCondition.Always, default);
        await world.Time.ArmedAsync(world.Options.RetryDelay);
        world.Time.Advance(world.Options.RetryDelay);
        await world.Journal.WaitAsync(6001);
        Assert.Equal([1, 2, 3, 4, 5, 6], await world.KeysAsync(50));
    }

    private static async Task<string> VectorsOfAsync(World world, SegmentRecord record) =>
        (await Storage.Segments.SegmentReader.OpenAsync(world.Objects, record.ManifestPath, default)).Manifest.Files.Single(f => f.Field == World.Vector).Path;

    /// <summary>Two flushed segments and a growing one; the checkpoint is above the flushed ones. Returns a file of the first.</summary>
    private static async Task<string> ThreeSegmentsAsync(World world, string file)
    {
        world.Insert(10, [1, 2, 3]);
        world.Delete(20, [2]);
        world.Insert(30, [4], segment: 2);
        var record = await world.FlushAsync(1);
        await world.FlushAsync(2);
        await world.DeleteFileAsync(1, [(2, 20)], world.Log.End);
        await world.CheckpointAsync(world.Log.End, 30);
        world.Insert(40, [5], segment: 3);
        world.Tick(50);
        return file == ".col" ? await VectorsOfAsync(world, record) : record.ManifestPath;
    }

    private static async Task DamageAsync(World world, string path, bool isLost)
    {
        if (isLost)
        {
            await world.Objects.DeleteAsync(path, default);
            return;
        }

        var bytes = (await world.Objects.GetAsync(path, default)).ToArray();
        bytes[bytes.Length / 2] ^= 1;
        await world.Objects.PutAsync(path, new ReadOnlySequence<byte>(bytes), PutCondition.Always, default);
    }
}
