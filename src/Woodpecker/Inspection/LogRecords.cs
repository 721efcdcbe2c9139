using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Inspection;

/// <summary>What metadata says of one log. <paramref name="Problem"/> names the first record that cannot be read.</summary>
internal sealed record LogRecords(LogRecord? Log, IReadOnlyDictionary<long, LogSegmentRecord> Segments, LogLockRecord? Lock, string? Problem)
{
    /// <summary>Leases of readers elsewhere.</summary>
    public IReadOnlyList<(string Process, long Segment)> Readers { get; private init; } = [];

    public static LogRecords Of(string log, MetaRange? known)
    {
        LogRecord? record = null;
        LogLockRecord? held = null;
        string? problem = null;
        var segments = new Dictionary<long, LogSegmentRecord>();
        var readers = new List<(string Process, long Segment)>();
        var (own, below, leased) = (LogKeys.Log(log), LogKeys.Segments(log), LogKeys.Readers(log));
        foreach (var entry in known?.Entries ?? [])
        {
            try
            {
                if (entry.Key == own)
                {
                    record = RecordJson.ReadLog(entry.Key, entry.Value.Span);
                }
                else if (entry.Key == LogKeys.Lock(log))
                {
                    held = LockJson.Read(entry.Key, entry.Value.Span);
                }
                else if (entry.Key.StartsWith(below, StringComparison.Ordinal))
                {
                    var segment = RecordJson.ReadSegment(entry.Key, entry.Value.Span);
                    segments[segment.Number] = segment;
                }
                else if (entry.Key.StartsWith(leased, StringComparison.Ordinal))
                {
                    readers.Add((Uri.UnescapeDataString(entry.Key[leased.Length..]), ReaderJson.Read(entry.Key, entry.Value.Span).Segment));
                }
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
            {
                problem ??= e.Message;
            }
        }

        return new LogRecords(record, segments, held, problem ?? Contradiction(log, record, segments, held)) { Readers = readers };
    }

    /// <summary>A lock that its log cannot have: the metadata was restored in part, or a record went.</summary>
    private static string? Contradiction(string log, LogRecord? record, Dictionary<long, LogSegmentRecord> segments, LogLockRecord? held) =>
        record is null or { Deleted: true } ? null
        : held is null && segments.Values.FirstOrDefault(s => s.LockRevision is not null) is { } locked ? $"metadata {LogKeys.Lock(log)}: expected a lock, for segment {locked.Number} is written under one, found none"
        : held?.Epoch > record.Epoch ? $"metadata {LogKeys.Lock(log)}: expected a term up to {record.Epoch}, the log's epoch, found {held.Epoch}"
        : null;
}
