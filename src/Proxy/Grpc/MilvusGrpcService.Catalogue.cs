using Grpc.Core;
using MiniMilvus.Contracts.Wire.Milvus;
using WireStatus = MiniMilvus.Contracts.Wire.Common.Status;

namespace MiniMilvus.Proxy.Grpc;

/// <summary>Databases, collections, partitions, aliases, indexes, loading.</summary>
public sealed partial class MilvusGrpcService
{
    public override Task<WireStatus> CreateDatabase(CreateDatabaseRequest request, ServerCallContext context) =>
        RunStatus(context, ct => _handlers.Databases.CreateAsync(request, ct));

    public override Task<WireStatus> DropDatabase(DropDatabaseRequest request, ServerCallContext context) =>
        RunStatus(context, ct => _handlers.Databases.DropAsync(request, ct));

    public override Task<ListDatabasesResponse> ListDatabases(ListDatabasesRequest request, ServerCallContext context) =>
        Run(context, _handlers.Databases.ListAsync, status => new ListDatabasesResponse { Status = status });

    public override Task<DescribeDatabaseResponse> DescribeDatabase(DescribeDatabaseRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Databases.DescribeAsync(Database(context, request.DbName), ct), status => new DescribeDatabaseResponse { Status = status });

    public override Task<WireStatus> CreateCollection(CreateCollectionRequest request, ServerCallContext context) =>
        RunStatus(context, ct => _handlers.Collections.CreateAsync(Database(context, request.DbName), request, ct));

    public override Task<WireStatus> DropCollection(DropCollectionRequest request, ServerCallContext context) =>
        RunStatus(context, ct => _handlers.Collections.DropAsync(Database(context, request.DbName), request.CollectionName, ct));

    public override Task<BoolResponse> HasCollection(HasCollectionRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Collections.HasAsync(Database(context, request.DbName), request.CollectionName, ct), status => new BoolResponse { Status = status });

    public override Task<DescribeCollectionResponse> DescribeCollection(DescribeCollectionRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Collections.DescribeAsync(Database(context, request.DbName), request, ct), status => new DescribeCollectionResponse { Status = status });

    public override Task<ShowCollectionsResponse> ShowCollections(ShowCollectionsRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Collections.ShowAsync(Database(context, request.DbName), request, ct), status => new ShowCollectionsResponse { Status = status });

    public override Task<WireStatus> RenameCollection(RenameCollectionRequest request, ServerCallContext context) =>
        RunStatus(context, ct => _handlers.Collections.RenameAsync(Database(context, request.DbName), request, ct));

    public override Task<WireStatus> AlterCollection(AlterCollectionRequest request, ServerCallContext context) =>
        RunStatus(context, ct => _handlers.Collections.AlterAsync(Database(context, request.DbName), request, ct));

    public override Task<GetCollectionStatisticsResponse> GetCollectionStatistics(GetCollectionStatisticsRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Counting.StatisticsAsync(Database(context, request.DbName), request.CollectionName, ct), status => new GetCollectionStatisticsResponse { Status = status });

    public override Task<WireStatus> CreatePartition(CreatePartitionRequest request, ServerCallContext context) =>
        RunStatus(context, ct => _handlers.Partitions.CreateAsync(Database(context, request.DbName), request, ct));

    public override Task<WireStatus> DropPartition(DropPartitionRequest request, ServerCallContext context) =>
        RunStatus(context, ct => _handlers.Partitions.DropAsync(Database(context, request.DbName), request, ct));

    public override Task<BoolResponse> HasPartition(HasPartitionRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Partitions.HasAsync(Database(context, request.DbName), request, ct), status => new BoolResponse { Status = status });

    public override Task<ShowPartitionsResponse> ShowPartitions(ShowPartitionsRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Partitions.ShowAsync(Database(context, request.DbName), request, ct), status => new ShowPartitionsResponse { Status = status });

    public override Task<GetPartitionStatisticsResponse> GetPartitionStatistics(GetPartitionStatisticsRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Partitions.StatisticsAsync(Database(context, request.DbName), request, ct), status => new GetPartitionStatisticsResponse { Status = status });

    public override Task<WireStatus> CreateAlias(CreateAliasRequest request, ServerCallContext context) =>
        RunStatus(context, ct => _handlers.Aliases.CreateAsync(Database(context, request.DbName), request, ct));

    public override Task<WireStatus> AlterAlias(AlterAliasRequest request, ServerCallContext context) =>
        RunStatus(context, ct => _handlers.Aliases.AlterAsync(Database(context, request.DbName), request, ct));

    public override Task<WireStatus> DropAlias(DropAliasRequest request, ServerCallContext context) =>
        RunStatus(context, ct => _handlers.Aliases.DropAsync(Database(context, request.DbName), request, ct));

    public override Task<DescribeAliasResponse> DescribeAlias(DescribeAliasRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Aliases.DescribeAsync(Database(context, request.DbName), request, ct), status => new DescribeAliasResponse { Status = status });

    public override Task<ListAliasesResponse> ListAliases(ListAliasesRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Aliases.ListAsync(Database(context, request.DbName), request, ct), status => new ListAliasesResponse { Status = status });

    public override Task<WireStatus> CreateIndex(CreateIndexRequest request, ServerCallContext context) =>
        RunStatus(context, ct => _handlers.Indexes.CreateAsync(Database(context, request.DbName), request, ct));

    public override Task<WireStatus> DropIndex(DropIndexRequest request, ServerCallContext context) =>
        RunStatus(context, ct => _handlers.Indexes.DropAsync(Database(context, request.DbName), request, ct));

    public override Task<DescribeIndexResponse> DescribeIndex(DescribeIndexRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Indexes.DescribeAsync(Database(context, request.DbName), request, ct), status => new DescribeIndexResponse { Status = status });

    public override Task<GetIndexStatisticsResponse> GetIndexStatistics(GetIndexStatisticsRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Indexes.StatisticsAsync(Database(context, request.DbName), request, ct), status => new GetIndexStatisticsResponse { Status = status });

    public override Task<GetIndexStateResponse> GetIndexState(GetIndexStateRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Indexes.StateAsync(Database(context, request.DbName), request, ct), status => new GetIndexStateResponse { Status = status, FailReason = status.Reason });

    public override Task<GetIndexBuildProgressResponse> GetIndexBuildProgress(GetIndexBuildProgressRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Indexes.ProgressAsync(Database(context, request.DbName), request, ct), status => new GetIndexBuildProgressResponse { Status = status });

    public override Task<WireStatus> LoadCollection(LoadCollectionRequest request, ServerCallContext context) =>
        RunStatus(context, ct => _handlers.Loading.LoadAsync(Database(context, request.DbName), request.CollectionName, [], ct));

    public override Task<WireStatus> ReleaseCollection(ReleaseCollectionRequest request, ServerCallContext context) =>
        RunStatus(context, ct => _handlers.Loading.ReleaseAsync(Database(context, request.DbName), request.CollectionName, ct));

    public override Task<WireStatus> LoadPartitions(LoadPartitionsRequest request, ServerCallContext context) =>
        RunStatus(context, ct => _handlers.Loading.LoadAsync(Database(context, request.DbName), request.CollectionName, request.PartitionNames, ct));

    public override Task<WireStatus> ReleasePartitions(ReleasePartitionsRequest request, ServerCallContext context) =>
        RunStatus(context, ct => _handlers.Loading.ReleasePartitionsAsync(Database(context, request.DbName), request, ct));

    public override Task<GetLoadingProgressResponse> GetLoadingProgress(GetLoadingProgressRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Loading.ProgressAsync(Database(context, request.DbName), request, ct), status => new GetLoadingProgressResponse { Status = status });

    public override Task<GetLoadStateResponse> GetLoadState(GetLoadStateRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Loading.StateAsync(Database(context, request.DbName), request, ct), status => new GetLoadStateResponse { Status = status });
}
