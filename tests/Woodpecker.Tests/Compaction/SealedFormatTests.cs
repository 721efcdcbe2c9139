using System.Text;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Compaction;

namespace MiniMilvus.Woodpecker.Tests.Compaction;

/// <summary>docs/formats/log-sealed.md as bytes: what is written today is these, and these are read for ever.</summary>
public sealed class SealedFormatTests
{
    private const string Name = "golden";

    /// <summary>Log "golden", segment 2, written in term 3 and sealed in term 4: "first" and "second" merged into one block.</summary>
    private const string GoldenPart = """
        0000  5750424b010100001300000002000000
        0010  03000000000000000200000000000000
        0020  00000000000000000200000000000000
        0030  020000000000000051e822d51f5297d2
        0040  05000000666972737406000000736563
        0050  6f6e64
        """;

    private const string GoldenIndex = """
        0000  57505345414c00010200000000000000
        0010  04000000000000000200000000000000
        0020  53000000000000000100000001000000
        0030  00000000000000000000000000000000
        0040  00000000000000000000000000000000
        0050  5300000051e822d508789cbf
        """;

    [Fact]
    public void The_bytes_of_a_sealed_segment_are_those_of_the_format_page()
    {
        var parts = new SealedParts(Name, new LogPosition(2, 2), 1000, 1000);
        Assert.Null(parts.Add(Block("first", 0)));
        Assert.Null(parts.Add(Block("second", 1)));
        var part = parts.Finish()!.Value;
        Assert.Equal(GoldenPart, Dump(part.Bytes.ToArray()));
        Assert.Equal(GoldenIndex, Dump(new SealedIndex(2, 4, parts.Blocks).Encode(Name)));
    }

    [Fact]
    public void Bytes_of_version_1_are_read_as_long_as_this_project_lives()
    {
        var index = SealedIndex.Decode(Parse(GoldenIndex), Name, 2, "here");
        Assert.Equal((2L, 4L, 2L, 1), (index.Segment, index.Epoch, index.Entries, index.Parts));
        var block = SealedSegmentReader.TryDecode(index, Name, 0, Parse(GoldenPart), 0)!;
        Assert.Equal(["2/0 first", "2/1 second"], Enumerable.Range(0, 2).Select(i => $"{block[i].Position} {Encoding.UTF8.GetString(block[i].Bytes.Span)}"));
    }

    [Fact]
    public void Another_version_and_another_place_are_refused_and_named()
    {
        var bytes = Parse(GoldenIndex);
        bytes[7] = 2;
        Assert.Contains("expected version 1, found version 2", Refused(bytes, Name, 2), StringComparison.Ordinal);
        Assert.Contains("checksum", Refused(Parse(GoldenIndex), "other", 2), StringComparison.Ordinal);
        Assert.Contains("expected segment 3, found segment 2", Refused(Parse(GoldenIndex), Name, 3), StringComparison.Ordinal);
        for (var length = 0; length < bytes.Length; length++)
        {
            Refused(Parse(GoldenIndex)[..length], Name, 2);
        }
    }

    /// <summary>Blocks of any size and epoch: nothing is lost between them, each part but one that holds a single block keeps to its size.</summary>
    [Fact]
    public void Any_blocks_are_merged_without_a_gap_and_found_again()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var (blockBytes, partBytes) = (random.Next(1, 600), random.Next(600, 2000));
            var (entries, epoch, first) = (new List<byte[]>(), 1, 0);
            var parts = new SealedParts(Name, new LogPosition(2, 1000), blockBytes, partBytes);
            var objects = new List<SealedPart>();
            for (var blocks = random.Next(30); blocks > 0; blocks--)
            {
                var some = Enumerable.Range(0, random.Next(1, 5)).Select(_ => new byte[random.Next(0, random.Next(10) == 0 ? 3000 : 100)]).ToList();
                some.ForEach(random.NextBytes);
                epoch += random.Next(8) == 0 ? 1 : 0;
                if (parts.Add(Block(some, first, epoch)) is { } full)
                {
                    objects.Add(full);
                }

                entries.AddRange(some);
                first += some.Count;
            }

            if (parts.Finish() is { } last)
            {
                objects.Add(last);
            }

            var index = SealedIndex.Decode(new SealedIndex(2, 9, parts.Blocks).Encode(Name), Name, 2, $"seed {seed}");
            Assert.Equal((entries.Count, objects.Count, objects.Sum(o => (long)o.Bytes.Length)), ((int)index.Entries, index.Parts, index.Bytes));
            Assert.All(objects, o => Assert.True(o.Bytes.Length <= partBytes || index.Blocks.Count(b => b.Part == o.Number) == 1, $"seed {seed}: part {o.Number} has {o.Bytes.Length} bytes"));
            for (var i = 0; i < entries.Count; i++)
            {
                var number = index.Find(i);
                var lies = index.Blocks[number];
                var found = SealedSegmentReader.TryDecode(index, Name, number, objects[lies.Part].Bytes[lies.Offset..], number)!;
                Assert.Equal(entries[i], found[(int)(i - found.First.Entry)].Bytes.ToArray());
            }

            Assert.Equal(index.Blocks.Count, index.Find(entries.Count));
        }
    }

    private static DecodedBlock Block(string entry, long first) => Block([Encoding.UTF8.GetBytes(entry)], first, 3);

    private static DecodedBlock Block(IReadOnlyList<byte[]> entries, long first, long epoch)
    {
        var encoded = EncodedBlock.Encode([.. entries.Select(e => (ReadOnlyMemory<byte>)e)], 0, entries.Count, new LogPosition(2, first), epoch, new LogPosition(2, first));
        return DecodedBlock.TryDecode(encoded.Header, encoded.TakePayload())!;
    }

    private static string Refused(byte[] bytes, string log, long segment)
    {
        var e = Assert.Throws<MiniMilvusException>(() => SealedIndex.Decode(bytes, log, segment, "here"));
        Assert.Equal(ErrorKind.Corrupted, e.Kind);
        return e.Message;
    }

    /// <summary>16 bytes a line.</summary>
    private static string Dump(byte[] bytes) => string.Join('\n', bytes.Chunk(16).Select((line, i) => $"{i * 16:x4}  {Convert.ToHexStringLower(line)}"));

    private static byte[] Parse(string dump) => Convert.FromHexString(string.Concat(dump.Split('\n').Select(line => line[6..].Trim())));
}
