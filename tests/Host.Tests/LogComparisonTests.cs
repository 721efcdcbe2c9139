using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;

namespace MiniMilvus.Host.Tests;

/// <summary>Sealed segments and delete files beside the log that they were made from: each way to be different is named, and what cannot be compared is counted.</summary>
public sealed class LogComparisonTests
{
    [Theory]
    [InlineData(true, 1L << 30)]
    [InlineData(false, 1L << 30)]
    [InlineData(true, 1)]
    public async Task Segments_and_deletes_that_hold_what_the_log_says_are_counted(bool isLocal, long batchBytes)
    {
        await using var world = await LoggedWorld.StartAsync(isLocal);
        var (one, two) = (await world.BeginSegmentAsync(), await world.BeginSegmentAsync());
        await world.InsertAsync(one, 1, 2, 3);
        await world.InsertAsync(two, 11, 12);
        await world.AppendAsync(true, LoggedWorld.Insert(one, 4, 5), LoggedWorld.Insert(two, 13, 14));
        await world.AppendAsync(false, LoggedWorld.Insert(one, 6), LoggedWorld.Insert(two, 15));
        var from = await world.AppendAsync(true, LoggedWorld.Delete(2));
        var first = world.Tick;
        await world.FlushAsync(two);
        var last = await world.AppendAsync(true, LoggedWorld.Delete(4, 11), LoggedWorld.Insert(one, 4));
        await world.PutDeletesAsync(from, last.Next, (2, first), (4, world.Tick), (11, world.Tick));
        await world.FlushAsync(one);
        await world.PutCheckpointAsync();

        var (found, lines) = await world.CompareAsync(batchBytes);
        Assert.Empty(lines);
        Assert.Equal((2L, 1L, 0L, 0L, 0L, 0L), (found.Segments, found.DeleteFiles, found.Older, found.Compacted, found.Obstructed, found.Differences));
    }

    [Theory]
    [InlineData("value", "row 2, key 3, column 'vector': expected 0.375 in component 2 as in entry 0/1, found 7 in component 2")]
    [InlineData("text", "row 1, key 2, column 'name': expected 'name of 2' as in entry 0/1, found 'another'")]
    [InlineData("null", "row 0, key 1, column 'name': expected 'name of 1' as in entry 0/1, found null")]
    [InlineData("missing", "row 1, key 2, column 'id': expected 2 as in entry 0/1, found 3; the log has 5 rows of it, the files 4")]
    [InlineData("cut", "expected row 4, key 5 as in entry 0/2, found no more rows; the log has 5 rows of it, the files 4")]
    [InlineData("extra", "expected no row behind the 5 of the log, found row 5, key 9; the log has 5 rows of it, the files 6")]
    [InlineData("twice", "row 2, key 3, column 'id': expected 3 as in entry 0/1, found 2; the log has 5 rows of it, the files 6")]
    [InlineData("tick", "row 3, key 4, column tick: expected 1003 as in entry 0/2, found 1002")]
    [InlineData("order", "row 0, key 1, column 'id': expected 1 as in entry 0/1, found 5")]
    public async Task The_first_row_that_differs_is_named(string kind, string expected)
    {
        await using var world = await LoggedWorld.StartAsync();
        var segment = await world.BeginSegmentAsync();
        await world.InsertAsync(segment, 1, 2, 3);
        await world.InsertAsync(segment, 4, 5);
        await world.FlushAsync(segment, rows => kind switch
        {
            "value" => rows.Select(r => r.Key == 3 ? r with { Vector = 7 } : r),
            "text" => rows.Select(r => r.Key == 2 ? r with { Name = "another" } : r),
            "null" => rows.Select(r => r.Key == 1 ? r with { Name = null } : r),
            "missing" => rows.Where(r => r.Key != 2),
            "cut" => rows.SkipLast(1),
            "extra" => rows.Append(new LoggedRow(9, 1003)),
            "twice" => rows.SelectMany(r => r.Key == 2 ? new[] { r, r } : [r]),
            "tick" => rows.Select(r => r.Key == 4 ? r with { Tick = 1002 } : r),
            _ => rows.AsEnumerable().Reverse(),
        });

        var (found, lines) = await world.CompareAsync();
        AssertLines(lines, $"DIFFERS segment {segment}: {expected}");
        Assert.Equal((1L, 1L), (found.Segments, found.Differences));
    }

    [Fact]
    public async Task Rows_that_were_rolled_back_and_ticks_that_are_not_the_commits_are_differences()
    {
        await using var world = await LoggedWorld.StartAsync();
        var (one, two) = (await world.BeginSegmentAsync(), await world.BeginSegmentAsync());
        await world.InsertAsync(one, 1);
        await world.AppendAsync(false, LoggedWorld.Insert(one, 2), LoggedWorld.Insert(one, 3));
        await world.AppendAsync(true, LoggedWorld.Insert(two, 4), LoggedWorld.Insert(two, 5));
        var commit = world.Tick;
        await world.FlushAsync(one, rows => rows.Append(new LoggedRow(2, world.Tick)));
        await world.FlushAsync(two, rows => rows.Select(r => r with { Tick = r.Tick - 1 }));

        var (found, lines) = await world.CompareAsync();
        AssertLines(
            lines,
            $"DIFFERS segment {one}: expected no row behind the 1 of the log, found row 1, key 2; the log has 1 rows of it, the files 2",
            $"DIFFERS segment {two}: row 0, key 4, column tick: expected {commit} as in entry 0/8, found {commit - 1}");
        Assert.Equal(2, found.Differences);
    }

    [Fact]
    public async Task What_begins_below_the_truncation_point_is_counted_as_older_and_the_rest_compared()
    {
        await using var world = await LoggedWorld.StartAsync();
        var one = await world.BeginSegmentAsync();
        await world.InsertAsync(one, 1, 2);
        await world.FlushAsync(one, rows => rows.SkipLast(1)); // nobody can tell any more
        var two = await world.BeginSegmentAsync();
        await world.InsertAsync(two, 3, 4);
        var second = await world.FlushAsync(two);
        await world.TruncateAsync(second.Start);

        var (found, lines) = await world.CompareAsync();
        Assert.Empty(lines);
        Assert.Equal((1L, 1L, 0L), (found.Segments, found.Older, found.Differences));
    }

    [Fact]
    public async Task A_log_that_is_truncated_while_it_is_read_makes_no_difference()
    {
        await using var world = await LoggedWorld.StartAsync();
        var segment = await world.BeginSegmentAsync();
        await world.InsertAsync(segment, 1, 2);
        var record = await world.FlushAsync(segment, rows => rows.SkipLast(1));
        world.BeforeLook = look => look == 2 ? world.TruncateAsync(record.End) : Task.CompletedTask;

        var (found, lines) = await world.CompareAsync();
        Assert.Empty(lines);
        Assert.Equal((0L, 1L, 0L), (found.Segments, found.Older, found.Differences));
    }

    [Fact]
    public async Task Outputs_of_compactions_are_counted_and_what_was_compacted_meanwhile_is_no_difference()
    {
        await using var world = await LoggedWorld.StartAsync();
        var (one, two) = (await world.BeginSegmentAsync(), await world.BeginSegmentAsync());
        await world.InsertAsync(one, 1, 2);
        await world.InsertAsync(two, 3);
        var record = await world.FlushAsync(one, rows => rows.SkipLast(1));
        var output = await world.FlushAsync(two);
        await world.PutAsync(output with { CompactedFrom = [new SegmentId(77)] });
        world.BeforeLook = look => look == 2 ? world.PutAsync(record with { State = SegmentState.Compacted, CompactedTo = two }) : Task.CompletedTask;

        var (found, lines) = await world.CompareAsync();
        Assert.Empty(lines);
        Assert.Equal((0L, 1L, 0L), (found.Segments, found.Compacted, found.Differences));
    }

    [Fact]
    public async Task A_damaged_block_and_a_lost_file_are_named_their_segments_not_compared_and_the_others_are()
    {
        await using var world = await LoggedWorld.StartAsync();
        var (one, two) = (await world.BeginSegmentAsync(), await world.BeginSegmentAsync());
        await world.InsertAsync(two, 11);
        await world.FlushAsync(two, rows => rows.Append(new LoggedRow(9, world.Tick)));
        var hurt = await world.InsertAsync(one, 1);
        await world.InsertAsync(one, 2);
        await world.FlushAsync(one);
        var (three, four) = (await world.BeginSegmentAsync(), await world.BeginSegmentAsync());
        await world.InsertAsync(three, 21);
        await world.FlushAsync(three);
        world.Lose(await FlushedAsync(four));
        await world.PutCheckpointAsync();
        await world.HurtAsync(hurt);

        var (found, lines) = await world.CompareAsync();
        Assert.Equal(3, lines.Length);
        Assert.Matches($"^NOT COMPARED segment {one}: log 'by-dev_0', segment 0, block {hurt.Entry}, offset [0-9]+: expected entry {hurt.Entry}, found bytes that do not verify", lines[0]);
        Assert.StartsWith($"DIFFERS segment {two}: expected no row behind the 1 of the log", lines[1], StringComparison.Ordinal);
        Assert.Matches($"^NOT COMPARED segment {four}: .*manifest", lines[2]);
        Assert.Equal((2L, 2L, 1L), (found.Segments, found.Obstructed, found.Differences));

        async Task<SegmentRecord> FlushedAsync(SegmentId segment)
        {
            await world.InsertAsync(segment, 31);
            return await world.FlushAsync(segment);
        }
    }

    [Theory]
    [InlineData("key", "delete file 2002: delete 1, key 2: expected key 2 as in entry 0/2, found 3")]
    [InlineData("tick", "delete file 2002: delete 0, key 1: expected tick 1003 as in entry 0/2, found 1002")]
    [InlineData("short", "delete file 2002: expected the delete of key 2 as in entry 0/2, found no more deletes")]
    [InlineData("long", "delete file 2002: expected the 2 deletes that the log has from 0/2 to 0/3, found 3")]
    [InlineData("none", "segment 2000: expected the delete of key 1 in entry 0/2 in a delete file, for the checkpoint is at 0/5, found none (S7)")]
    public async Task A_delete_file_that_does_not_hold_the_deletes_of_the_log_is_named(string kind, string expected)
    {
        await using var world = await LoggedWorld.StartAsync();
        var segment = await world.BeginSegmentAsync();
        await world.InsertAsync(segment, 1, 2);
        var at = await world.AppendAsync(true, LoggedWorld.Delete(1, 2));
        await world.FlushAsync(segment);
        var above = await world.AppendAsync(true, LoggedWorld.Delete(1));
        Func<Task> put = kind switch
        {
            "key" => () => world.PutDeletesAsync(at, at.Next, (1, 1003), (3, 1003)),
            "tick" => () => world.PutDeletesAsync(at, at.Next, (1, 1002), (2, 1003)),
            "short" => () => world.PutDeletesAsync(at, at.Next, (1, 1003)),
            "long" => () => world.PutDeletesAsync(at, at.Next, (1, 1003), (2, 1003), (2, 1003)),
            _ => () => Task.CompletedTask,
        };
        await put();
        await world.PutDeletesAsync(above, above.Next, (1, world.Tick));
        await world.PutCheckpointAsync();
        await world.AppendAsync(true, LoggedWorld.Delete(2)); // above the checkpoint: not in a file yet

        var (found, lines) = await world.CompareAsync();
        AssertLines(lines, $"DIFFERS {expected}");
        Assert.Equal(1, found.Differences);
    }

    private static void AssertLines(string[] found, params string[] expected) => Assert.Equal(expected, found);
}
