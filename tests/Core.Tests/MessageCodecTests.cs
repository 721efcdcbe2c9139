using System.Buffers;
using System.Collections.Immutable;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Core.Tests;

/// <summary>docs/formats/message.md shows the bytes that the golden test holds.</summary>
public sealed class MessageCodecTests
{
    private const string GoldenDelete =
        "4D4D01030600000002000000000000000300000000000000000000000000000007000000000000000800000000000000000000000000000000000000000000" +
        "00705F375F76306400000000000000050000000200000000000000000000001000000000000000010000000000000002000000000000" + "00";

    private static readonly LogPosition s_position = new(3, 4);

    public static TheoryData<MessageBody> Bodies() =>
    [
        new TimeTickBody(),
        new InsertBody(new(7), new(8), new(9), 3, Rows()),
        new DeleteBody(new(7), PartitionId.All, new StringColumn(new(100), new[] { "a", "ß" })),
        new CreateSegmentBody(new(7), new(8), new(9), 3),
        new FlushBody(new(7), new(9)),
        new ManualFlushBody(new(7), [new(9), new(10)]),
        new CreateCollectionBody(new(7), Schema),
        new DropCollectionBody(new(7)),
        new CreatePartitionBody(new(7), new(8)),
        new DropPartitionBody(new(7), new(8)),
        new SchemaChangeBody(new(7), Schema),
        new BeginTransactionBody(5),
        new CommitTransactionBody(),
        new RollbackTransactionBody(),
    ];

    private static CollectionSchema Schema { get; } = new() { Name = "c", Fields = [new FieldSchema { Id = new(100), Name = "id", Type = DataType.Int64, IsPrimaryKey = true }] };

    private static RowBatch Rows() => new(new(100),
    [
        new ScalarColumn<long>(new(100), DataType.Int64, new long[] { 1, 2 }),
        new FloatVectorColumn(new(101), 2, new float[] { 1, 2, 3, 4 }),
        new StringColumn(new(102), new[] { "", "x" }, [false, true]),
        new JsonColumn(new(103), new ReadOnlyMemory<byte>[] { "{}"u8.ToArray(), "{\"a\":1}"u8.ToArray() }),
    ]);

    private static LogMessage Message(MessageBody body) => new() { Term = new(2), TimeTick = new(3), Channel = VChannel.Of(new("p"), new(7), 0), Body = body };

    private static byte[] Encode(LogMessage message)
    {
        var bytes = new ArrayBufferWriter<byte>();
        MessageCodec.Encode(message, bytes);
        return bytes.WrittenSpan.ToArray();
    }

    [Theory]
    [MemberData(nameof(Bodies))]
    public void Every_kind_of_message_comes_back_as_it_was(MessageBody body)
    {
        var bytes = Encode(Message(body) with { Transaction = new Timestamp(1) });
        var read = MessageCodec.Decode(bytes, s_position);
        Assert.Equal(body.Type, read.Type);
        Assert.Equal((new Term(2), new Timestamp(3), new Timestamp(1), s_position), (read.Term, read.TimeTick, read.Transaction, read.Position));
        Assert.Equal("p_7v0", read.Channel?.Name);
        Assert.Equal(bytes, Encode(read));
        if (body is ManualFlushBody or CreateSegmentBody or FlushBody)
        {
            Assert.Equal(body.ToString(), read.Body.ToString());
        }
    }

    [Fact]
    public void The_golden_bytes_of_the_format_page_are_read_and_written()
    {
        var message = new LogMessage
        {
            Term = new(2), TimeTick = new(3), Channel = new VChannel("p_7_v0"),
            Body = new DeleteBody(new(7), new(8), new ScalarColumn<long>(new(100), DataType.Int64, new long[] { 1, 2 })),
        };
        Assert.Equal(GoldenDelete, Convert.ToHexString(Encode(message)));
        var read = Assert.IsType<DeleteBody>(MessageCodec.Decode(Convert.FromHexString(GoldenDelete), s_position).Body);
        Assert.Equal([1L, 2L], ((ScalarColumn<long>)read.Keys).Values.ToArray());
    }

    [Fact]
    public void Random_bytes_are_corruption_and_nothing_else()
    {
        var random = new Random(5);
        var whole = Encode(Message(new InsertBody(new(7), new(8), new(9), 3, Rows())));
        for (var i = 0; i < 5_000; i++)
        {
            var bytes = whole[..random.Next(whole.Length + 1)];
            for (var flips = random.Next(1, 4); flips > 0 && bytes.Length > 0; flips--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            try
            {
                MessageCodec.Decode(bytes, s_position);
            }
            catch (MiniMilvusException e)
            {
                Assert.True(e.Kind is ErrorKind.Corrupted or ErrorKind.Internal, e.Message);
            }
        }
    }

    [Fact]
    public void A_later_version_is_refused_by_name()
    {
        var bytes = Encode(Message(new TimeTickBody()));
        bytes[2] = 9;
        var e = Assert.Throws<MiniMilvusException>(() => MessageCodec.Decode(bytes, s_position));
        Assert.Contains("expected message version 1, found 9", e.Message, StringComparison.Ordinal);
    }
}
