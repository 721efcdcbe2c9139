using System.Buffers;
using System.Buffers.Binary;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;
using MiniMilvus.Storage.Checksums;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.Storage.Tests.Segments;

/// <summary>Damaged, shortened, stretched and random bytes: a decoder gives a value or Corrupted, and nothing else.</summary>
public sealed class FuzzTests
{
    private const int Rounds = 3000;

    [Fact]
    public void Columns()
    {
        foreach (var column in Sample.Columns())
        {
            Fuzz(Convert.FromHexString(Sample.Bytes(column)), null, bytes =>
            {
                ReadOnlyMemory<byte> rest = bytes;
                Touch(ColumnCodec.Decode(ref rest));
            });
        }
    }

    [Fact]
    public void Column_files_also_under_a_checksum_that_fits()
    {
        foreach (var column in Sample.Columns())
        {
            Fuzz(ColumnFile.Encode(column).ToArray(), Reseal, bytes => Touch(ColumnFile.Decode(bytes, column.Field, "column")));
        }
    }

    [Fact]
    public void Delete_files_also_under_a_checksum_that_fits()
    {
        var batch = Sample.Deletes();
        Fuzz(DeleteFile.Encode(batch).ToArray(), Reseal, bytes => Touch(DeleteFile.Decode(bytes, batch.Collection, "deletes").Keys));
    }

    [Fact]
    public void Index_files_also_under_a_checksum_that_fits() =>
        Fuzz(IndexFile.Encode(5, new ReadOnlySequence<byte>(new byte[100])).ToArray(), Reseal, bytes => IndexFile.Decode(bytes, 5, "index"));

    [Fact]
    public async Task Manifests()
    {
        var store = new MemoryObjectStore();
        var origin = new SegmentOrigin(new SegmentId(7), new CollectionId(100), new PartitionId(2), new VChannel("c_100v0"), 3, new Term(5), 1, default, default);
        var written = await SegmentWriter.WriteAsync(store, origin, Sample.Rows(), new long[] { 1, 2, 3 }, CancellationToken.None);
        Fuzz(written.Manifest.Encode(), null, bytes => SegmentManifest.Decode(bytes, "manifest"));
    }

    [Fact]
    public void Object_footers() =>
        Fuzz(new LocalObjectFooter(100, 3, 7).ToBytes(), null, bytes => LocalObjectFooter.Parse("key", bytes, 132));

    [Fact]
    public void Snapshots_and_journal_records_also_under_a_checksum_that_fits()
    {
        var state = new MetaState();
        var write = new MetaRecord.Write(2, 2, [new MetaOperation.Put("a", new byte[] { 1, 2 }, 1), new MetaOperation.Delete("b")]);
        state.Apply(new MetaRecord.Grant(1, 1, TimeSpan.FromSeconds(1)));
        state.Apply(write);
        Fuzz(
            MetaSnapshotFormat.Encode(3, state),
            bytes => BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(bytes.Length - 4), Crc32C.Of(bytes.AsSpan(0, bytes.Length - 4))),
            bytes => MetaSnapshotFormat.Decode(3, bytes, "snapshot"));
        var journal = new ArrayBufferWriter<byte>();
        MetaJournalFormat.Append(write, 1, journal);
        Fuzz(journal.WrittenSpan.ToArray(), null, bytes => MetaJournalFormat.TryRead(bytes));
        Fuzz(journal.WrittenSpan[MetaJournalFormat.RecordHeaderBytes..].ToArray(), null, bytes => MetaJournalFormat.ReadPayload(2, bytes, "payload"));
    }

    private static void Touch(Column column)
    {
        var writer = new ArrayBufferWriter<byte>();
        ColumnCodec.Encode(column, writer);
    }

    private static void Reseal(byte[] bytes)
    {
        if (bytes.Length > 16)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(bytes.Length - 16), Crc32C.Mask(Crc32C.Of(bytes.AsSpan(0, bytes.Length - 16))));
        }
    }

    private static void Fuzz(byte[] good, Action<byte[]>? reseal, Action<byte[]> decode)
    {
        decode(good);
        var random = new Random(good.Length);
        for (var round = 0; round < Rounds; round++)
        {
            var bytes = Damage(good, random);
            if (reseal is not null && random.Next(2) == 0 && bytes.Length > 4)
            {
                reseal(bytes);
            }

            try
            {
                decode(bytes);
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
            {
                Assert.NotEmpty(e.Message);
            }
            catch (Exception e)
            {
                Assert.Fail($"round {round}, {Convert.ToHexString(bytes)}: {e}");
            }
        }
    }

    private static byte[] Damage(byte[] good, Random random)
    {
        var bytes = random.Next(6) switch
        {
            0 => good[..random.Next(good.Length + 1)],
            1 => [.. good, .. new byte[random.Next(40)]],
            2 => new byte[random.Next(200)],
            _ => (byte[])good.Clone(),
        };
        if (bytes.Length == 0)
        {
            return bytes;
        }

        for (var i = random.Next(1, 5); i > 0; i--)
        {
            var at = random.Next(bytes.Length);
            bytes[at] = random.Next(4) switch { 0 => 0xFF, 1 => 0x7F, 2 => 0, _ => (byte)random.Next(256) };
        }

        if (random.Next(3) == 0 && bytes.Length >= 8)
        {
            int[] extremes = [int.MaxValue, int.MinValue, -1, 0x20000000, 0x40000001];
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(random.Next(bytes.Length - 4)), extremes[random.Next(extremes.Length)]);
        }

        return bytes;
    }
}
