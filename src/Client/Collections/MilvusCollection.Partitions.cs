using MiniMilvus.Contracts.Wire.Milvus;

namespace MiniMilvus.Client;

/// <content>Partitions.</content>
public sealed partial class MilvusCollection
{
    /// <summary>Creates a partition.</summary>
    public Task CreatePartitionAsync(string partitionName, CancellationToken cancellationToken = default) =>
        MilvusClient.CheckAsync(_client.Service.CreatePartitionAsync(
            new CreatePartitionRequest { CollectionName = Name, PartitionName = partitionName }, _client.Options(cancellationToken)));

    /// <summary>Drops a partition with its rows.</summary>
    public Task DropPartitionAsync(string partitionName, CancellationToken cancellationToken = default) =>
        MilvusClient.CheckAsync(_client.Service.DropPartitionAsync(
            new DropPartitionRequest { CollectionName = Name, PartitionName = partitionName }, _client.Options(cancellationToken)));

    /// <summary>Whether there is a partition of that name.</summary>
    public async Task<bool> HasPartitionAsync(string partitionName, CancellationToken cancellationToken = default)
    {
        var response = await _client.Service.HasPartitionAsync(
            new HasPartitionRequest { CollectionName = Name, PartitionName = partitionName }, _client.Options(cancellationToken));
        MilvusException.ThrowIfFailed(response.Status);
        return response.Value;
    }

    /// <summary>The names of the partitions.</summary>
    public async Task<IReadOnlyList<string>> ShowPartitionsAsync(CancellationToken cancellationToken = default)
    {
        var response = await _client.Service.ShowPartitionsAsync(new ShowPartitionsRequest { CollectionName = Name }, _client.Options(cancellationToken));
        MilvusException.ThrowIfFailed(response.Status);
        return response.PartitionNames;
    }
}
