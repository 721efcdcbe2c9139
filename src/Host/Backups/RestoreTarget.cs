using Google.Protobuf;
using Grpc.Core;
using MiniMilvus.Contracts.Mapping;
using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;
using Status = MiniMilvus.Contracts.Wire.Common.Status;

namespace MiniMilvus.Host.Backups;

/// <summary>The server that a collection is restored into, through the API that every client uses. Errors: as the server says, with its address; Unavailable: no answer, so the outcome is unknown.</summary>
internal sealed class RestoreTarget(CallInvoker invoker, string address, string database, TimeProvider time)
{
    /// <summary>Milvus's code of "not now, nothing happened".</summary>
    private const int RateLimitedCode = 8;
    private static readonly TimeSpan CallTime = TimeSpan.FromMinutes(2);

    /// <summary>So long the server may say "no room", or come no further with loading.</summary>
    private static readonly TimeSpan StallMax = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LoadPollInterval = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan PauseMax = TimeSpan.FromSeconds(2);
    private readonly MilvusService.MilvusServiceClient _service = new(invoker);

    public async Task<IReadOnlyList<string>> CollectionsAsync(CancellationToken ct)
    {
        var answer = await CallAsync(o => _service.ShowCollectionsAsync(new ShowCollectionsRequest { DbName = database }, o), r => r.Status, ct);
        return answer.CollectionNames;
    }

    public async Task<bool> HasAsync(string name, CancellationToken ct) =>
        (await CallAsync(o => _service.HasCollectionAsync(new HasCollectionRequest { DbName = database, CollectionName = name }, o), r => r.Status, ct)).Value;

    /// <param name="name">What it is called, whatever the record says.</param>
    /// <param name="collection">Its schema, shards, partitions and indexes.</param>
    /// <param name="more">Properties besides its own.</param>
    public async Task CreateAsync(string name, CollectionRecord collection, IEnumerable<KeyValuePair<string, string>> more, CancellationToken ct)
    {
        var create = new CreateCollectionRequest
        {
            DbName = database, CollectionName = name, Schema = collection.Schema.ToWire(name).ToByteString(), ShardsNum = collection.Channels.Length, ConsistencyLevel = (ConsistencyLevel)collection.Consistency,
        };
        create.Properties.AddPairs(collection.Properties.SetItems(more));
        await CallAsync(o => _service.CreateCollectionAsync(create, o), s => s, ct);
        foreach (var partition in collection.Partitions.Where(p => p.State == DdlState.Created && p.Name != CollectionRecord.DefaultPartition))
        {
            await CallAsync(o => _service.CreatePartitionAsync(new CreatePartitionRequest { DbName = database, CollectionName = name, PartitionName = partition.Name }, o), s => s, ct);
        }

        foreach (var index in collection.Indexes)
        {
            var request = new CreateIndexRequest { DbName = database, CollectionName = name, FieldName = collection.Schema.Find(index.Field)!.Name, IndexName = index.Name };
            request.ExtraParams.AddPairs(index.Params);
            await CallAsync(o => _service.CreateIndexAsync(request, o), s => s, ct);
        }
    }

    /// <summary>Waits while the server has no room; what may have happened is not repeated.</summary>
    public async Task InsertAsync(string name, string partition, Core.Schema.CollectionSchema schema, RowBatch rows, CancellationToken ct)
    {
        var request = new InsertRequest { DbName = database, CollectionName = name, PartitionName = partition, NumRows = (uint)rows.Count };
        foreach (var column in rows.Columns)
        {
            request.FieldsData.Add(column.ToInsert(schema.Find(column.Field) ?? throw MiniMilvusException.Corrupted($"expected columns of the schema's fields, found one of field {column.Field}")));
        }

        var began = time.GetTimestamp();
        for (var pause = TimeSpan.FromMilliseconds(50); ; pause = pause * 2 < PauseMax ? pause * 2 : PauseMax)
        {
            var answer = await AnswerAsync(o => _service.InsertAsync(request, o), ct);
            if (answer.Status.Code != RateLimitedCode || time.GetElapsedTime(began) > StallMax)
            {
                Require(answer.Status);
                if (answer.InsertCnt != rows.Count)
                {
                    throw MiniMilvusException.Internal($"server {address}: expected {rows.Count} rows inserted, found {answer.InsertCnt}");
                }

                return;
            }

            await Task.Delay(pause, time, ct);
        }
    }

    /// <summary>Returns when all of it can be searched.</summary>
    public async Task LoadAsync(string name, CancellationToken ct)
    {
        await CallAsync(o => _service.LoadCollectionAsync(new LoadCollectionRequest { DbName = database, CollectionName = name }, o), s => s, ct);
        var (progress, since) = (-1L, time.GetTimestamp());
        while (progress < 100)
        {
            var now = (await CallAsync(o => _service.GetLoadingProgressAsync(new GetLoadingProgressRequest { DbName = database, CollectionName = name }, o), r => r.Status, ct)).Progress;
            (progress, since) = now == progress ? (progress, since) : (now, time.GetTimestamp());
            if (time.GetElapsedTime(since) > StallMax)
            {
                throw MiniMilvusException.Unavailable($"server {address}: expected collection '{name}' to be loaded, found it at {progress} % for {StallMax.TotalMinutes:0} minutes");
            }

            await Task.Delay(LoadPollInterval, time, ct);
        }
    }

    /// <summary>Rows that a Strong read sees in a loaded collection.</summary>
    public async Task<long> CountAsync(string name, CancellationToken ct)
    {
        var request = new QueryRequest { DbName = database, CollectionName = name, ConsistencyLevel = ConsistencyLevel.Strong };
        request.OutputFields.Add("count(*)");
        return (await CallAsync(o => _service.QueryAsync(request, o), r => r.Status, ct)).FieldsData[0].Scalars.LongData.Data[0];
    }

    public Task ReleaseAsync(string name, CancellationToken ct) =>
        CallAsync(o => _service.ReleaseCollectionAsync(new ReleaseCollectionRequest { DbName = database, CollectionName = name }, o), s => s, ct);

    public Task RemovePropertyAsync(string name, string key, CancellationToken ct)
    {
        var request = new AlterCollectionRequest { DbName = database, CollectionName = name };
        request.DeleteKeys.Add(key);
        return CallAsync(o => _service.AlterCollectionAsync(request, o), s => s, ct);
    }

    public Task RenameAsync(string name, string newName, CancellationToken ct) =>
        CallAsync(o => _service.RenameCollectionAsync(new RenameCollectionRequest { DbName = database, OldName = name, NewName = newName }, o), s => s, ct);

    public Task DropAsync(string name, CancellationToken ct) =>
        CallAsync(o => _service.DropCollectionAsync(new DropCollectionRequest { DbName = database, CollectionName = name }, o), s => s, ct);

    private async Task<T> CallAsync<T>(Func<CallOptions, AsyncUnaryCall<T>> call, Func<T, Status> status, CancellationToken ct)
    {
        var answer = await AnswerAsync(call, ct);
        Require(status(answer));
        return answer;
    }

    private async Task<T> AnswerAsync<T>(Func<CallOptions, AsyncUnaryCall<T>> call, CancellationToken ct)
    {
        using var deadline = new CancellationTokenSource(CallTime, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, deadline.Token);
        try
        {
            return await call(new CallOptions(cancellationToken: either.Token));
        }
        catch (RpcException e) when (!ct.IsCancellationRequested)
        {
            throw MiniMilvusException.Unavailable($"server {address}: expected an answer within {CallTime.TotalSeconds:0} s, found {e.StatusCode}: {e.Status.Detail}", e);
        }
        catch (RpcException e)
        {
            throw new OperationCanceledException("the restore was given up", e, ct);
        }
    }

    private void Require(Status status)
    {
        if (status.Code != 0)
        {
            throw new MiniMilvusException(status.Retriable ? ErrorKind.Unavailable : ErrorKind.Invalid, ErrorReason.Unspecified, $"server {address}: {status.Reason} (code {status.Code})");
        }
    }
}
