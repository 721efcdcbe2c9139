using System.Collections.Immutable;
using System.Text;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Rows;

namespace MiniMilvus.Proxy.Insert;

/// <summary>What one shard is to append, all or none of it.</summary>
internal sealed record ShardWrite(VChannel Channel, ImmutableArray<MessageBody> Messages, int Rows);

/// <summary>
/// Station 3: each row goes to the shard that its primary key's hash names, in messages of bounded size. A collection with one shard whose
/// rows fit in one message is passed on without a copy.
/// </summary>
internal sealed class RowRouter(ProxyOptions options)
{
    public ImmutableArray<ShardWrite> Route(CollectionRecord collection, PartitionId partition, RowBatch rows)
    {
        var bytes = rows.Columns.Sum(ColumnCodec.EncodedBytes);
        if (bytes > options.RequestBytesMax)
        {
            throw MiniMilvusException.Invalid(ErrorReason.MessageTooLarge, $"{rows.Count} rows take {bytes} bytes; expected at most {options.RequestBytesMax} in one request");
        }

        if (collection.Channels.Length == 1 && bytes <= options.MessageBytesMax)
        {
            return [new ShardWrite(collection.Channels[0], [Message(collection, partition, rows)], rows.Count)];
        }

        var shards = RowsOfShards(rows, collection.Channels.Length);
        var writes = ImmutableArray.CreateBuilder<ShardWrite>();
        for (var shard = 0; shard < shards.Length; shard++)
        {
            if (shards[shard].Count > 0)
            {
                var messages = Chunks(rows, shards[shard]).Select(chunk => (MessageBody)Message(collection, partition, rows.Take(chunk.Span)));
                writes.Add(new ShardWrite(collection.Channels[shard], [.. messages], shards[shard].Count));
            }
        }

        return writes.ToImmutable();
    }

    /// <summary>Deletes of these keys, by shard.</summary>
    public ImmutableArray<ShardWrite> RouteDeletes(CollectionRecord collection, PartitionId partition, Column keys)
    {
        var batch = new RowBatch(keys.Field, [keys]);
        var shards = RowsOfShards(batch, collection.Channels.Length);
        var writes = ImmutableArray.CreateBuilder<ShardWrite>();
        for (var shard = 0; shard < shards.Length; shard++)
        {
            if (shards[shard].Count > 0)
            {
                var messages = Chunks(batch, shards[shard]).Select(chunk => (MessageBody)new DeleteBody(collection.Id, partition, keys.Take(chunk.Span)));
                writes.Add(new ShardWrite(collection.Channels[shard], [.. messages], shards[shard].Count));
            }
        }

        return writes.ToImmutable();
    }

    private static InsertBody Message(CollectionRecord collection, PartitionId partition, RowBatch rows) =>
        new(collection.Id, partition, SegmentId.None, collection.Schema.Version, rows);

    private static List<int>[] RowsOfShards(RowBatch rows, int shards)
    {
        var of = new List<int>[shards];
        for (var shard = 0; shard < shards; shard++)
        {
            of[shard] = new List<int>(shards == 1 ? rows.Count : (rows.Count / shards) + 1);
        }

        for (var row = 0; row < rows.Count; row++)
        {
            of[(int)(rows.KeyAt(row).StableHash() % (uint)shards)].Add(row);
        }

        return of;
    }

    private List<ReadOnlyMemory<int>> Chunks(RowBatch rows, List<int> selected)
    {
        var all = selected.ToArray();
        var chunks = new List<ReadOnlyMemory<int>>();
        var start = 0;
        long bytes = 0;
        for (var i = 0; i < all.Length; i++)
        {
            var rowBytes = RowBytes(rows, all[i]);
            if (rowBytes > options.MessageBytesMax)
            {
                throw MiniMilvusException.Invalid(ErrorReason.MessageTooLarge, $"row {all[i]} takes {rowBytes} bytes; expected at most {options.MessageBytesMax}");
            }

            if (bytes + rowBytes > options.MessageBytesMax)
            {
                chunks.Add(all.AsMemory(start, i - start));
                start = i;
                bytes = 0;
            }

            bytes += rowBytes;
        }

        chunks.Add(all.AsMemory(start));
        return chunks;
    }

    private static long RowBytes(RowBatch rows, int row)
    {
        long bytes = 0;
        foreach (var column in rows.Columns)
        {
            bytes += (column.Valid is null ? 0 : 1) + column switch
            {
                FloatVectorColumn c => 4L * c.Dim,
                StringColumn c => 4L + Encoding.UTF8.GetByteCount(c.Values.Span[row]),
                JsonColumn c => 4L + c.Values.Span[row].Length,
                ScalarColumn<bool> => 1,
                ScalarColumn<int> or ScalarColumn<float> => 4,
                _ => 8,
            };
        }

        return bytes;
    }
}
