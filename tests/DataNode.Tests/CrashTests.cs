using System.Collections.Concurrent;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Messages;
using MiniMilvus.DataNode.Tests.Support;

namespace MiniMilvus.DataNode.Tests;

public sealed class CrashTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task After_a_crash_at_any_step_the_next_life_flushes_exactly_the_same_segments(int seed)
    {
        var operations = await RunAsync(seed, crashAt: int.MaxValue, Fault.None);
        Assert.InRange(operations, 20, 1000);
        var crashes = 0;
        for (var at = 0; at < operations; at++)
        {
            crashes += await RunAsync(seed, at, Fault.CrashBefore) > at ? 1 : 0;
            crashes += await RunAsync(seed, at, Fault.CrashAfter) > at ? 1 : 0;
        }

        Assert.InRange(crashes, operations, 2 * operations);
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    public async Task Lost_replies_and_refusals_everywhere_change_nothing_but_the_time(int seed)
    {
        var random = new Random(seed);
        var faults = Enumerable.Range(0, 10_000).Select(_ => random.Next(3) switch { 0 => Fault.ReplyLost, 1 => Fault.Refused, _ => Fault.None }).ToArray();
        await using var world = new World();
        var shards = await ScriptAsync(world, seed);
        var struck = new ConcurrentDictionary<Fault, int>();
        await using var node = world.Start((_, n) =>
        {
            struck.AddOrUpdate(faults[n], 1, (_, count) => count + 1);
            return faults[n];
        });

        await SettleAsync(world, shards);
        Assert.All([Fault.ReplyLost, Fault.Refused], fault => Assert.True(struck.GetValueOrDefault(fault) > 5, $"{fault}: {struck.GetValueOrDefault(fault)} times"));
    }

    /// <summary>Runs a seeded script with one crash and a second life. Returns the operations of the first life.</summary>
    private static async Task<int> RunAsync(int seed, int crashAt, Fault crash)
    {
        await using var world = new World();
        var shards = await ScriptAsync(world, seed);
        var first = world.Start((_, n) => n == crashAt ? crash : Fault.None);
        if (crashAt == int.MaxValue)
        {
            await SettleAsync(world, shards);
            var count = first.Life.Operations;
            await first.DisposeAsync();
            return count;
        }

        // The number of checkpoints depends on timing, so a late step may not come: then the second life begins after a clean end.
        await Task.WhenAny(first.Ended, WhenSettledAsync(world, shards));
        var operations = first.Life.Operations;
        await first.DisposeAsync();
        await using var second = world.Start();
        await SettleAsync(world, shards);
        return operations;
    }

    private static async Task SettleAsync(World world, VChannel[] shards)
    {
        await WhenSettledAsync(world, shards);
        await Truth.CheckAsync(world, world.View.Current);
    }

    private static async Task WhenSettledAsync(World world, VChannel[] shards)
    {
        var sealedIds = world.Log.Messages.Where(m => m.Body is FlushBody).Select(m => (FlushBody)m.Body).ToList();
        var flushes = shards.Select(s => (s, world.Log.Messages.Where(m => m.Channel == s && m.Body is ManualFlushBody).Max(m => m.CommitTick))).ToList();
        await world.UntilAsync(s => flushes.All(f => World.IsFlushed(s, f.s, f.Item2))
            && sealedIds.All(f => s.FindSegment(f.Collection, f.Segment) is { State: not SegmentState.Growing }));
    }

    private static async Task<VChannel[]> ScriptAsync(World world, int seed)
    {
        var random = new Random(seed);
        VChannel[] shards = [await world.CreateCollectionAsync(10), await world.CreateCollectionAsync(20)];
        var growing = new Dictionary<VChannel, SegmentId>();
        long key = 1;
        for (var step = 0; step < 60; step++)
        {
            var shard = shards[random.Next(shards.Length)];
            if (!growing.TryGetValue(shard, out var segment))
            {
                segment = growing[shard] = await world.CreateSegmentAsync(shard);
            }

            switch (random.Next(10))
            {
                case < 5:
                    world.Log.Append(shard, World.Insert(shard, segment, [.. Enumerable.Range(0, random.Next(1, 6)).Select(_ => key++)]));
                    break;
                case < 7:
                    world.Log.Append(shard, World.Delete(shard, random.NextInt64(1, key + 1)));
                    break;
                case 7:
                    var old = random.NextInt64(1, key + 1);
                    world.Log.Append(shard, World.Delete(shard, old), World.Insert(shard, segment, old));
                    break;
                case 8:
                    world.Log.Append(shard, World.Flush(shard, segment));
                    growing.Remove(shard);
                    break;
                default:
                    if (random.Next(2) == 0)
                    {
                        world.Log.PublishTick();
                    }

                    world.Log.Append(shard, World.Flush(shard, segment), new ManualFlushBody(World.CollectionOf(shard), [segment]));
                    growing.Remove(shard);
                    break;
            }
        }

        foreach (var shard in shards)
        {
            if (growing.TryGetValue(shard, out var last))
            {
                world.Log.Append(shard, World.Flush(shard, last));
            }

            world.Log.Append(shard, new ManualFlushBody(World.CollectionOf(shard), []));
        }

        // One shard keeps growing rows behind its ManualFlush: they must stay out of every file and above the checkpoint.
        var open = await world.CreateSegmentAsync(shards[0]);
        world.Log.Append(shards[0], World.Insert(shards[0], open, 777_777));
        return shards;
    }
}
