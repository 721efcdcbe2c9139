using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Fuzzing.Harness;
using MiniMilvus.Storage.Checksums;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Compaction;
using MiniMilvus.Woodpecker.Inspection;
using MiniMilvus.Woodpecker.Metadata;
using BlockPaths = MiniMilvus.Woodpecker.Objects.ObjectPaths;

namespace MiniMilvus.Fuzzing.Files;

/// <summary>A sealed segment, its index and its part as one sample: read and inspected by the production code after either was damaged.</summary>
public sealed class SealedLogTests
{
    private const string Name = "by-dev_0";
    private const string Form = "1-7";
    private const int Entries = 6;
    private const int Blocks = 2;
    private const int IndexBytes = 64 + (24 * Blocks) + 4;
    private static readonly WoodpeckerOptions Options = new() { CompactsSegments = false, ObjectRetryDelay = TimeSpan.FromMilliseconds(1), ForeignPollInterval = TimeSpan.FromMilliseconds(1) };

    [Fact]
    public async Task A_sealed_segment_that_was_damaged_is_refused_or_read_right() =>
        await Fuzz.RunAsync(new Subject($"log '{Name}', segment 0", [Sample(20), Sample(33)], bytes => new(ReadAsync(bytes)))
        {
            Reseal = Reseal,
            AllocatedBytesMax = 4 * 1024 * 1024,
        });

    private static byte[] Entry(int number, int bytes) => [(byte)number, .. Enumerable.Repeat((byte)bytes, bytes - 1)];

    private static byte[] Sample(int entryBytes)
    {
        var end = new LogPosition(0, Entries);
        var parts = new SealedParts(Name, end, BlockHeader.Bytes + (Entries / Blocks * (4 + entryBytes)), 100_000);
        for (var i = 0; i < Entries; i++)
        {
            var block = EncodedBlock.Encode([Entry(i, entryBytes)], 0, 1, new LogPosition(0, i), 1, end);
            Assert.Null(parts.Add(DecodedBlock.TryDecode(block.Header, block.TakePayload())!));
        }

        var part = parts.Finish()!.Value;
        Assert.Equal(Blocks, parts.Blocks.Count);
        var index = new SealedIndex(0, 1, parts.Blocks).Encode(Name);
        Assert.Equal(IndexBytes, index.Length);
        return [.. index, .. part.Bytes.Span];
    }

    private static async Task<string> ReadAsync(byte[] bytes)
    {
        var (store, meta) = (new MemoryObjectStore(), new MemoryMetaStore(TimeProvider.System));
        var sealedSegment = new LogSegmentRecord(0, LogSegmentState.Sealed, Entries - 1, 1, "writer-1") { SealedAs = Form, IsSwept = true };
        await meta.TransactAsync(
            [],
            [new MetaOperation.Put(LogKeys.Log(Name), RecordJson.Write(new LogRecord(1, "writer-1", 0, 0, false))), new MetaOperation.Put(LogKeys.Segment(Name, 0), RecordJson.Write(sealedSegment))],
            default);
        var split = Math.Min(IndexBytes, bytes.Length);
        await store.PutAsync(BlockPaths.SealedIndex(Name, 0, Form), new ReadOnlySequence<byte>(bytes[..split]), PutCondition.Always, default);
        await store.PutAsync(BlockPaths.SealedPart(Name, 0, Form, 0), new ReadOnlySequence<byte>(bytes[split..]), PutCondition.Always, default);
        await LogTests.InspectAsync(new LogInspector(store, _ => default, Options, TimeProvider.System));
        var damage = await FindDamageAsync(new LogInspector(store, async ct => await meta.RangeAsync("", ct), Options, TimeProvider.System));
        try
        {
            var answer = await ReadEntriesAsync(store, meta);
            return damage is null ? answer : throw MiniMilvusException.Corrupted(damage); // bytes that no reader needs
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
        {
            Assert.True(damage is not null, $"an inspection found nothing where a reader said: {e.Message}");
            throw;
        }
    }

    private static async Task<string?> FindDamageAsync(LogInspector inspector)
    {
        var log = await inspector.InspectAsync(Name, default);
        await foreach (var block in inspector.BlocksAsync(log, Assert.Single(log.Segments), payloads: true, default))
        {
            if (block.Verdict != BlockVerdict.Intact)
            {
                return $"{block.Where}: {block.Problem}";
            }
        }

        return null;
    }

    private static async Task<string> ReadEntriesAsync(MemoryObjectStore store, MemoryMetaStore meta)
    {
        await using var log = new ObjectWoodpecker(store, meta, Options, TimeProvider.System, NoStations.Instance, "reader");
        var sizes = new List<string>();
        await foreach (var entry in log.ReadAsync(Name, LogPosition.Beginning, new LogPosition(0, Entries), default))
        {
            var size = entry.Bytes.Length;
            sizes.Add(size > 0 && entry.Bytes.Span.SequenceEqual(Entry(sizes.Count, size)) ? $"{size}" : Convert.ToHexString(entry.Bytes.Span));
        }

        return string.Join(' ', sizes);
    }

    /// <summary>The payloads' checksums where the index says that the blocks lie, their headers', and the index's own.</summary>
    private static void Reseal(byte[] bytes)
    {
        if (bytes.Length < IndexBytes)
        {
            return;
        }

        var name = Encoding.ASCII.GetBytes(Name);
        var part = bytes.AsSpan(IndexBytes);
        for (var i = 0; i < Blocks; i++)
        {
            var row = bytes.AsSpan(64 + (24 * i), 24);
            var (at, size) = (BinaryPrimitives.ReadInt32LittleEndian(row[12..]), BinaryPrimitives.ReadInt32LittleEndian(row[16..]));
            if (at < 0 || size < BlockHeader.Bytes || (long)at + size > part.Length)
            {
                continue;
            }

            var block = part.Slice(at, size);
            var payload = Crc32C.Of(block[BlockHeader.Bytes..]);
            BinaryPrimitives.WriteUInt32LittleEndian(row[20..], payload);
            BinaryPrimitives.WriteUInt32LittleEndian(block[56..], payload);
            var place = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(place, at);
            var crc = Crc32C.Append(Crc32C.Append(Crc32C.Append(Crc32C.Start, place), name), block[..60]);
            BinaryPrimitives.WriteUInt32LittleEndian(block[60..], Crc32C.Finish(crc));
        }

        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(IndexBytes - 4), Crc32C.Finish(Crc32C.Append(Crc32C.Append(Crc32C.Start, name), bytes.AsSpan(0, IndexBytes - 4))));
    }
}
