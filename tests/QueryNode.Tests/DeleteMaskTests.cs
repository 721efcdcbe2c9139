using MiniMilvus.Core.Time;
using MiniMilvus.QueryNode.Segments;

namespace MiniMilvus.QueryNode.Tests;

/// <summary>The delete mask: what is said twice costs nothing, and the order in which deletes arrive changes no answer (S6, S7).</summary>
public sealed class DeleteMaskTests
{
    /// <summary>Until the next checkpoint, a restart reads every delete of a delete file again from the log.</summary>
    [Fact]
    public async Task A_thousand_deletes_in_a_file_and_in_the_log_take_no_more_than_in_the_file()
    {
        await using var world = await World.StartAsync(run: false);
        world.Insert(10, [.. Enumerable.Range(0, 2000).Select(i => (long)i)]);
        for (var i = 0; i < 1000; i++)
        {
            world.Delete(20 + (ulong)i, [2 * i]);
        }

        await world.FlushAsync(1);
        await world.DeleteFileAsync(1, [.. Enumerable.Range(0, 1000).Select(i => (2L * i, 20 + (ulong)i))], world.Log.End);
        world.Tick(2000);
        world.Run();
        await world.Journal.WaitAsync(6001);
        Assert.Equal(Enumerable.Range(0, 1000).Select(i => (2L * i) + 1), await world.KeysAsync(2000));
        var twice = Assert.Single((await world.Node.GetLoadStatusAsync(World.Collection, default)).Segments).Bytes;

        await world.CheckpointAsync(world.Log.End, 1999);
        using var second = world.NewNode();
        _ = world.RunNode(second);
        await world.Journal.WaitAsync(6001);
        var once = Assert.Single((await second.GetLoadStatusAsync(World.Collection, default)).Segments).Bytes;
        Assert.Equal(once, twice);
        Assert.InRange(once, 1, World.Rows([.. Enumerable.Range(0, 2000).Select(i => (long)i)]).Bytes + (2000 * (8 + 12 + 8)) + (1000 * 12) + 4096);
    }

    [Fact]
    public void What_is_known_takes_nothing_whether_it_comes_late_or_not()
    {
        var mask = new DeleteMask();
        for (var i = 0; i < 1000; i++)
        {
            mask.Add([new RowDelete(i, new Timestamp(100 + (ulong)i))]);
        }

        var bytes = mask.Bytes;
        for (var i = 0; i < 1000; i++)
        {
            mask.Add([new RowDelete(i, new Timestamp(100 + (ulong)i))]);
            mask.Add([new RowDelete(i, new Timestamp(5000))]);
        }

        Assert.Equal((1000, bytes), (mask.Count, mask.Bytes));
        Assert.InRange(bytes, 1, (1000 * (12 + 8) * 2) + 4096);
    }

    [Fact]
    public void Deletes_in_any_order_and_any_batches_give_the_answers_of_a_list()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var mask = new DeleteMask();
            var model = new List<RowDelete>();
            for (var batch = 0; batch < 30; batch++)
            {
                var deletes = Enumerable.Range(0, random.Next(1, 20)).Select(_ => new RowDelete(random.Next(700), new Timestamp((ulong)random.Next(1, 60)))).ToList();
                model.AddRange(deletes);
                mask.Add(deletes);
                var at = new Timestamp((ulong)random.Next(1, 62));
                var deleted = model.Where(d => d.Tick <= at).Select(d => d.Row).ToHashSet();
                var kept = mask.Exclude(null, 600, at);
                Assert.Equal(model.Select(d => d.Row).Distinct().Count(), mask.Count);
                for (var row = 0; row < 600; row++)
                {
                    Assert.Equal(deleted.Contains(row), mask.IsDeleted(row, at));
                    Assert.Equal(deleted.Contains(row), kept is not null && !kept.Get(row));
                }
            }
        }
    }
}
