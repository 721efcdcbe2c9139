using System.Globalization;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.Host.Verifying;

/// <summary>
/// One sealed segment beside the log: exactly the committed rows that the log assigned to it, in the log's order, each with its values and its
/// commit's tick (S1, S2, S10). Holds the segment's columns until it is disposed of; float vectors stay where they lie.
/// </summary>
internal sealed class SegmentComparison(SegmentRecord record, CollectionSchema schema) : Comparison(FormattableString.Invariant($"segment {record.Id}"), record.Start), IDisposable
{
    private readonly List<FileView> _views = [];
    private RowBatch? _rows;
    private ScalarColumn<long>? _ticks;
    private long _logged;
    private Timestamp _min = Timestamp.Max;
    private Timestamp _max;
    private LogPosition? _flush;

    public SegmentRecord Record => record;

    protected override bool IsEnded => _flush is not null;

    public async ValueTask OpenAsync(IObjectStore store, CancellationToken ct)
    {
        try
        {
            var reader = await SegmentReader.OpenAsync(store, record.ManifestPath, ct);
            if (reader.Manifest.Segment != record.Id)
            {
                Difference = $"expected its own manifest in '{record.ManifestPath}', found that of segment {reader.Manifest.Segment}";
            }

            _rows = await reader.ReadRowsAsync(ct, _views);
            _ticks = new ScalarColumn<long>(FieldId.Timestamp, DataType.Int64, await reader.ReadTicksAsync(ct));
        }
        catch (MiniMilvusException e) when (e.Kind is ErrorKind.Corrupted or ErrorKind.NotFound)
        {
            Obstacle = e.Message;
        }
    }

    public void Dispose()
    {
        foreach (var view in _views)
        {
            view.Dispose();
        }
    }

    /// <summary>The next message of the log that is about the segment.</summary>
    public void Take(LogMessage message)
    {
        switch (message.Body)
        {
            case InsertBody insert when Obstacle is null:
                Difference ??= FindDifference(message, insert);
                _logged += insert.Rows.Count;
                _min = message.CommitTick < _min ? message.CommitTick : _min;
                _max = Timestamp.Later(_max, message.CommitTick);
                break;
            case FlushBody when Obstacle is null:
                _flush = message.Position;
                break;
        }
    }

    public override void Conclude()
    {
        if (Obstacle is not null || _rows is not { } rows)
        {
            return;
        }

        if (_flush is null)
        {
            Difference ??= $"expected its Flush at {record.End} of log '{record.Channel.PChannel}', found the log's end before it";
            return;
        }

        Difference ??= _logged < rows.Count ? $"expected no row behind the {_logged} of the log, found {Row(rows, (int)_logged)}"
            : _flush != record.End ? $"expected its Flush at {record.End}, found it at {_flush}"
            : record.Rows != rows.Count ? $"expected {rows.Count} rows in the catalogue, found {record.Rows}"
            : record.MinTick != _min || record.MaxTick != _max ? $"expected ticks from {_min.Value} to {_max.Value} in the catalogue, found {record.MinTick.Value} to {record.MaxTick.Value}"
            : null;
        if (Difference is not null && _logged != rows.Count)
        {
            Difference += $"; the log has {_logged} rows of it, the files {rows.Count}";
        }
    }

    public override bool IsStill(CatalogSnapshot now) =>
        now.FindSegment(record.Collection, record.Id) is { State: SegmentState.Flushed } found && found.ManifestPath == record.ManifestPath;

    private string? FindDifference(LogMessage message, InsertBody insert)
    {
        var (rows, logged) = (_rows!, insert.Rows);
        if (_flush is { } flush)
        {
            return $"expected no row behind its Flush at {flush}, found {logged.Count} in entry {message.Position} (S1)";
        }

        if (insert.Partition != record.Partition || insert.SchemaVersion != record.SchemaVersion)
        {
            return $"expected partition {insert.Partition} and schema version {insert.SchemaVersion} as in entry {message.Position}, found {record.Partition} and {record.SchemaVersion}";
        }

        if (rows.Columns.FirstOrDefault(c => logged.Find(c.Field) is null) is { } surplus)
        {
            return $"expected no column {NameOf(surplus.Field)}, for entry {message.Position} has none, found one";
        }

        var at = (int)Math.Min(_logged, rows.Count);
        var count = Math.Min(logged.Count, rows.Count - at);
        var ticks = new ScalarColumn<long>(FieldId.Timestamp, DataType.Int64, Enumerable.Repeat((long)message.CommitTick.Value, count).ToArray());
        Column? expected = null, found = null;
        var same = count;

        // The key first: where rows are left out or added, every other column differs too.
        foreach (var column in logged.Columns.Where(c => c.Field == logged.PrimaryKeyColumn.Field).Append(ticks).Concat(logged.Columns.Where(c => c.Field != logged.PrimaryKeyColumn.Field)))
        {
            var beside = column == ticks ? _ticks : rows.Find(column.Field);
            if (beside is null)
            {
                return $"expected a column {NameOf(column.Field)} as in entry {message.Position}, found none";
            }

            if (ColumnComparison.CountSame(column, beside, at, same) is var equal && equal < same)
            {
                (same, expected, found) = (equal, column, beside);
            }
        }

        if (expected is null)
        {
            return logged.Count > count ? $"expected {Row(logged, count, at + count)} as in entry {message.Position}, found no more rows" : null;
        }

        var (wanted, read) = ColumnComparison.Describe(expected, same, found!, at + same);
        return $"{Row(logged, same, at + same)}, column {NameOf(expected.Field)}: expected {wanted} as in entry {message.Position}, found {read}";
    }

    private static string Row(RowBatch rows, int row, int? number = null) =>
        string.Create(CultureInfo.InvariantCulture, $"row {number ?? row}, key {ColumnComparison.Text(rows.PrimaryKeyColumn, row)}");

    private string NameOf(FieldId field) => field == FieldId.Timestamp ? "tick" : schema.Find(field) is { } known ? $"'{known.Name}'" : field.ToString();
}
