using System.Buffers;
using System.Text;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Fuzzing.Files;

/// <summary>What fuzzing found once, by name.</summary>
public sealed class RegressionTests
{
    private static readonly LogPosition Position = new(3, 7);

    [Fact]
    public void A_byte_that_is_neither_0_nor_1_is_no_bool()
    {
        var bytes = new ArrayBufferWriter<byte>();
        ColumnCodec.Encode(new ScalarColumn<bool>(new FieldId(100), DataType.Bool, new[] { true, false }), bytes);
        var hurt = bytes.WrittenSpan.ToArray();
        hurt[^1] = 2;
        RequireCorrupted("expected 0 or 1 in row 1, found 2", () =>
        {
            ReadOnlyMemory<byte> rest = hurt;
            ColumnCodec.Decode(ref rest);
        });
    }

    [Fact]
    public void An_insert_without_its_primary_key_is_corrupted_and_no_defect_of_ours()
    {
        var bytes = Insert();
        bytes[60] ^= 1; // the field id in the upper half of "extra"
        RequireCorrupted("log entry 3/7: expected a column of the primary key 101", () => MessageCodec.Decode(bytes, Position));
    }

    [Fact]
    public void Bytes_behind_a_message_are_refused()
    {
        var bytes = new ArrayBufferWriter<byte>();
        MessageCodec.Encode(new LogMessage { Term = new Term(1), TimeTick = new(5), Body = new FlushBody(new CollectionId(1), new SegmentId(2)) }, bytes);
        RequireCorrupted("log entry 3/7: 3 bytes behind", () => MessageCodec.Decode((byte[])[.. bytes.WrittenSpan, 1, 2, 3], Position));
    }

    [Fact]
    public void A_record_that_lacks_what_it_promises_is_refused()
    {
        RequireCorrupted("writerId", () => RecordJson.ReadLog("log", "{\"epoch\":3,\"truncatedSegment\":0,\"truncatedEntry\":0,\"deleted\":false}"u8));
        RequireCorrupted("Properties", () => CatalogCodec.Database(Entry("""{"Name":"a","Id":1,"CreatedAt":{"Value":5},"Properties":null}""")));
        RequireCorrupted("'name'", () => CatalogCodec.Assignment(Entry("""{"Channel":{"name":"x"},"Term":{"Value":1},"NodeId":1,"Address":""}""")), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void A_record_of_an_older_version_without_optional_properties_has_their_defaults_and_no_holes()
    {
        var segment = CatalogCodec.Segment(Entry("""{"Id":{"Value":1},"Collection":{"Value":2},"Partition":{"Value":3},"Channel":{"Name":"a_2v0"},"State":"Growing"}"""));
        Assert.Equal(("", 0), (segment.ManifestPath, segment.Indexes.Length));
    }

    [Fact]
    public async Task A_lease_that_is_longer_than_a_timer_can_wait_is_granted_and_found_again()
    {
        var disk = new SimulatedDisk(TimeProvider.System, 1);
        for (var open = 0; open < 2; open++)
        {
            await using var store = await EmbeddedMetaStore.OpenAsync(disk.Mount(), "meta", TimeProvider.System, new EmbeddedMetaStoreOptions { DropLeasesAtOpen = false }, default);
            await store.KeepAliveAsync(open == 0 ? await store.GrantLeaseAsync(TimeSpan.FromDays(365), default) : 1, default);
        }
    }

    private static byte[] Insert()
    {
        var bytes = new ArrayBufferWriter<byte>();
        var rows = new RowBatch(new FieldId(100), [new ScalarColumn<long>(new FieldId(100), DataType.Int64, new long[] { 1 })]);
        MessageCodec.Encode(new LogMessage { Term = new Term(1), TimeTick = new(5), Body = new InsertBody(new CollectionId(1), new PartitionId(2), new SegmentId(3), 1, rows) }, bytes);
        return bytes.WrittenSpan.ToArray();
    }

    private static MetaEntry Entry(string json) => new("some/key", Encoding.UTF8.GetBytes(json), 1, 1, 1, 0);

    private static void RequireCorrupted(string expected, Action read, StringComparison comparison = StringComparison.Ordinal)
    {
        var error = Assert.Throws<MiniMilvusException>(read);
        Assert.Equal(ErrorKind.Corrupted, error.Kind);
        Assert.Contains(expected, error.Message, comparison);
    }
}
