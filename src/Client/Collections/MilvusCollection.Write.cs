using Grpc.Core;
using MiniMilvus.Contracts.Wire.Milvus;

namespace MiniMilvus.Client;

/// <content>Inserts, upserts, deletes, flushes.</content>
public sealed partial class MilvusCollection
{
    /// <summary>Inserts rows, given as columns. When it returns, the rows are durable.</summary>
    public async Task<MutationResult> InsertAsync(IReadOnlyList<FieldData> data, string? partitionName = null, CancellationToken cancellationToken = default)
    {
        var request = new InsertRequest { CollectionName = Name, PartitionName = partitionName ?? "", NumRows = RowCount(data) };
        request.FieldsData.AddRange(data.Select(d => d.ToWire()));
        return await WriteAsync(_client.Service.InsertAsync(request, _client.Options(cancellationToken)));
    }

    /// <summary>Replaces rows by primary key, or inserts them. Doing it twice is doing it once.</summary>
    public async Task<MutationResult> UpsertAsync(IReadOnlyList<FieldData> data, string? partitionName = null, CancellationToken cancellationToken = default)
    {
        var request = new UpsertRequest { CollectionName = Name, PartitionName = partitionName ?? "", NumRows = RowCount(data) };
        request.FieldsData.AddRange(data.Select(d => d.ToWire()));
        return await WriteAsync(_client.Service.UpsertAsync(request, _client.Options(cancellationToken)));
    }

    /// <summary>Deletes the rows that pass a filter, for example <c>id in [1, 2]</c>.</summary>
    public Task<MutationResult> DeleteAsync(string expression, string? partitionName = null, CancellationToken cancellationToken = default) =>
        WriteAsync(_client.Service.DeleteAsync(
            new DeleteRequest { CollectionName = Name, Expr = expression, PartitionName = partitionName ?? "" }, _client.Options(cancellationToken)));

    /// <summary>Seals the growing segments and waits until they are written to storage.</summary>
    public async Task<FlushResult> FlushAsync(TimeSpan? waitingInterval = null, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        var request = new FlushRequest();
        request.CollectionNames.Add(Name);
        var response = await _client.Service.FlushAsync(request, _client.Options(cancellationToken));
        MilvusException.ThrowIfFailed(response.Status);
        var segments = response.CollSegIDs.TryGetValue(Name, out var ids) ? ids.Data.ToArray() : [];
        var timestamp = response.CollFlushTs.TryGetValue(Name, out var ts) ? ts : 0;
        await _client.PollAsync(
            async ct =>
            {
                var ask = new GetFlushStateRequest { CollectionName = Name, FlushTs = timestamp };
                ask.SegmentIDs.AddRange(segments);
                var state = await _client.Service.GetFlushStateAsync(ask, _client.Options(ct));
                MilvusException.ThrowIfFailed(state.Status);
                return state.Flushed;
            },
            waitingInterval, timeout, $"The flush of {Name}", cancellationToken);
        return new FlushResult(segments, timestamp);
    }

    private async Task<MutationResult> WriteAsync(AsyncUnaryCall<Contracts.Wire.Milvus.MutationResult> call)
    {
        using (call)
        {
            var response = await call.ResponseAsync;
            MilvusException.ThrowIfFailed(response.Status);
            _client.WroteAt(Name, response.Timestamp);
            return new MutationResult(response);
        }
    }

    private static uint RowCount(IReadOnlyList<FieldData> data)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (data.Count == 0)
        {
            throw new ArgumentException("No columns.", nameof(data));
        }
        var rows = data[0].RowCount;
        var odd = data.FirstOrDefault(d => d.RowCount != rows);
        return odd is null
            ? checked((uint)rows)
            : throw new ArgumentException($"Column {odd.FieldName} has {odd.RowCount} rows, {data[0].FieldName} has {rows}.", nameof(data));
    }
}
