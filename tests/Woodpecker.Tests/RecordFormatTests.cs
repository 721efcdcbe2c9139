using System.Text;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.S3;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>docs/formats/log-records.md: what is written today is these bytes, and these bytes are read for ever.</summary>
public sealed class RecordFormatTests
{
    private const string Page = "docs/formats/log-records.md";
    private const string Log = """{"version":1,"epoch":3,"writerId":"node-1","truncatedSegment":2,"truncatedEntry":17,"deleted":false}""";
    private const string Active = """{"version":1,"number":4,"state":"Active","lastEntry":-1,"epoch":3,"writerId":"node-1"}""";
    private const string Sealed = """{"version":1,"number":3,"state":"Sealed","lastEntry":99,"epoch":3,"writerId":"node-1","lockRevision":12,"sealedAs":"3-8f2c","isSwept":true}""";
    private const string Truncated = """{"version":1,"number":1,"state":"Truncated","lastEntry":99,"epoch":3,"writerId":"node-1","truncatedAt":"2026-01-02T03:04:05+00:00"}""";
    private const string Lock = """{"version":1,"epoch":3,"writerId":"node-1","taken":12,"segment":4,"entries":40,"blocks":2}""";
    private const string Reader = """{"version":1,"segment":4}""";
    private const string Store = """{"version":1,"store":"generic bucket \u0027a\u0027","condition":"If-None-Match: *","conditionalPuts":"Honoured","readsAfterWrites":true,"evidence":"one of 8 racers won"}""";

    private static readonly LogSegmentRecord s_segment = new(4, LogSegmentState.Active, -1, 3, "node-1");
    private static readonly LogSegmentRecord s_sealed = new(3, LogSegmentState.Sealed, 99, 3, "node-1") { LockRevision = 12, SealedAs = "3-8f2c", IsSwept = true };
    private static readonly LogSegmentRecord s_truncated = new(1, LogSegmentState.Truncated, 99, 3, "node-1") { TruncatedAt = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero) };
    private static readonly StoreCapabilities s_store = new("generic bucket 'a'", "If-None-Match: *", ConditionalPuts.Honoured, true, "one of 8 racers won");

    private static readonly (string Golden, object Record, Func<byte[]> Write, Func<byte[], object> Read)[] s_records =
    [
        (Log, new LogRecord(3, "node-1", 2, 17, false), () => RecordJson.Write(new LogRecord(3, "node-1", 2, 17, false)), b => RecordJson.ReadLog("k", b)),
        (Active, s_segment, () => RecordJson.Write(s_segment), b => RecordJson.ReadSegment("k", b)),
        (Sealed, s_sealed, () => RecordJson.Write(s_sealed), b => RecordJson.ReadSegment("k", b)),
        (Truncated, s_truncated, () => RecordJson.Write(s_truncated), b => RecordJson.ReadSegment("k", b)),
        (Lock, new LogLockRecord(3, "node-1", 12, 4, 40, 2), () => LockJson.Write(new LogLockRecord(3, "node-1", 12, 4, 40, 2)), b => LockJson.Read("k", b)),
        (Reader, new LogReaderRecord(4), () => ReaderJson.Write(new LogReaderRecord(4)), b => ReaderJson.Read("k", b)),
        (Store, s_store, () => s_store.Encode(), b => StoreCapabilities.Decode(b)),
    ];

    public static TheoryData<int> Records => [.. Enumerable.Range(0, s_records.Length)];

    [Theory]
    [MemberData(nameof(Records))]
    public void A_record_is_written_as_the_page_shows_it_and_read_as_what_it_was(int index)
    {
        var (golden, record, write, read) = s_records[index];
        Assert.Equal(golden, Encoding.UTF8.GetString(write()));
        Assert.Equal(record, read(Encoding.UTF8.GetBytes(golden)));
        Assert.Contains(golden, PageText(), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Records))]
    public void A_record_of_before_there_were_versions_is_read_and_a_newer_one_is_refused_by_its_version(int index)
    {
        var (golden, record, _, read) = s_records[index];
        Assert.Equal(record, read(Encoding.UTF8.GetBytes(golden.Replace("\"version\":1,", "", StringComparison.Ordinal))));
        var e = Assert.Throws<MiniMilvusException>(() => read(Encoding.UTF8.GetBytes(golden.Replace("\"version\":1,", "\"version\":2,", StringComparison.Ordinal))));
        Assert.Equal(ErrorKind.Corrupted, e.Kind);
        Assert.Contains("expected a record of version 1 to 1, found version 2", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_hex_of_the_page_is_a_record()
    {
        var dump = string.Join('\n', Encoding.UTF8.GetBytes(Log).Chunk(16).Select((line, i) => $"{i * 16:x4}  {Convert.ToHexStringLower(line)}"));
        Assert.Contains(dump, PageText(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_keys_are_those_of_the_page()
    {
        string[] keys = [LogKeys.Log("by-dev_0"), LogKeys.Segment("by-dev_0", 4), LogKeys.Lock("by-dev_0"), LogKeys.Reader("by-dev_0", "node-2"), ObjectFences.Key];
        Assert.Equal(["woodpecker/logs/by-dev_0", "woodpecker/logs/by-dev_0/segments/00000004", "woodpecker/logs/by-dev_0/lock", "woodpecker/readers/by-dev_0/node-2", "woodpecker/store"], keys);
        Assert.All(keys, key => Assert.Contains($"`{key}`", PageText(), StringComparison.Ordinal));
    }

    private static string PageText()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "MiniMilvus.sln")))
        {
            folder = folder.Parent;
        }

        return File.ReadAllText(Path.Combine(folder.FullName, Page)).ReplaceLineEndings("\n");
    }
}
