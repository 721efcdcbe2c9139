using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;
using MiniMilvus.DataNode.Channels;
using MiniMilvus.DataNode.Checkpoints;
using MiniMilvus.DataNode.Flush;
using MiniMilvus.DataNode.Tests.Support;

namespace MiniMilvus.DataNode.Tests;

public sealed class PolicyTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task A_growing_segment_that_is_too_old_is_asked_to_be_sealed_and_again_while_nothing_comes()
    {
        var time = new ManualTime();
        await using var world = new World(time);
        world.Options = new DataNodeOptions { PChannels = [World.PChannel], SealAgeMax = 10 * Minute, SealIdle = TimeSpan.Zero };
        var asked = System.Threading.Channels.Channel.CreateUnbounded<VChannel>();
        world.OnSeal = (channel, _) => asked.Writer.WriteAsync(channel);
        await using var node = world.Start();
        var shard = await world.CreateCollectionAsync(10);
        var segment = await world.CreateSegmentAsync(shard);
        var end = world.Log.Messages[^1].Position;
        await world.UntilAsync(s => s.CheckpointOf(shard) is not null);
        world.Log.Append(shard, World.Insert(shard, segment, 1));

        await time.ArmedAsync(TimeSpan.FromSeconds(1));
        time.Advance(TimeSpan.FromSeconds(1));
        await world.UntilAsync(s => s.CheckpointOf(shard)?.Position == end);
        Assert.Equal(shard, await AskedAsync());
        Assert.Equal(shard, await AskedAsync());

        // There are other timers, and no order among them: a minute passes, again and again, until it is asked.
        async Task<VChannel> AskedAsync()
        {
            for (var next = asked.Reader.ReadAsync(Timeout()).AsTask(); ; time.Advance(Minute))
            {
                if (await Task.WhenAny(next, Task.Delay(5)) == next)
                {
                    return await next;
                }
            }
        }
    }

    [Theory]
    [InlineData(10, true)]
    [InlineData(0, false)]
    public void A_growing_segment_without_new_rows_is_sealed_long_before_it_is_too_old_unless_that_is_off(int idleMinutes, bool isSealed)
    {
        var time = new ManualTime();
        var policy = new SealPolicy(new DataNodeOptions { SealIdle = idleMinutes * Minute }, time);
        var buffer = new WriteBuffer(new SegmentId(1), new CollectionId(10), new PartitionId(2), 1, default, time.GetTimestamp(), 0);
        time.Advance(9 * Minute);
        Assert.Null(policy.Reason(buffer, 0, time.GetTimestamp()));
        buffer.Add(((InsertBody)World.Insert(VChannel.Of(World.PChannel, buffer.Collection, 0), buffer.Segment, 1)).Rows, default, time.GetTimestamp());
        Assert.Equal(isSealed ? 10 * Minute : 51 * Minute, policy.Until(buffer, time.GetTimestamp()));
        time.Advance(9 * Minute);
        Assert.Null(policy.Reason(buffer, 0, time.GetTimestamp()));
        time.Advance(Minute);
        Assert.Equal(isSealed ? "idle" : null, policy.Reason(buffer, 0, time.GetTimestamp()));
        time.Advance(41 * Minute);
        Assert.Equal("age", policy.Reason(buffer, 0, time.GetTimestamp()));
    }

    /// <summary>S3: an old, small segment holds the log of its whole pchannel.</summary>
    [Fact]
    public async Task A_growing_segment_that_holds_much_of_the_log_back_is_asked_to_be_sealed_however_small_it_is()
    {
        await using var world = new World();
        world.Options = world.Options with { SealBacklogBytes = 4096 };
        var asked = System.Threading.Channels.Channel.CreateUnbounded<VChannel>();
        world.OnSeal = (channel, _) => asked.Writer.WriteAsync(channel);
        await using var node = world.Start();
        var (small, large) = (await world.CreateCollectionAsync(10), await world.CreateCollectionAsync(20));
        var held = await world.CreateSegmentAsync(small);
        world.Log.Append(small, World.Insert(small, held, 1));
        for (var i = 0; i < 20; i++)
        {
            // Others fill the log, and seal their segments at once.
            var segment = await world.CreateSegmentAsync(large);
            world.Log.Append(large, World.Insert(large, segment, [.. Enumerable.Range(i * 10, 10).Select(k => (long)k)]));
            world.Log.Append(large, World.Flush(large, segment));
        }

        while (await asked.Reader.ReadAsync(Timeout()) != small)
        {
        }
    }

    [Fact]
    public async Task An_idle_shards_checkpoint_moves_with_its_pchannel()
    {
        await using var world = new World();
        await using var node = world.Start();
        var idle = await world.CreateCollectionAsync(10);
        var busy = await world.CreateCollectionAsync(20);
        var segment = await world.CreateSegmentAsync(busy);
        world.Log.Append(busy, World.Insert(busy, segment, 1, 2));
        await world.ManualFlushAsync(busy, segment);
        var end = world.Log.End;

        await world.UntilAsync(s => s.CheckpointOf(idle)?.Position == end && s.CheckpointOf(busy)?.Position == end);
    }

    [Fact]
    public async Task Ticks_alone_write_nothing()
    {
        await using var world = new World();
        await using var node = world.Start();
        var shard = await world.CreateCollectionAsync(10);
        await world.ManualFlushAsync(shard);
        await world.UntilAsync(s => s.CheckpointOf(shard)!.Position == world.Log.End);
        var commits = world.Coordinator.Applied.Count;

        for (var i = 0; i < 100; i++)
        {
            world.Log.PublishTick();
        }

        // The next message shows that the ticks were consumed.
        var tick = world.Log.Append(shard, new ManualFlushBody(new CollectionId(10), []));
        await world.UntilAsync(s => World.IsFlushed(s, shard, tick));
        Assert.Equal(commits + 1, world.Coordinator.Applied.Count);
    }

    [Fact]
    public async Task Deletes_are_filed_when_there_are_many()
    {
        await using var world = new World();
        world.Options = world.Options with { DeleteCountMax = 10 };
        await using var node = world.Start();
        var shard = await world.CreateCollectionAsync(10);
        for (var i = 0; i < 25; i++)
        {
            world.Log.Append(shard, World.Delete(shard, i));
        }

        await world.UntilAsync(s => s.DeleteFilesOf(shard).Values.Sum(f => f.Deletes) >= 20);
        await Truth.CheckAsync(world, world.View.Current);
        await world.ManualFlushAsync(shard);
        Assert.Equal(25, world.View.Current.DeleteFilesOf(shard).Values.Sum(f => f.Deletes));
    }

    [Fact]
    public void Progress_stays_before_a_transaction_until_another_message_follows()
    {
        var progress = new ReadProgress(default);
        progress.Advance(LogEvent.Of(Message(5, 10)));
        Assert.Equal(new HoldPoint(new LogPosition(0, 6), new Timestamp(10)), progress.Point);

        progress.Advance(LogEvent.Of(Message(7, 12, transaction: 11, resume: 6, commit: 14)));
        progress.Advance(LogEvent.Of(Message(8, 13, transaction: 11, resume: 6, commit: 14)));
        Assert.Equal(new HoldPoint(new LogPosition(0, 6), new Timestamp(10)), progress.Point);

        progress.Advance(LogEvent.Of(new TimeTick(new Term(1), new Timestamp(20), new LogPosition(0, 9))));
        Assert.Equal(new HoldPoint(new LogPosition(0, 6), new Timestamp(20)), progress.Point);

        progress.Advance(LogEvent.Of(Message(10, 30)));
        Assert.Equal(new HoldPoint(new LogPosition(0, 11), new Timestamp(30)), progress.Point);
    }

    [Fact]
    public void Columns_of_every_type_are_joined_with_their_nulls()
    {
        var field = new FieldId(7);
        Check(new ScalarColumn<bool>(field, DataType.Bool, new[] { true, false }), new ScalarColumn<bool>(field, DataType.Bool, new[] { true }, [false]));
        Check(new ScalarColumn<int>(field, DataType.Int8, new[] { 1, 2 }, [true, false]), new ScalarColumn<int>(field, DataType.Int8, new[] { 3 }));
        Check(new ScalarColumn<long>(field, DataType.Int64, new[] { 1L, 2 }), new ScalarColumn<long>(field, DataType.Int64, new[] { 3L }));
        Check(new ScalarColumn<float>(field, DataType.Float, new[] { 1f, 2 }), new ScalarColumn<float>(field, DataType.Float, new[] { 3f }, [false]));
        Check(new ScalarColumn<double>(field, DataType.Double, new[] { 1d, 2 }), new ScalarColumn<double>(field, DataType.Double, new[] { 3d }));
        Check(new StringColumn(field, new[] { "a", "" }), new StringColumn(field, new[] { "c" }, [false]));
        Check(new JsonColumn(field, new ReadOnlyMemory<byte>[] { "{}"u8.ToArray(), "[1]"u8.ToArray() }), new JsonColumn(field, new ReadOnlyMemory<byte>[] { "3"u8.ToArray() }));
        Check(new FloatVectorColumn(field, 2, new[] { 1f, 2, 3, 4 }), new FloatVectorColumn(field, 2, new[] { 5f, 6 }));
    }

    private static void Check(Column a, Column b)
    {
        var joined = Columns.Concat([a, b]);
        Assert.Equal(a.Type, joined.Type);
        Assert.Equal(a.Count + b.Count, joined.Count);
        for (var row = 0; row < joined.Count; row++)
        {
            var (from, at) = row < a.Count ? (a, row) : (b, row - a.Count);
            Assert.Equal(from.IsNull(at), joined.IsNull(row));
            Assert.Equal(Encode(from, at), Encode(joined, row));
        }
    }

    private static byte[] Encode(Column column, int row)
    {
        var bytes = new System.Buffers.ArrayBufferWriter<byte>();
        var one = column.Take([row]);
        ColumnCodec.Encode(one, bytes);
        return bytes.WrittenSpan[(ColumnCodec.HeaderBytes + (one.Valid?.Length ?? 0))..].ToArray();
    }

    private static LogMessage Message(long entry, ulong tick, ulong transaction = 0, long? resume = null, ulong? commit = null) => new()
    {
        Term = new Term(1),
        TimeTick = new Timestamp(tick),
        Transaction = new Timestamp(transaction),
        Position = new LogPosition(0, entry),
        ResumePosition = new LogPosition(0, resume ?? entry),
        CommitTick = new Timestamp(commit ?? tick),
        Body = new TimeTickBody(),
    };

    private static CancellationToken Timeout() => new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token;
}
