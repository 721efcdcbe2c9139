using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;

namespace MiniMilvus.Coordinator.Ddl;

/// <summary>Partitions: an intent in the collection's record, a message in the log of every shard, then the commit (S11).</summary>
internal sealed class PartitionDdl(DdlContext context)
{
    public async ValueTask<long> CreateAsync(CreatePartition command, CancellationToken ct)
    {
        SchemaRules.CheckName("partition", command.Name);
        var (record, entry) = await context.RequireAsync(command.Database, command.Collection, ct);
        var partition = record.Partitions.FirstOrDefault(p => p.Name == command.Name && p.State != DdlState.Dropping);
        if (partition?.State == DdlState.Created)
        {
            return entry.ModRevision; // Milvus: creating what is there succeeds.
        }

        if (partition is null)
        {
            if (record.Partitions.Length >= context.Options.PartitionsMax)
            {
                throw new MiniMilvusException(ErrorKind.Invalid, ErrorReason.CapacityExceeded, $"collection '{record.Name}': expected at most {context.Options.PartitionsMax} partitions");
            }

            partition = new PartitionRecord(new PartitionId(await context.Ids.AllocateIdsAsync(1, ct)), command.Name, DdlState.Creating, await context.NowAsync(ct));
            await context.UpdateAsync(record with { Partitions = record.Partitions.Add(partition) }, entry, ct);
        }

        await context.AppendToShardsAsync(record, new CreatePartitionBody(record.Id, partition.Id), ct);
        return await SetStateAsync(command.Database, command.Collection, partition.Id, DdlState.Created, ct);
    }

    public async ValueTask<long> DropAsync(DropPartition command, CancellationToken ct)
    {
        var (record, entry) = await context.RequireAsync(command.Database, command.Collection, ct);
        if (command.Name == CollectionRecord.DefaultPartition)
        {
            throw MiniMilvusException.Invalid("default partition cannot be deleted");
        }

        var partition = record.Partitions.FirstOrDefault(p => p.Name == command.Name);
        if (partition is null)
        {
            return entry.ModRevision;
        }

        if (partition.State != DdlState.Dropping)
        {
            await SetStateAsync(command.Database, command.Collection, partition.Id, DdlState.Dropping, ct);
        }

        await context.AppendToShardsAsync(record, new DropPartitionBody(record.Id, partition.Id), ct);
        return await SetStateAsync(command.Database, command.Collection, partition.Id, null, ct);
    }

    private async ValueTask<long> SetStateAsync(string database, string collection, PartitionId id, DdlState? state, CancellationToken ct)
    {
        var (record, entry) = await context.RequireAsync(database, collection, ct);
        var partition = record.Partitions.First(p => p.Id == id);
        var partitions = state is { } next
            ? record.Partitions.Replace(partition, partition with { State = next })
            : record.Partitions.Remove(partition);
        return await context.UpdateAsync(record with { Partitions = partitions }, entry, ct);
    }
}
