using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;
using MiniMilvus.StreamingNode.Reading;
using MiniMilvus.StreamingNode.Tail;

namespace MiniMilvus.StreamingNode.Tests;

public sealed class ReaderTests
{
    private static LogMessage Message(long entry, ulong tick, MessageBody? body = null, ulong transaction = 0) => new()
    {
        Term = new Term(1), TimeTick = new Timestamp(tick), Channel = OwnerWorld.Channel, Transaction = new Timestamp(transaction),
        Body = body ?? OwnerWorld.Delete(entry), Position = new LogPosition(0, entry),
    };

    private static async Task<List<LogEvent>> TakeAsync(ILogReader reader, LogPosition from, Func<LogEvent, bool> until)
    {
        var events = new List<LogEvent>();
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await foreach (var e in reader.ReadAsync(OwnerWorld.PChannel, from, stop.Token))
        {
            events.Add(e);
            if (until(e))
            {
                break;
            }
        }

        return events;
    }

    [Fact]
    public async Task Two_readers_see_the_same_messages_whether_catching_up_or_tailing()
    {
        await using var world = new OwnerWorld { Options = new StreamingNodeOptions { TailBufferBytes = 600 } };
        var owner = await world.OpenAsync();
        var reader = world.Reader(owner);
        var tailing = TakeAsync(reader, LogPosition.Beginning, e => e.Message?.Body is InsertBody { Rows: var rows } && rows.KeyAt(0).Number == 1000);
        for (var i = 0; i < 50; i++)
        {
            await owner.AppendAsync(OwnerWorld.Channel, i % 5 == 0 ? [OwnerWorld.Delete(i), OwnerWorld.Rows(i, 1)] : [OwnerWorld.Rows(i, 1)], default);
        }

        var end = (await owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(1000, 1)], default)).Tick;
        var caughtUp = await TakeAsync(reader, LogPosition.Beginning, e => e.Message?.CommitTick == end);
        Assert.Equal(Keys(await tailing), Keys(caughtUp));
        Assert.Equal(60 + 1, caughtUp.Count(e => e.Message?.Body is InsertBody or DeleteBody));
        static IEnumerable<(LogPosition, Timestamp)> Keys(List<LogEvent> events) => events.Where(e => e.Message is not null).Select(e => (e.Message!.Position, e.Message.CommitTick));
    }

    [Fact]
    public async Task A_transaction_arrives_whole_at_its_commit_tick_and_resumes_at_its_begin()
    {
        await using var world = new OwnerWorld();
        var owner = await world.OpenAsync();
        var result = await owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Delete(1), OwnerWorld.Rows(1, 1)], default);
        var events = await TakeAsync(world.Reader(owner), LogPosition.Beginning, e => e.Message?.Body is InsertBody);
        var parts = events.Select(e => e.Message).Where(m => m?.Body is InsertBody or DeleteBody).ToList();
        Assert.Equal(2, parts.Count);
        Assert.All(parts, p => Assert.Equal(result.Tick, p!.CommitTick));
        Assert.IsType<DeleteBody>(parts[0]!.Body);
        var begin = parts[0]!.ResumePosition;
        var resumed = await TakeAsync(world.Reader(owner), begin, e => e.Message?.Body is InsertBody);
        Assert.Contains(resumed, e => e.Message?.Body is DeleteBody);
    }

    [Fact]
    public async Task A_new_subscriber_on_an_idle_channel_learns_a_tick_at_once()
    {
        await using var world = new OwnerWorld();
        var owner = await world.OpenAsync();
        var count = world.Log.Count;
        var events = await TakeAsync(world.Reader(owner), new LogPosition(0, count), e => e.Message is null);
        Assert.True(events[^1].Tick.Tick > Timestamp.Zero);
        Assert.Equal(count, world.Log.Count);
    }

    [Fact]
    public async Task A_slow_subscriber_is_cut_off_and_pins_nothing()
    {
        var tail = new TailBuffer(LogPosition.Beginning, bytesMax: 100);
        for (var i = 0; i < 3; i++)
        {
            tail.Publish(Message(i, (ulong)(10 + i)), 40);
        }

        var frames = tail.Subscribe(LogPosition.Beginning, default);
        Assert.Equal(new LogPosition(0, 1), frames.Start);
        await using var cursor = frames.Frames.GetAsyncEnumerator();
        Assert.True(await cursor.MoveNextAsync());
        for (var i = 3; i < 600; i++)
        {
            tail.Publish(Message(i, (ulong)(10 + i)), 40);
        }

        Assert.InRange(tail.Bytes, 0, 100);
        var e = await Assert.ThrowsAsync<MiniMilvusException>(async () =>
        {
            while (await cursor.MoveNextAsync())
            {
            }
        });
        Assert.True(e.IsRetriable);
    }

    [Fact]
    public void A_tick_that_does_not_rise_is_corruption()
    {
        var assembler = new TransactionAssembler(OwnerWorld.PChannel);
        assembler.Add(Message(0, 5), []);
        var e = Assert.Throws<MiniMilvusException>(() => assembler.Add(Message(1, 5), []));
        Assert.Equal(ErrorKind.Corrupted, e.Kind);
        Assert.Contains("W15", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rolled_back_messages_are_never_delivered()
    {
        var assembler = new TransactionAssembler(OwnerWorld.PChannel);
        var deliver = new List<LogMessage>();
        assembler.Add(Message(0, 1, new BeginTransactionBody(1)), deliver);
        assembler.Add(Message(1, 2, transaction: 1), deliver);
        assembler.Add(Message(2, 3, new RollbackTransactionBody(), transaction: 1), deliver);
        Assert.Empty(deliver);
        assembler.Add(Message(3, 4), deliver);
        Assert.Single(deliver);
    }
}
