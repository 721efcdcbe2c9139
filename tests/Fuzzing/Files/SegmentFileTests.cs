using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using MiniMilvus.Core;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Fuzzing.Harness;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Hnsw;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Sealed;
using MiniMilvus.Index.Vectors;
using MiniMilvus.Storage.Backups;
using MiniMilvus.Storage.Checksums;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;
using MiniMilvus.Storage.Tests.Segments;

namespace MiniMilvus.Fuzzing.Files;

/// <summary>Column, delete, index and manifest files, and the local object around each.</summary>
public sealed class SegmentFileTests
{
    private static readonly IndexedColumn s_indexed = new(new SegmentId(7), 0x01020304);

    [Fact]
    public async Task A_damaged_column_file_is_refused_or_read_right()
    {
        foreach (var column in Sample.Columns())
        {
            var other = column.Take([2, 1, 0, 1]);
            await Fuzz.RunAsync(new Subject(
                "columns/x.col", [ColumnFile.Encode(column).ToArray(), ColumnFile.Encode(other).ToArray()],
                bytes => new(Shown(ColumnFile.Decode(bytes, column.Field, "columns/x.col")))) { Reseal = Reseal });
        }
    }

    [Fact]
    public async Task A_damaged_delete_file_is_refused_or_read_right()
    {
        var one = Sample.Deletes();
        var two = one with { Keys = one.Keys.Take([1, 0, 1]), Ticks = new long[] { 1, 2, 3 }, Partitions = new long[] { 4, 5, 6 }, Until = new LogPosition(9, 9) };
        await Fuzz.RunAsync(new Subject("deletes/x.del", [DeleteFile.Encode(one).ToArray(), DeleteFile.Encode(two).ToArray()], bytes =>
        {
            var read = DeleteFile.Decode(bytes, one.Collection, "deletes/x.del");
            return new($"{read.From} {read.Until} {Shown(read.Keys)} {string.Join(',', read.Ticks.ToArray())} {string.Join(',', read.Partitions.ToArray())} {read.MaxTick}");
        }) { Reseal = Reseal });
    }

    [Fact]
    public async Task A_damaged_index_file_is_refused_or_answers_right()
    {
        var values = new float[60 * 4];
        var random = new Random(1);
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = i < 8 ? 1 : random.NextSingle(); // the first two rows are twins
        }

        var source = new ContiguousVectors(new VectorSpace(MetricType.L2, 4), values);
        var pool = new HnswScratchPool();
        await Fuzz.RunAsync(new Subject("index/x.idx", [Graph(source, 4, 1), Graph(source, 6, 2)], bytes =>
        {
            HnswGraph graph;
            try
            {
                graph = HnswGraph.Read(IndexFile.Decode(bytes, 5, "index/x.idx").Span, source);
            }
            catch (InvalidDataException e)
            {
                throw Core.Errors.MiniMilvusException.Corrupted($"index/x.idx: {e.Message}", e); // as the sealed loader does
            }

            var stats = default(SearchStats);
            var neighbours = new Neighbor[5];
            var count = graph.Search(values.AsSpan(40, 4), new HnswSearch(5, 10) { Path = HnswPath.Walk }, pool, neighbours, ref stats);
            var found = neighbours[..count].Select(n => n.Key).ToArray();
            Assert.All(found, row => Assert.InRange(row, 0, 59));
            Assert.Equal(found.Distinct(), found);
            var again = new ArrayBufferWriter<byte>();
            graph.WriteTo(again);
            return new($"{string.Join(',', found)} {Convert.ToHexString(again.WrittenSpan)}");
        }) { Reseal = Reseal });
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task A_damaged_file_of_a_sealed_graph_is_refused_or_safe_to_search(bool quantize)
    {
        var values = new float[60 * 4];
        var random = new Random(1);
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = i < 8 ? 1 : random.NextSingle(); // the first two rows are twins
        }

        var source = new ContiguousVectors(new VectorSpace(MetricType.L2, 4), values);
        var pool = new HnswScratchPool();
        await Fuzz.RunAsync(new Subject("index/x.idx", [Sealed(source, 4, 1, quantize), Sealed(source, 6, 2, quantize)], bytes =>
        {
            try
            {
                var content = IndexFile.Decode(bytes, 5, "index/x.idx", s_indexed).ToArray();
                using var graph = SealedGraph.Open(content, source);
                var stats = default(SearchStats);
                var neighbours = new Neighbor[5];
                var count = graph.Search(values.AsSpan(40, 4), new HnswSearch(5, 10) { Path = HnswPath.Walk, RefineK = 2 }, pool, neighbours, ref stats);
                var found = neighbours[..count].Select(n => n.Key).ToArray();
                Assert.Equal(5, count);
                Assert.All(found, row => Assert.InRange(row, 0, 59));
                Assert.Equal(found.Distinct(), found);
                return new($"{string.Join(',', found)} {Convert.ToHexString(content)}");
            }
            catch (InvalidDataException e)
            {
                throw Core.Errors.MiniMilvusException.Corrupted($"index/x.idx: {e.Message}", e); // as the sealed loader does
            }
        }) { Reseal = Reseal });
    }

    [Fact]
    public async Task A_damaged_manifest_is_refused_or_read_right()
    {
        var store = new MemoryObjectStore();
        var samples = new List<byte[]>();
        foreach (var attempt in new[] { 1L, 20L })
        {
            var origin = new SegmentOrigin(new SegmentId(7), new CollectionId(100), new PartitionId(2), new VChannel("by-dev-0_100v0"), 3, new Term(5), attempt, default, new LogPosition(attempt, 2));
            samples.Add((await SegmentWriter.WriteAsync(store, origin, Sample.Rows(), new long[] { 1, 2, 3 }, default)).Manifest.Encode());
        }

        await Fuzz.RunAsync(new Subject("segments/manifest.json", samples, bytes =>
        {
            var read = SegmentManifest.Decode(bytes, "segments/manifest.json");
            Assert.All(read.Files, f => Assert.NotNull(f.Path));
            Assert.NotNull(read.Channel.Name);
            return new(Encoding.UTF8.GetString(read.Encode()));
        }) { Reseal = ResealManifest });
    }

    [Fact]
    public Task A_damaged_manifest_of_a_backup_is_refused_or_read_right()
    {
        var sample = Sample.Backup();
        return Fuzz.RunAsync(new Subject("backup.json", [sample.Encode(), (sample with { Segments = [], HighestAutoId = 0 }).Encode()], bytes =>
        {
            var read = BackupManifest.Decode(bytes, "backup.json");
            Assert.All(read.Segments, s => Assert.NotNull(s.ManifestPath));
            Assert.All(read.Shards, s => Assert.NotNull(s.Channel.Name));
            Assert.NotNull(read.Collection.Schema);
            return new(Encoding.UTF8.GetString(read.Encode()));
        }) { Reseal = ResealManifest });
    }

    [Fact]
    public async Task A_damaged_object_file_is_refused_or_read_right()
    {
        var samples = new List<byte[]>();
        foreach (var content in new[] { "first content"u8.ToArray(), new byte[600] })
        {
            var disk = new SimulatedDisk(TimeProvider.System, 1);
            var store = await LocalObjectStore.OpenAsync(disk.Mount(), "objects", default);
            await store.PutAsync("a/b", new ReadOnlySequence<byte>(content), PutCondition.Always, default);
            samples.Add(await MetaFiles.ReadAsync(disk.Mount(), "objects/a/b", default));
        }

        await Fuzz.RunAsync(new Subject("object 'a/b'", samples, async bytes =>
        {
            var disk = new SimulatedDisk(TimeProvider.System, 1).Mount();
            await disk.CreateFolderAsync("objects/a", default);
            await MetaFiles.WriteWholeAsync(disk, "objects/a/b", bytes, default);
            var store = LocalObjectStore.View(disk, "objects");
            var head = await store.HeadAsync("a/b", default);
            var content = await store.GetAsync("a/b", default);
            await store.GetRangeAsync("a/b", 3, 100, default);
            return $"{head} {Convert.ToHexString(content.Span)}";
        })
        {
            Reseal = bytes =>
            {
                if (bytes.Length >= LocalObjectFooter.Size)
                {
                    var footer = bytes.AsSpan(bytes.Length - LocalObjectFooter.Size);
                    BinaryPrimitives.WriteUInt32LittleEndian(footer[24..], Crc32C.Of(bytes.AsSpan(0, bytes.Length - LocalObjectFooter.Size)));
                    BinaryPrimitives.WriteUInt32LittleEndian(footer[28..], Crc32C.Of(footer[..28]));
                }
            },
        });
    }

    private static string Shown(Column column) => Sample.Bytes(column);

    private static byte[] Graph(VectorSource source, int m, ulong seed)
    {
        var content = new ArrayBufferWriter<byte>();
        HnswGraph.Build(source, new HnswOptions { M = m, EfConstruction = 20, Seed = seed }, default).WriteTo(content);
        return IndexFile.Encode(5, s_indexed, new ReadOnlySequence<byte>(content.WrittenMemory)).ToArray();
    }

    private static byte[] Sealed(VectorSource source, int m, ulong seed, bool quantize) => IndexFile.Encode(
        5, s_indexed, new ReadOnlySequence<byte>(HnswGraph.Build(source, new HnswOptions { M = m, EfConstruction = 20, Seed = seed }, default).Seal(quantize))).ToArray();

    private static void Reseal(byte[] bytes)
    {
        if (bytes.Length > 16)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(bytes.Length - 16), Crc32C.Mask(Crc32C.Of(bytes.AsSpan(0, bytes.Length - 16))));
        }
    }

    private static void ResealManifest(byte[] bytes)
    {
        var property = ",\n  \"Checksum\": \""u8;
        var at = bytes.AsSpan().LastIndexOf(property);
        if (at >= 0)
        {
            var end = bytes.AsSpan(at + property.Length);
            Encoding.ASCII.GetBytes($"{Crc32C.Of(bytes.AsSpan(0, at)):x8}").AsSpan(0, Math.Min(8, end.Length)).CopyTo(end);
        }
    }
}
