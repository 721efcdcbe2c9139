using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Inspection;

/// <summary>What metadata says of one log. <paramref name="Problem"/> names the first record that cannot be read.</summary>
internal sealed record LogRecords(LogRecord? Log, IReadOnlyDictionary<long, LogSegmentRecord> Segments, string? Problem)
{
    public static LogRecords Of(string log, MetaRange? known)
    {
        LogRecord? record = null;
        string? problem = null;
        var segments = new Dictionary<long, LogSegmentRecord>();
        var (own, below) = (LogKeys.Log(log), LogKeys.Segments(log));
        foreach (var entry in known?.Entries ?? [])
        {
            try
            {
                if (entry.Key == own)
                {
                    record = RecordJson.ReadLog(entry.Key, entry.Value.Span);
                }
                else if (entry.Key.StartsWith(below, StringComparison.Ordinal))
                {
                    var segment = RecordJson.ReadSegment(entry.Key, entry.Value.Span);
                    segments[segment.Number] = segment;
                }
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
            {
                problem ??= e.Message;
            }
        }

        return new LogRecords(record, segments, problem);
    }
}
