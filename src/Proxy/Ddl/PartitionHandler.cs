using System.Globalization;
using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Proxy.Errors;

namespace MiniMilvus.Proxy.Ddl;

/// <summary>Partitions: create, drop, list, ask.</summary>
internal sealed class PartitionHandler(Catalogue catalogue, SchemaValidator validator, RowCounter counter, ProxyOptions options)
{
    public async ValueTask<Status> CreateAsync(string database, CreatePartitionRequest request, CancellationToken ct)
    {
        validator.Name("partition", request.PartitionName);
        var collection = await catalogue.FreshCollectionAsync(database, request.CollectionName, ct);
        RefusePartitionKey(collection);
        if (collection.FindPartition(request.PartitionName) is not null)
        {
            return StatusMapper.Success(); // as in Milvus
        }

        if (collection.Partitions.Length >= options.PartitionsMax)
        {
            throw MiniMilvusException.Invalid(ErrorReason.CapacityExceeded, $"collection '{collection.Name}': expected at most {options.PartitionsMax} partitions, it has them");
        }

        await catalogue.ExecuteAsync(new CreatePartition(database, collection.Name, request.PartitionName), ct);
        return StatusMapper.Success();
    }

    public async ValueTask<Status> DropAsync(string database, DropPartitionRequest request, CancellationToken ct)
    {
        var collection = await catalogue.FreshCollectionAsync(database, request.CollectionName, ct);
        RefusePartitionKey(collection);
        if (request.PartitionName == CollectionRecord.DefaultPartition)
        {
            throw MiniMilvusException.Invalid($"the partition {CollectionRecord.DefaultPartition} cannot be dropped");
        }

        // In any state: an interrupted drop is done when the log has it, not when it is on its way.
        if (collection.Partitions.Any(p => p.Name == request.PartitionName))
        {
            await catalogue.ExecuteAsync(new DropPartition(database, collection.Name, request.PartitionName), ct);
        }

        return StatusMapper.Success();
    }

    public async ValueTask<BoolResponse> HasAsync(string database, HasPartitionRequest request, CancellationToken ct)
    {
        var collection = await catalogue.FreshCollectionAsync(database, request.CollectionName, ct);
        return new BoolResponse { Status = StatusMapper.Success(), Value = collection.FindPartition(request.PartitionName) is not null };
    }

    /// <summary>The parallel arrays always have equal length: clients index them.</summary>
    public async ValueTask<ShowPartitionsResponse> ShowAsync(string database, ShowPartitionsRequest request, CancellationToken ct)
    {
        var collection = await catalogue.FreshCollectionAsync(database, request.CollectionName, ct);
        var wanted = request.PartitionNames.Where(n => n.Length > 0).ToList();
        var partitions = wanted.Count == 0 ? Catalogue.PartitionsOf(collection) : wanted.Select(n => Catalogue.Partition(collection, n));
        var answer = new ShowPartitionsResponse { Status = StatusMapper.Success() };
        foreach (var partition in partitions)
        {
            answer.PartitionNames.Add(partition.Name);
            answer.PartitionIDs.Add(partition.Id.Value);
            answer.CreatedTimestamps.Add(partition.CreatedAt.Value);
            answer.CreatedUtcTimestamps.Add((ulong)partition.CreatedAt.UnixMilliseconds);
            answer.InMemoryPercentages.Add(collection.IsLoaded ? 100 : 0);
        }

        return answer;
    }

    public async ValueTask<GetPartitionStatisticsResponse> StatisticsAsync(string database, GetPartitionStatisticsRequest request, CancellationToken ct)
    {
        var collection = await catalogue.FreshCollectionAsync(database, request.CollectionName, ct);
        var rows = await counter.CountAsync(collection, Catalogue.Partition(collection, request.PartitionName).Id, ct);
        var answer = new GetPartitionStatisticsResponse { Status = StatusMapper.Success() };
        answer.Stats.Add(new Contracts.Wire.Common.KeyValuePair { Key = "row_count", Value = rows.ToString(CultureInfo.InvariantCulture) });
        return answer;
    }

    private static void RefusePartitionKey(CollectionRecord collection)
    {
        if (collection.Schema.Fields.FirstOrDefault(f => f.IsPartitionKey) is { } field)
        {
            throw MiniMilvusException.Invalid($"collection '{collection.Name}' has the partition key '{field.Name}': its partitions cannot be managed");
        }
    }
}
