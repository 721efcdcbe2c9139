using System.Collections.Immutable;
using MiniMilvus.Contracts.Mapping;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Query;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Proxy.Ddl;
using MiniMilvus.Proxy.Errors;
using MiniMilvus.Proxy.Reading;

namespace MiniMilvus.Proxy.Query;

/// <summary>Query: rows by filter, by key order; or count(*). Iterators are queries with a lower bound on the key, at the first page's timestamp.</summary>
internal sealed class QueryHandler(Catalogue catalogue, Guarantee guarantee, Retriever retriever, ProxyOptions options)
{
    private const string Count = "count(*)";

    public async ValueTask<QueryResults> QueryAsync(string database, QueryRequest request, CancellationToken ct)
    {
        var collection = await catalogue.CollectionAsync(database, request.CollectionName, ct);
        var isCount = request.OutputFields.Any(IsCount);
        var parameters = RequestParams.Of(request.QueryParams);
        var (limit, offset) = Window(parameters);
        var filter = FilterText.Parse(request.Expr, collection.Schema, request.ExprTemplateValues);
        if (parameters.Text("group_by_fields") is not null)
        {
            throw MiniMilvusException.Invalid(ErrorReason.NotSupported, "group_by_fields is not supported by this server");
        }

        if (isCount)
        {
            CheckCount(request, limit);
        }
        else if (filter is null && limit is null)
        {
            throw MiniMilvusException.Invalid("query: an empty expression expects a limit, found none");
        }

        var output = isCount ? null : OutputFields.Of(request.OutputFields, collection.Schema, withKey: true);
        Retriever.CheckLoaded(collection);
        var level = new ConsistencyRequest((ConsistencyLevel)request.ConsistencyLevel, request.GuaranteeTimestamp, request.UseDefaultConsistency);
        var result = await retriever.RetrieveAsync(collection, new RetrieveRequest
        {
            Collection = collection.Id,
            Channels = collection.Channels,
            Partitions = Catalogue.Partitions(collection, request.PartitionNames),
            Filter = filter?.ToText() ?? "",
            OutputFields = output?.Ids ?? [],
            Guarantee = await guarantee.OfAsync(level, collection, ct),
            Limit = isCount ? null : limit ?? options.UnlimitedRowsMax + 1L,
            Offset = offset,
            CountOnly = isCount,
        }, ct);
        return Answer(collection, output, limit, result);
    }

    private QueryResults Answer(CollectionRecord collection, OutputFields? output, long? limit, RetrieveResult result)
    {
        var answer = new QueryResults
        {
            Status = StatusMapper.Success(),
            CollectionName = collection.Name,
            SessionTs = result.Snapshot.Value,
            PrimaryFieldName = collection.Schema.PrimaryKey.Name,
        };
        if (output is null)
        {
            var field = new FieldSchema { Id = new FieldId(0), Name = Count, Type = DataType.Int64 };
            answer.FieldsData.Add(new ScalarColumn<long>(field.Id, DataType.Int64, new[] { result.Count }).ToWire(field));
            answer.OutputFields.Add(Count);
            return answer;
        }

        if (limit is null && result.Columns.Length > 0 && result.Columns[0].Count > options.UnlimitedRowsMax)
        {
            throw MiniMilvusException.Invalid(ErrorReason.MessageTooLarge, $"query: more than {options.UnlimitedRowsMax} rows match; give a limit");
        }

        output.AddTo(answer.FieldsData, result.Columns);
        answer.OutputFields.AddRange(output.Names);
        return answer;
    }

    private (long? Limit, long Offset) Window(RequestParams parameters)
    {
        var limit = parameters.Integer("limit");
        var offset = parameters.Integer("offset") ?? 0;
        // Some clients send −1 for "no limit".
        limit = limit == -1 ? null : limit;
        if (offset < 0)
        {
            throw MiniMilvusException.Invalid($"offset: expected at least 0, found {offset}");
        }

        if (limit is <= 0 || (limit is { } given && given + offset > options.ResultWindowMax))
        {
            throw MiniMilvusException.Invalid($"limit + offset: expected 1 to {options.ResultWindowMax}, found limit {limit} and offset {offset}");
        }

        return (limit, offset);
    }

    private static void CheckCount(QueryRequest request, long? limit)
    {
        if (request.OutputFields.Count > 1)
        {
            throw MiniMilvusException.Invalid($"{Count}: expected no other output field, found {string.Join(", ", request.OutputFields)}");
        }

        if (limit is not null)
        {
            throw MiniMilvusException.Invalid($"{Count}: expected no limit, found {limit}");
        }
    }

    private static bool IsCount(string name) => string.Equals(name.Replace(" ", "", StringComparison.Ordinal), Count, StringComparison.OrdinalIgnoreCase);
}
