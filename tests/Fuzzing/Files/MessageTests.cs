using System.Buffers;
using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Fuzzing.Harness;
using MiniMilvus.Storage.Tests.Segments;

namespace MiniMilvus.Fuzzing.Files;

/// <summary>Log messages: what the codec gives back can be written again, and names the entry where it refuses.</summary>
public sealed class MessageTests
{
    private static readonly CollectionId Collection = new(100);

    internal static readonly CollectionSchema Schema = new()
    {
        Name = "books",
        Fields = [new FieldSchema { Id = new FieldId(100), Name = "id", Type = DataType.Int64, IsPrimaryKey = true }, new FieldSchema { Id = new FieldId(108), Name = "v", Type = DataType.FloatVector, Dim = 2 }],
    };

    [Fact]
    public async Task Damaged_bytes_of_every_kind_of_message_are_refused_or_are_a_message()
    {
        var bodies = Bodies().ToArray();
        Assert.Equal(Enum.GetValues<MessageType>(), bodies.Select(b => b.Type).Distinct().Order());
        foreach (var body in bodies)
        {
            var samples = new[] { Encoded(body, 7), Encoded(body with { }, 8) };
            await Fuzz.RunAsync(new Subject("log entry 3/7", samples, bytes => new(Convert.ToHexString(Encode(MessageCodec.Decode(bytes, new LogPosition(3, 7))))))
            {
                VouchedElsewhere = "the log's blocks carry the checksums",
                Cases = 400,
            });
        }
    }

    private static IEnumerable<MessageBody> Bodies() =>
    [
        new TimeTickBody(),
        new InsertBody(Collection, new PartitionId(2), new SegmentId(3), 4, Sample.Rows()),
        new DeleteBody(Collection, PartitionId.All, Sample.Deletes().Keys),
        new DeleteBody(Collection, PartitionId.All, new ScalarColumn<long>(new FieldId(100), DataType.Int64, new long[] { 1, 2 })),
        new CreateSegmentBody(Collection, new PartitionId(2), new SegmentId(3), 4),
        new FlushBody(Collection, new SegmentId(3)),
        new ManualFlushBody(Collection, [new SegmentId(3), new SegmentId(4)]),
        new CreateCollectionBody(Collection, Schema),
        new DropCollectionBody(Collection),
        new CreatePartitionBody(Collection, new PartitionId(2)),
        new DropPartitionBody(Collection, new PartitionId(2)),
        new SchemaChangeBody(Collection, Schema),
        new BeginTransactionBody(3),
        new CommitTransactionBody(),
        new RollbackTransactionBody(),
    ];

    private static byte[] Encoded(MessageBody body, ulong tick) => Encode(new LogMessage
    {
        Term = new Term(2), TimeTick = new Timestamp(tick), Transaction = new Timestamp(tick - 1), Channel = new VChannel("by-dev-0_100v0"), Body = body,
    });

    private static byte[] Encode(LogMessage message)
    {
        var bytes = new ArrayBufferWriter<byte>();
        MessageCodec.Encode(message, bytes);
        return bytes.WrittenSpan.ToArray();
    }
}
