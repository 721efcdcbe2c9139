using System.Buffers;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.Storage.Tests.Segments;

public sealed class SegmentTests
{
    private static readonly long[] Ticks = [30, 10, 20];
    private readonly MemoryObjectStore _store = new();

    private static CancellationToken None => CancellationToken.None;

    private static SegmentOrigin Origin(long attempt = 1) => new(
        new SegmentId(7), new CollectionId(100), new PartitionId(2), new VChannel("by-dev-0_100v0"), 3, new Term(5), attempt, new LogPosition(1, 2), new LogPosition(3, 4));

    [Fact]
    public async Task A_segment_comes_back_as_it_was_written()
    {
        var (manifest, path) = await SegmentWriter.WriteAsync(_store, Origin(), Sample.Rows(), Ticks, None);
        Assert.Equal((3, new Timestamp(10), new Timestamp(30), 3, new Term(5)), (manifest.Rows, manifest.MinTick, manifest.MaxTick, manifest.SchemaVersion, manifest.Term));
        var reader = await SegmentReader.OpenAsync(_store, path, None);
        Assert.Equal(manifest.Encode(), reader.Manifest.Encode());
        Assert.Equal(Ticks, (await reader.ReadTicksAsync(None)).ToArray());
        var rows = await reader.ReadRowsAsync(None);
        Assert.Equal(Sample.Rows().Columns.Select(Sample.Bytes), rows.Columns.Select(Sample.Bytes));
        Assert.Equal(new PrimaryKey(2), rows.KeyAt(1));
        await Expect.KindAsync(ErrorKind.NotFound, async () => await reader.ReadColumnAsync(new FieldId(999), None));
    }

    [Fact]
    public async Task The_manifest_comes_last_and_another_attempt_overwrites_nothing()
    {
        var (_, first) = await SegmentWriter.WriteAsync(_store, Origin(1), Sample.Rows(), Ticks, None);
        var before = await KeysAsync();
        var (_, second) = await SegmentWriter.WriteAsync(_store, Origin(2), Sample.Rows(), Ticks, None);
        Assert.NotEqual(first, second);
        Assert.Equal(2 * before.Count, (await KeysAsync()).Count);
        foreach (var key in before)
        {
            Assert.Equal(Origin().Segment, ObjectPaths.ParseSegment(key)!.Value.Segment);
        }
    }

    [Fact]
    public async Task Damage_to_any_object_of_a_segment_is_corruption_that_names_it()
    {
        var (manifest, path) = await SegmentWriter.WriteAsync(_store, Origin(), Sample.Rows(), Ticks, None);
        foreach (var file in manifest.Files)
        {
            var good = (await _store.GetAsync(file.Path, None)).ToArray();
            for (var at = 0; at < good.Length; at++)
            {
                var bad = (byte[])good.Clone();
                bad[at] ^= 0x20;
                await _store.PutAsync(file.Path, new ReadOnlySequence<byte>(bad), PutCondition.Always, None);
                var reader = await SegmentReader.OpenAsync(_store, path, None);
                var e = await Expect.KindAsync(ErrorKind.Corrupted, async () => await reader.ReadColumnAsync(file.Field, None));
                Assert.Contains(file.Path, e.Message, StringComparison.Ordinal);
            }

            await _store.PutAsync(file.Path, new ReadOnlySequence<byte>(good), PutCondition.Always, None);
        }
    }

    [Fact]
    public async Task A_column_of_another_segment_in_its_place_is_corruption()
    {
        var (manifest, path) = await SegmentWriter.WriteAsync(_store, Origin(), Sample.Rows(), Ticks, None);
        var other = ColumnFile.Encode(new ScalarColumn<long>(FieldId.Timestamp, DataType.Int64, new long[] { 1, 2, 4 }));
        await _store.PutAsync(manifest.Files[^1].Path, new ReadOnlySequence<byte>(other), PutCondition.Always, None);
        var reader = await SegmentReader.OpenAsync(_store, path, None);
        await Expect.KindAsync(ErrorKind.Corrupted, async () => await reader.ReadTicksAsync(None));
    }

    [Fact]
    public async Task Values_of_a_column_file_lie_aligned_for_a_memory_map()
    {
        var (manifest, _) = await SegmentWriter.WriteAsync(_store, Origin(), Sample.Rows(), Ticks, None);
        Assert.Equal(0, (ColumnFile.HeaderBytes + ColumnCodec.HeaderBytes) % 64);
        Assert.All(manifest.Files, f => Assert.EndsWith("-1.col", f.Path, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Index_and_delete_files_come_back_and_belong_to_whom_they_say()
    {
        var of = new IndexedColumn(new SegmentId(7), 0xDEADBEEF);
        await IndexFile.WriteAsync(_store, "i", 55, of, new ReadOnlySequence<byte>([1, 2, 3]), None);
        Assert.Equal([1, 2, 3], (await IndexFile.ViewAsync(_store, "i", 55, of, None)).Content.ToArray());
        Assert.Equal([1, 2, 3], (await IndexFile.ViewAsync(_store, "i", 55, null, None)).Content.ToArray());
        await Expect.KindAsync(ErrorKind.Corrupted, async () => await IndexFile.ViewAsync(_store, "i", 56, of, None));
        await Expect.KindAsync(ErrorKind.Corrupted, async () => await IndexFile.ViewAsync(_store, "i", 55, of with { Segment = new SegmentId(8) }, None));
        await Expect.KindAsync(ErrorKind.Corrupted, async () => await IndexFile.ViewAsync(_store, "i", 55, of with { Checksum = 1 }, None));
        var batch = Sample.Deletes();
        await DeleteFile.WriteAsync(_store, "d", batch, None);
        var read = await DeleteFile.ReadAsync(_store, "d", batch.Collection, None);
        Assert.Equal((batch.From, batch.Until, batch.MaxTick, 2), (read.From, read.Until, read.MaxTick, read.Count));
        Assert.Equal(Sample.Bytes(batch.Keys), Sample.Bytes(read.Keys));
        Assert.Equal(batch.Partitions.ToArray(), read.Partitions.ToArray());
        await Expect.KindAsync(ErrorKind.Corrupted, async () => await DeleteFile.ReadAsync(_store, "d", new CollectionId(1), None));
    }

    private async Task<List<string>> KeysAsync()
    {
        var keys = new List<string>();
        await foreach (var info in _store.ListAsync("", None))
        {
            keys.Add(info.Key);
        }

        return keys;
    }
}
