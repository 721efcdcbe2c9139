using System.Text.Json;
using System.Text.Json.Serialization;
using MiniMilvus.Core;

namespace MiniMilvus.Woodpecker.Metadata;

/// <summary>What metadata says about a log. <paramref name="Deleted"/> marks one whose files are being removed.</summary>
internal sealed record LogRecord(long Epoch, string WriterId, long TruncatedSegment, long TruncatedEntry, bool Deleted) : DurableRecord
{
    [JsonIgnore]
    public LogPosition TruncatedUntil => new(TruncatedSegment, TruncatedEntry);

    public LogRecord WithTruncatedUntil(LogPosition until) => this with { TruncatedSegment = until.Segment, TruncatedEntry = until.Entry };
}

/// <summary>States only move down this list (W8); segments in files are never Sealed, for they need no other form.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<LogSegmentState>))]
internal enum LogSegmentState
{
    Active,
    Completed,
    Sealed,
    Truncated,
}

/// <summary>What metadata says about a log segment. <paramref name="LastEntry"/> is decided by the step to Completed (W4), −1 when it is empty.</summary>
internal sealed record LogSegmentRecord(long Number, LogSegmentState State, long LastEntry, long Epoch, string WriterId) : DurableRecord
{
    /// <summary>The exclusive end; meaningful unless Active.</summary>
    [JsonIgnore]
    public LogPosition End => new(Number, LastEntry + 1);

    /// <summary>Of a segment that is written under a lock: <see cref="LogLockRecord.Taken"/> of its writer, part of the keys of its blocks; else null.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? LockRevision { get; init; }

    /// <summary>The name of its sealed form, from the step to Sealed on; null before, and where there is no such form.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? SealedAs { get; init; }

    /// <summary>Nothing is left of the blocks that the sealed form was made of.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsSwept { get; init; }

    /// <summary>When it became Truncated, by the clock of who did it: from then on the retention time counts (W12). Records of before carry none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? TruncatedAt { get; init; }
}

/// <summary>A record with the revision to compare when it is replaced.</summary>
internal readonly record struct Versioned<T>(T Record, long ModRevision);

[JsonSerializable(typeof(LogRecord))]
[JsonSerializable(typeof(LogSegmentRecord))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
internal sealed partial class RecordJson : JsonSerializerContext
{
    public static byte[] Write(LogRecord record) => JsonSerializer.SerializeToUtf8Bytes(record, Default.LogRecord);

    public static byte[] Write(LogSegmentRecord record) => JsonSerializer.SerializeToUtf8Bytes(record, Default.LogSegmentRecord);

    public static LogRecord ReadLog(string key, ReadOnlySpan<byte> bytes) => DurableRecord.Read(key, bytes, Default.LogRecord);

    public static LogSegmentRecord ReadSegment(string key, ReadOnlySpan<byte> bytes) => DurableRecord.Read(key, bytes, Default.LogSegmentRecord);
}
