using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Woodpecker.Metadata;

/// <summary>What one process needs of a log that it reads: <paramref name="Segment"/> and all above. It counts as long as it is written again and again.</summary>
internal sealed record LogReaderRecord(long Segment) : DurableRecord;

/// <summary>A reader's record as it was listed.</summary>
internal readonly record struct ListedReader(string Key, long Segment, long ModRevision);

[JsonSerializable(typeof(LogReaderRecord))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
internal sealed partial class ReaderJson : JsonSerializerContext
{
    public static byte[] Write(LogReaderRecord record) => JsonSerializer.SerializeToUtf8Bytes(record, Default.LogReaderRecord);

    public static LogReaderRecord Read(string key, ReadOnlySpan<byte> bytes) => DurableRecord.Read(key, bytes, Default.LogReaderRecord);
}

/// <summary>The leases of readers (W12). Nobody else writes a process's own record, so these are plain puts; what tells a living one is that its revision changes.</summary>
internal sealed partial class LogMetadata
{
    public ValueTask<bool> PutReadersAsync(IReadOnlyCollection<(string Log, long Segment)> readers, CancellationToken ct) => RetryAsync("leases of readers", async _ =>
    {
        foreach (var some in readers.Chunk(OperationsMax))
        {
            await store.TransactAsync([], [.. some.Select(r => (MetaOperation)new MetaOperation.Put(LogKeys.Reader(r.Log, writerId), ReaderJson.Write(new LogReaderRecord(r.Segment))))], ct);
        }

        return true;
    }, ct);

    public ValueTask<bool> RemoveReadersAsync(IReadOnlyCollection<string> logs, CancellationToken ct) => RetryAsync("leases of readers", async _ =>
    {
        foreach (var some in logs.Chunk(OperationsMax))
        {
            await store.TransactAsync([], [.. some.Select(log => (MetaOperation)new MetaOperation.Delete(LogKeys.Reader(log, writerId)))], ct);
        }

        return true;
    }, ct);

    /// <summary>Of all processes but this one.</summary>
    public async ValueTask<ImmutableArray<ListedReader>> ListReadersAsync(string log, CancellationToken ct) =>
        [.. (await store.RangeAsync(LogKeys.Readers(log), ct)).Entries
            .Where(e => e.Key != LogKeys.Reader(log, writerId))
            .Select(e => new ListedReader(e.Key, ReaderJson.Read(e.Key, e.Value.Span).Segment, e.ModRevision))];

    /// <summary>A record that was not written again; one that was meanwhile stays.</summary>
    public async ValueTask RemoveReaderAsync(ListedReader reader, CancellationToken ct) =>
        await store.TransactAsync([new MetaCompare.ModRevision(reader.Key, reader.ModRevision)], [new MetaOperation.Delete(reader.Key)], ct);
}
