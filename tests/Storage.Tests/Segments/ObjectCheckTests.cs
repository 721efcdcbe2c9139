using System.Buffers;
using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.Storage.Tests.Segments;

/// <summary>The check of a bucket's objects: each kind broken on purpose is named, what is gone is told from what is being collected, nothing is put.</summary>
public sealed class ObjectCheckTests : IDisposable
{
    private static readonly CancellationToken Never = CancellationToken.None;
    private static readonly CollectionId Collection = new(100);
    private static readonly VChannel Channel = new("by-dev-0_100v0");
    private readonly MemoryObjectStore _store = new();
    private readonly CountingObjectStore _counted;
    private ImmutableArray<MetaEntry> _meta = [];

    public ObjectCheckTests() => _counted = new CountingObjectStore(_store);

    [Fact]
    public async Task Whole_objects_verify_and_nothing_is_put()
    {
        var keys = await WriteAsync();
        await PutAsync("logs/by-dev_0/00000000/00000000", [1, 2, 3]); // the log's, and none of ours
        var found = await CheckAsync();
        Assert.Equal(keys.Order(StringComparer.Ordinal), found.Select(f => f.Key).Order(StringComparer.Ordinal));
        Assert.All(found, f => Assert.Null(f.Problem));
        Assert.Equal(0, _counted.Totals.Puts + _counted.Totals.Deletes);
    }

    [Fact]
    public async Task A_flipped_bit_a_cut_and_a_loss_of_each_kind_of_object_are_named()
    {
        foreach (var key in await WriteAsync())
        {
            var whole = (await _store.GetAsync(key, Never)).ToArray();
            for (var at = 0; at < whole.Length; at += 1 + (whole.Length / 50))
            {
                var hurt = whole.ToArray();
                hurt[at] ^= 1;
                await PutAsync(key, hurt);
                Assert.True((await CheckAsync()).Any(f => f.Problem?.Contains(key, StringComparison.Ordinal) == true), $"byte {at} of {key}: {string.Join("; ", (await CheckAsync()).Select(f => f.Problem))}");
            }

            await PutAsync(key, whole[..^1]);
            Assert.Contains(await CheckAsync(), f => f.Problem?.Contains(key, StringComparison.Ordinal) == true);
            await _store.DeleteAsync(key, Never);
            Assert.Contains(await CheckAsync(), f => f.Problem?.Contains(key, StringComparison.Ordinal) == true);
            await PutAsync(key, whole);
        }

        Assert.All(await CheckAsync(), f => Assert.Null(f.Problem));
    }

    [Fact]
    public async Task A_manifest_that_metadata_does_not_name_may_lose_its_columns()
    {
        var keys = await WriteAsync();
        _meta = [];
        await _store.DeleteAsync(keys.First(k => k.EndsWith(".col", StringComparison.Ordinal)), Never);
        Assert.All(await CheckAsync(), f => Assert.Null(f.Problem));
    }

    [Fact]
    public async Task A_store_opened_for_reading_refuses_to_put_and_to_delete()
    {
        var store = new ReadOnlyObjectStore(_counted);
        foreach (var write in new Func<Task>[] { async () => await store.PutAsync("a", default, PutCondition.Always, Never), async () => await store.DeleteAsync("a", Never) })
        {
            Assert.Equal(ErrorKind.Invalid, (await Assert.ThrowsAsync<MiniMilvusException>(write)).Kind);
        }

        Assert.Equal(0, _counted.Totals.Requests);
    }

    public void Dispose() => _counted.Dispose();

    /// <summary>A segment with an index, and a delete file, as the catalogue names them.</summary>
    private async Task<List<string>> WriteAsync()
    {
        var origin = new SegmentOrigin(new SegmentId(7), Collection, new PartitionId(2), Channel, 3, new Term(5), 1, new LogPosition(1, 2), new LogPosition(3, 4));
        var (manifest, path) = await SegmentWriter.WriteAsync(_store, origin, Sample.Rows(), new long[] { 30, 10, 20 }, Never);
        var index = ObjectPaths.IndexFile(Collection, origin.Partition, origin.Segment, 55, 3);
        await IndexFile.WriteAsync(_store, index, 55, new IndexedColumn(origin.Segment, 1), new ReadOnlySequence<byte>("index bytes"u8.ToArray()), Never);
        var deletes = ObjectPaths.DeleteFile(Collection, Channel, 9);
        await PutAsync(deletes, DeleteFile.Encode(Sample.Deletes()).ToArray());
        var segment = new SegmentRecord
        {
            Id = origin.Segment, Collection = Collection, Partition = origin.Partition, Channel = Channel, State = SegmentState.Flushed, ManifestPath = path,
            Indexes = [new SegmentIndexRecord(55, new FieldId(101), index, 11)],
        };
        _meta =
        [
            Entry(CatalogKeys.Segment(Collection, origin.Segment), CatalogCodec.Encode(segment)),
            Entry(CatalogKeys.DeleteFile(Collection, Channel, 9), CatalogCodec.Encode(new DeleteFileRecord(9, Channel, Collection, deletes, 2, default, default, default))),
        ];
        return [.. manifest.Files.Select(f => f.Path), path, index, deletes];
    }

    private async Task<List<ObjectFinding>> CheckAsync() =>
        await new ObjectCheck((IObjectStore)_counted, _ => new ValueTask<MetaRange?>(new MetaRange(_meta, 1))).CheckAsync(Never).ToListAsync();

    private async Task PutAsync(string key, byte[] bytes) => await _store.PutAsync(key, new ReadOnlySequence<byte>(bytes), PutCondition.Always, Never);

    private static MetaEntry Entry(string key, ReadOnlyMemory<byte> value) => new(key, value, 1, 1, 1, 0);
}
