using System.Text.Json;
using System.Text.Json.Serialization;
using MiniMilvus.Core;

namespace MiniMilvus.Woodpecker.Metadata;

/// <summary>
/// Who may ack entries of a log whose store cannot fence, and how far they are acked (docs/decisions/0008-etcd-lock.md): everything of
/// <paramref name="Segment"/> below <paramref name="Entries"/>, which is its first <paramref name="Blocks"/> blocks, and all segments before.
/// </summary>
/// <param name="Taken">The revision of the log's record when the lock was taken: with the epoch the same of no other taking, not even by the same writer of an earlier log of that name.</param>
internal sealed record LogLockRecord(long Epoch, string WriterId, long Taken, long Segment, long Entries, long Blocks) : DurableRecord
{
    public static readonly LogLockRecord Free = new(0, "", 0, 0, 0, 0);

    [JsonIgnore]
    public LogPosition Confirmed => new(Segment, Entries);
}

[JsonSerializable(typeof(LogLockRecord))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
internal sealed partial class LockJson : JsonSerializerContext
{
    public static byte[] Write(LogLockRecord record) => JsonSerializer.SerializeToUtf8Bytes(record, Default.LogLockRecord);

    public static LogLockRecord Read(string key, ReadOnlySpan<byte> bytes) => DurableRecord.Read(key, bytes, Default.LogLockRecord);
}
