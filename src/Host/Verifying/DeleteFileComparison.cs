using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.Host.Verifying;

/// <summary>One delete file beside the log: exactly the committed deletes of its shard between its positions, in the log's order (S7).</summary>
internal sealed class DeleteFileComparison(DeleteFileRecord record) : Comparison(FormattableString.Invariant($"delete file {record.Id}"), record.From)
{
    private DeleteBatch? _batch;
    private long _logged;

    public LogPosition Until => record.Until;

    public bool IsOpen => _batch is not null;

    protected override bool IsEnded => _logged >= record.Deletes;

    public bool Covers(LogPosition position) => record.From <= position && position < record.Until;

    public async ValueTask OpenAsync(IObjectStore store, CancellationToken ct)
    {
        try
        {
            _batch = await DeleteFile.ReadAsync(store, record.Path, record.Collection, ct);
        }
        catch (MiniMilvusException e) when (e.Kind is ErrorKind.Corrupted or ErrorKind.NotFound)
        {
            Obstacle ??= e.Message;
        }
    }

    /// <summary>Lets the file's content go; it is read again when it is needed.</summary>
    public void Close() => _batch = null;

    /// <summary>The next deletes of the log that lie between the file's positions.</summary>
    public void Take(LogMessage message, DeleteBody body)
    {
        if (Obstacle is null && _batch is { } batch)
        {
            Difference ??= FindDifference(batch, message, body);
            _logged += body.Keys.Count;
        }
    }

    public override void Conclude()
    {
        if (Obstacle is null && _logged != record.Deletes)
        {
            Difference ??= $"expected the {_logged} deletes that the log has from {record.From} to {record.Until}, found {record.Deletes}";
        }
    }

    public override bool IsStill(CatalogSnapshot now) => now.DeleteFilesOf(record.Channel).ContainsKey(record.Id);

    private string? FindDifference(DeleteBatch batch, LogMessage message, DeleteBody body)
    {
        var (keys, at) = (body.Keys, (int)Math.Min(_logged, batch.Count));
        var count = Math.Min(keys.Count, batch.Count - at);
        foreach (var (name, expected, found) in new (string, Column, Column)[]
        {
            ("key", keys, batch.Keys),
            ("tick", Numbers((long)message.CommitTick.Value, count), Numbers(batch.Ticks)),
            ("partition", Numbers(body.Partition.Value, count), Numbers(batch.Partitions)),
        })
        {
            if (ColumnComparison.CountSame(expected, found, at, count) is var same && same < count)
            {
                var (wanted, read) = ColumnComparison.Describe(expected, same, found, at + same);
                return $"delete {at + same}, key {ColumnComparison.Text(keys, same)}: expected {name} {wanted} as in entry {message.Position}, found {read}";
            }
        }

        return count < keys.Count ? $"expected the delete of key {ColumnComparison.Text(keys, count)} as in entry {message.Position}, found no more deletes" : null;
    }

    private static ScalarColumn<long> Numbers(long value, int count) => Numbers(Enumerable.Repeat(value, count).ToArray());

    private static ScalarColumn<long> Numbers(ReadOnlyMemory<long> values) => new(FieldId.Timestamp, DataType.Int64, values);
}
