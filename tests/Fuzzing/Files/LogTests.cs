using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Fuzzing.Harness;
using MiniMilvus.Storage.Checksums;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Fuzzing.Files;

/// <summary>The log's files and objects: opened, recovered, read and inspected by the production code after one of them was damaged.</summary>
public sealed class LogTests
{
    private const string Name = "by-dev_0";
    private const string Segment = $"logs/{Name}/00000000.wal";
    private const string Epoch = $"logs/{Name}/EPOCH";
    private const int Entries = 6;
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(20);
    private static readonly WoodpeckerOptions Options = new()
    {
        PreallocateBytesFirst = 2048, PreallocateBytesMax = 2048, DiskUsedFractionMax = 1, DiskFreeBytesMin = 0, ReadBytes = 4096, TailBytesMax = 0,
        ForeignPollInterval = TimeSpan.FromMilliseconds(1), ForeignPollsPerMetadataLook = 1, ObjectRetryDelay = TimeSpan.FromMilliseconds(1), SyncIntervalMax = TimeSpan.Zero,
        CompactsSegments = false,
    };

    [Fact]
    public async Task An_unfinished_segment_that_was_damaged_is_refused_or_cut_where_nothing_vouches_for_more()
    {
        var samples = new[] { await FileAsync(20), await FileAsync(33) };
        await Fuzz.RunAsync(new Subject($"log '{Name}', segment 0", samples, bytes => new(FolderAsync(bytes, isFinished: false)))
        {
            Reseal = bytes => Reseal(bytes, Offsets(samples[0])),
            AllocatedBytesMax = 16 * 1024 * 1024,
            Cases = 500,
            IsRight = (sample, bytes, answer) => IsPrefix(answer, sample == 0 ? 20 : 33, Proven(bytes, samples[sample])) || IsPrefix(answer, sample == 0 ? 33 : 20, 0),
        });
    }

    [Fact]
    public async Task A_finished_segment_that_was_damaged_is_refused_or_read_right()
    {
        var samples = new[] { await FileAsync(20), await FileAsync(33) };
        await Fuzz.RunAsync(new Subject($"log '{Name}', segment 0", samples, bytes => new(FolderAsync(bytes, isFinished: true)))
        {
            Reseal = bytes => Reseal(bytes, Offsets(samples[0])),
            AllocatedBytesMax = 16 * 1024 * 1024,
            Cases = 500,
            IsRight = (_, _, answer) => IsPrefix(answer, 20, Entries) || IsPrefix(answer, 33, Entries),
        });
    }

    [Fact]
    public async Task A_damaged_epoch_file_neither_deposes_its_writer_nor_stops_the_next()
    {
        var whole = await EpochAsync();
        for (var number = 0; number < 300 * Fuzz.Times; number++)
        {
            var random = new Random(number);
            var hurt = Mutator.Apply((Mutation)(number % 10), whole, whole, random);
            var (disk, meta, log) = Start();
            await log.CreateAsync(Name, default);
            var writer = await log.OpenWriterAsync(Name, new Term(1), default);
            await OverwriteAsync(disk, Epoch, hurt);
            await (await writer.EnqueueAsync(Entry(0, 20), default)).Durable;
            disk.Kill();
            Assert.Equal("20", await ReadAsync(NewProcess(disk, meta)));
        }
    }

    [Fact]
    public async Task A_damaged_object_of_the_log_is_refused_or_read_right()
    {
        foreach (var isFinished in new[] { false, true })
        {
            for (var block = 0; block < Entries; block++)
            {
                var key = $"logs/{Name}/00000000/{block:D8}";
                var samples = new[] { await ObjectAsync(key, 20), await ObjectAsync(key, 33) };
                await Fuzz.RunAsync(new Subject($"log '{Name}', segment 0", samples, bytes => new(BucketAsync(key, bytes, isFinished)))
                {
                    Reseal = bytes => Reseal(bytes, [(0, block)]),
                    AllocatedBytesMax = 4 * 1024 * 1024,
                    Cases = 60,

                    // All objects but this one hold entries of 20 bytes.
                    IsRight = (sample, bytes, answer) => answer == Sizes(block) && bytes.AsSpan().SequenceEqual(samples[1]),
                });
            }
        }
    }

    [Fact]
    public async Task A_lost_object_of_the_log_is_corruption_and_not_its_end()
    {
        foreach (var isFinished in new[] { false, true })
        {
            for (var block = 0; block < Entries - 1; block++)
            {
                var key = $"logs/{Name}/00000000/{block:D8}";
                var error = await Assert.ThrowsAsync<MiniMilvusException>(() => BucketAsync(key, null, isFinished));
                Assert.Equal(ErrorKind.Corrupted, error.Kind);
                Assert.Contains($"log '{Name}', segment 0, block {block}", error.Message, StringComparison.Ordinal);
            }
        }
    }

    private static string Sizes(int other) => string.Join(' ', Enumerable.Range(0, Entries).Select(i => i == other ? 33 : 20));

    private static bool IsPrefix(string answer, int size, int atLeast) =>
        answer.Length == 0 ? atLeast == 0 : answer.Split(' ') is var found && found.Length >= atLeast && found.Length <= Entries && found.All(f => f == size.ToString());

    /// <summary>Where each block of a segment's file begins, and its number in the checksum (files: the offset).</summary>
    private static List<(int At, long Number)> Offsets(byte[] sample)
    {
        var found = new List<(int, long)>();
        for (var at = SegmentHeader.Bytes; BlockHeader.TryRead(sample.AsSpan(at), Name, at, out var header); at += BlockHeader.Bytes + header.PayloadBytes)
        {
            found.Add((at, at));
        }

        Assert.Equal(Entries, found.Count);
        return found;
    }

    /// <summary>How many entries an untouched header says were confirmed.</summary>
    private static int Proven(byte[] bytes, byte[] sample) => (int)Offsets(sample)
        .Where(o => bytes.Length >= o.At + BlockHeader.Bytes && bytes.AsSpan(o.At, BlockHeader.Bytes).SequenceEqual(sample.AsSpan(o.At, BlockHeader.Bytes)))
        .Select(o => BlockHeader.TryRead(sample.AsSpan(o.At), Name, o.At, out var header) ? header.Confirmed.Entry : 0)
        .Append(0).Max();

    private static void Reseal(byte[] bytes, IEnumerable<(int At, long Number)> blocks)
    {
        var name = Encoding.ASCII.GetBytes(Name);
        var isFile = bytes.AsSpan().StartsWith("WPSEG"u8);
        if (isFile && bytes.Length >= SegmentHeader.Bytes)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(60), Crc32C.Finish(Crc32C.Append(Crc32C.Append(Crc32C.Start, name), bytes.AsSpan(0, 60))));
        }

        foreach (var (at, number) in blocks.Where(b => bytes.Length >= b.At + BlockHeader.Bytes))
        {
            var payload = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + 8));
            if (payload >= 0 && payload <= bytes.Length - at - BlockHeader.Bytes)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at + 56), Crc32C.Of(bytes.AsSpan(at + BlockHeader.Bytes, payload)));
            }

            var place = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(place, number);
            var crc = Crc32C.Append(Crc32C.Append(Crc32C.Append(Crc32C.Start, place), name), bytes.AsSpan(at, 60));
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at + 60), Crc32C.Finish(crc));
        }
    }

    private static byte[] Entry(int number, int bytes) => [(byte)number, .. Enumerable.Repeat((byte)bytes, bytes - 1)];

    private static (SimulatedDisk Disk, IMetaStore Meta, LocalWoodpecker Log) Start()
    {
        var disk = new SimulatedDisk(TimeProvider.System, 1);
        var meta = new MemoryMetaStore(TimeProvider.System);
        return (disk, meta, NewProcess(disk, meta));
    }

    private static LocalWoodpecker NewProcess(SimulatedDisk disk, IMetaStore meta) =>
        new(disk.Mount(), meta, Options, TimeProvider.System, NoStations.Instance, $"writer-{disk.Steps}");

    private static async Task WriteAsync(IWoodpecker log, int entryBytes)
    {
        await log.CreateAsync(Name, default);
        var writer = await log.OpenWriterAsync(Name, new Term(1), default);
        for (var i = 0; i < Entries; i++)
        {
            await (await writer.EnqueueAsync(Entry(i, entryBytes), default)).Durable;
        }
    }

    private static async Task<byte[]> FileAsync(int entryBytes)
    {
        var (disk, _, log) = Start();
        await WriteAsync(log, entryBytes);
        return await MetaFiles.ReadAsync(disk.Mount(), Segment, default);
    }

    private static async Task<byte[]> EpochAsync()
    {
        var (disk, _, log) = Start();
        await WriteAsync(log, 20);
        return await MetaFiles.ReadAsync(disk.Mount(), Epoch, default);
    }

    private static async Task OverwriteAsync(SimulatedDisk disk, string path, byte[] bytes)
    {
        await using var file = await disk.Mount().OpenAsync(path, DiskOpenMode.OpenOrCreate, default);
        await file.SetLengthAsync(0, default);
        await file.WriteAtAsync(0, bytes, default);
    }

    /// <summary>A log whose writer was killed (or whose successor finished the segment), with other bytes in its first segment's file.</summary>
    private static async Task<string> FolderAsync(byte[] bytes, bool isFinished)
    {
        var (disk, meta, log) = Start();
        await WriteAsync(log, 20);
        disk.Kill();
        if (isFinished)
        {
            await NewProcess(disk, meta).OpenWriterAsync(Name, new Term(2), default);
            disk.Kill();
        }

        await OverwriteAsync(disk, Segment, bytes);
        await InspectAsync(new LogInspector(disk.Mount(), async ct => await meta.RangeAsync("", ct)));
        return await ReadAsync(NewProcess(disk, meta));
    }

    private static async Task<byte[]> ObjectAsync(string key, int entryBytes)
    {
        var store = new MemoryObjectStore();
        await WriteAsync(new ObjectWoodpecker(store, new MemoryMetaStore(TimeProvider.System), Options, TimeProvider.System, NoStations.Instance, "writer-1"), entryBytes);
        return (await store.GetAsync(key, default)).ToArray();
    }

    private static async Task<string> BucketAsync(string key, byte[]? bytes, bool isFinished)
    {
        var (store, meta) = (new MemoryObjectStore(), new MemoryMetaStore(TimeProvider.System));
        ObjectWoodpecker Process(string id) => new(store, meta, Options, TimeProvider.System, NoStations.Instance, id);
        await WriteAsync(Process("writer-1"), 20);
        if (isFinished)
        {
            await Process("writer-2").OpenWriterAsync(Name, new Term(2), default);
        }

        if (bytes is null)
        {
            await store.DeleteAsync(key, default);
        }
        else
        {
            await store.PutAsync(key, new ReadOnlySequence<byte>(bytes), PutCondition.Always, default);
        }

        await InspectAsync(new LogInspector(store, async ct => await meta.RangeAsync("", ct), Options, TimeProvider.System));
        return await ReadAsync(Process("writer-3"));
    }

    /// <summary>The entries as a new writer's process reads them: the size where the bytes are those that were written, else the bytes.</summary>
    private static async Task<string> ReadAsync(IWoodpecker log)
    {
        using var limit = new CancellationTokenSource(Hang);
        var writer = await log.OpenWriterAsync(Name, new Term(3), limit.Token);
        var sizes = new List<string>();
        await foreach (var entry in log.ReadAsync(Name, LogPosition.Beginning, writer.Confirmed, limit.Token))
        {
            var size = entry.Bytes.Length;
            sizes.Add(size > 0 && entry.Bytes.Span.SequenceEqual(Entry(sizes.Count, size)) ? $"{size}" : Convert.ToHexString(entry.Bytes.Span));
        }

        return string.Join(' ', sizes);
    }

    /// <summary>Damage is an answer of an inspection, never an error of its own.</summary>
    internal static async Task InspectAsync(LogInspector inspector)
    {
        using var limit = new CancellationTokenSource(Hang);
        await foreach (var log in inspector.InspectAllAsync(limit.Token))
        {
            foreach (var segment in log.Segments)
            {
                foreach (var payloads in new[] { false, true })
                {
                    await foreach (var block in inspector.BlocksAsync(log, segment, payloads, limit.Token))
                    {
                        Assert.NotNull(block);
                    }
                }
            }
        }
    }
}
