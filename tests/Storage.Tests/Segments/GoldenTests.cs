using System.Buffers;
using System.Text;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Backups;
using MiniMilvus.Storage.Checksums;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.Storage.Tests.Segments;

/// <summary>
/// Files written by version 1 and kept: they must still open, and today's writer must write the same bytes. Set MINIMILVUS_WRITE_GOLDEN to a folder to
/// write them again, which is right only together with a new format version.
/// </summary>
public sealed class GoldenTests
{
    private static string Folder => Path.Combine(AppContext.BaseDirectory, "Golden");

    [Fact]
    public void The_checksum_is_CRC32C() => Assert.Equal(0xE3069283u, Crc32C.Of("123456789"u8));

    [Fact]
    public async Task Column_and_index_files_of_version_1_still_open()
    {
        foreach (var column in Sample.Columns())
        {
            var old = await File.ReadAllBytesAsync(Path.Combine(Folder, $"column-{column.Field}.col"));
            Assert.Equal(1, old[8]);
            Assert.Equal(Sample.Bytes(column), Sample.Bytes(ColumnFile.Decode(old, column.Field, "golden")));
        }

        var index = await File.ReadAllBytesAsync(Path.Combine(Folder, "index.idx"));
        Assert.Equal(1, index[8]);
        Assert.Equal("index bytes", Encoding.ASCII.GetString(IndexFile.Decode(index, 55, "golden", new IndexedColumn(new SegmentId(7), 1)).Span));
    }

    [Fact]
    public async Task Column_and_index_files_of_version_2_and_delete_files_of_version_1_open_and_are_still_written()
    {
        foreach (var column in Sample.Columns())
        {
            var golden = await GoldenAsync($"column-2-{column.Field}.col", ColumnFile.Encode(column));
            Assert.Equal(Sample.Bytes(column), Sample.Bytes(ColumnFile.Decode(golden, column.Field, "golden")));
        }

        var deletes = await GoldenAsync("deletes.del", DeleteFile.Encode(Sample.Deletes()));
        Assert.Equal(2, DeleteFile.Decode(deletes, new CollectionId(100), "golden").Count);
        var of = new IndexedColumn(new SegmentId(7), 0x01020304);
        var index = await GoldenAsync("index-2.idx", IndexFile.Encode(55, of, new ReadOnlySequence<byte>("index bytes"u8.ToArray())));
        Assert.Equal("index bytes", Encoding.ASCII.GetString(IndexFile.Decode(index, 55, "golden", of).Span));
    }

    [Fact]
    public async Task A_manifest_of_version_1_still_opens_and_one_of_version_2_is_still_written()
    {
        var origin = new SegmentOrigin(
            new SegmentId(7), new CollectionId(100), new PartitionId(2), new VChannel("by-dev-0_100v0"), 3, new Term(5), 1, new LogPosition(1, 2), new LogPosition(3, 4));
        var (manifest, _) = await SegmentWriter.WriteAsync(new MemoryObjectStore(), origin, Sample.Rows(), new long[] { 30, 10, 20 }, CancellationToken.None);
        var golden = await GoldenAsync("manifest-2.json", manifest.Encode());
        Assert.Equal(manifest.Encode(), SegmentManifest.Decode(golden, "golden").Encode());
        var old = SegmentManifest.Decode(await File.ReadAllBytesAsync(Path.Combine(Folder, "manifest.json")), "golden");
        Assert.Equal(1, old.FormatVersion);
        Assert.Equal(manifest.Files.Select(f => f with { Bytes = f.Bytes - 32, Checksum = 0 }), old.Files.Select(f => f with { Checksum = 0 })); // columns of version 1
        Assert.Equal(manifest.Encode(), (old with { FormatVersion = SegmentManifest.CurrentVersion, Files = manifest.Files }).Encode());
    }

    [Fact]
    public async Task A_backups_manifest_of_version_1_opens_and_is_still_written()
    {
        var manifest = Sample.Backup();
        var golden = await GoldenAsync("backup-1.json", manifest.Encode());
        var read = BackupManifest.Decode(golden, "golden");
        Assert.Equal(manifest.Encode(), read.Encode());
        Assert.Equal((3L, 42L, new Timestamp(30)), (read.Rows, read.HighestAutoId, read.Tick));
        var newer = Assert.Throws<MiniMilvusException>(() => BackupManifest.Decode((manifest with { FormatVersion = 2 }).Encode(), "golden"));
        Assert.Equal("golden: expected a backup of version 1, found version 2; a newer MiniMilvus reads it", newer.Message);
    }

    [Theory]
    [InlineData("manifest-2.json")]
    [InlineData("backup-1.json")]
    public async Task Every_flipped_bit_of_a_manifest_is_seen(string name)
    {
        var golden = await File.ReadAllBytesAsync(Path.Combine(Folder, name));
        for (var bit = 0; bit < 8 * golden.Length; bit++)
        {
            var hurt = golden.ToArray();
            hurt[bit / 8] ^= (byte)(1 << (bit % 8));
            var error = Assert.Throws<MiniMilvusException>(() => _ = name[0] == 'm' ? SegmentManifest.Decode(hurt, "golden").Rows : BackupManifest.Decode(hurt, "golden").Rows);
            Assert.Equal(ErrorKind.Corrupted, error.Kind);
        }
    }

    [Fact]
    public async Task A_metadata_folder_of_version_1_still_opens_and_is_still_written()
    {
        var disk = new SimulatedDisk(TimeProvider.System, 1);
        var options = new EmbeddedMetaStoreOptions { JournalBytesMax = 512, DropLeasesAtOpen = false };
        await using (var store = await EmbeddedMetaStore.OpenAsync(disk.Mount(), "", TimeProvider.System, options, CancellationToken.None))
        {
            await store.TransactAsync([], [new MetaOperation.Put("a", "one"u8.ToArray())], CancellationToken.None);
            var lease = await store.GrantLeaseAsync(TimeSpan.FromSeconds(30), CancellationToken.None);
            await store.TransactAsync([], [new MetaOperation.Put("b", "two"u8.ToArray(), lease), new MetaOperation.Delete("a")], CancellationToken.None);
        }

        var copy = new SimulatedDisk(TimeProvider.System, 1);
        foreach (var name in new[] { "snapshot-000000000001", "journal-000000000001" })
        {
            var golden = await GoldenAsync(name, await MetaFiles.ReadAsync(disk.Mount(), name, CancellationToken.None));
            await MetaFiles.WriteWholeAsync(copy.Mount(), name, golden, CancellationToken.None);
        }

        await using var again = await EmbeddedMetaStore.OpenAsync(copy.Mount(), "", TimeProvider.System, options, CancellationToken.None);
        var entry = Assert.Single((await again.RangeAsync("", CancellationToken.None)).Entries);
        Assert.Equal(("b", "two", 3L, 2L), (entry.Key, Encoding.ASCII.GetString(entry.Value.Span), entry.ModRevision, entry.Lease));
    }

    private static async Task<byte[]> GoldenAsync(string name, ReadOnlyMemory<byte> today)
    {
        if (Environment.GetEnvironmentVariable("MINIMILVUS_WRITE_GOLDEN") is { Length: > 0 } folder)
        {
            await File.WriteAllBytesAsync(Path.Combine(folder, name), today.ToArray());
            return today.ToArray();
        }

        var golden = await File.ReadAllBytesAsync(Path.Combine(Folder, name));
        Assert.Equal(golden, today.ToArray());
        return golden;
    }
}
