using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Expressions;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Query;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Proxy.Tests;

/// <summary>Answers from what the fake log holds: exact search, filters by primary key only. Keeps the requests.</summary>
internal sealed class FakeQueryNode(FakeLog log, Func<CollectionId, CollectionRecord> collections) : IQueryNode
{
    public List<SearchRequest> Searches { get; } = [];

    public List<RetrieveRequest> Retrieves { get; } = [];

    public int Progress { get; set; } = 100;

    public Func<CancellationToken, Task> BeforeAnswer { get; set; } = _ => Task.CompletedTask;

    public async ValueTask<SearchResult> SearchAsync(SearchRequest request, CancellationToken ct)
    {
        Searches.Add(request);
        await BeforeAnswer(ct);
        var rows = Rows(request.Collection, request.Channels, request.Partitions, request.Filter);
        var counts = ImmutableArray.CreateBuilder<int>();
        var hits = new List<(RowBatch Batch, int Row, float Score)>();
        var dim = request.Queries.Length / request.QueryCount;
        for (var q = 0; q < request.QueryCount; q++)
        {
            var query = request.Queries.Slice(q * dim, dim).ToArray();
            var scored = rows.Select(r => (r.Batch, r.Row, Score: Score(query, ((FloatVectorColumn)r.Batch.Find(request.VectorField)!).Row(r.Row), request.Metric)));
            var best = (request.Metric == MetricType.L2 ? scored.OrderBy(s => s.Score) : scored.OrderByDescending(s => s.Score)).Take(request.TopK).ToList();
            counts.Add(best.Count);
            hits.AddRange(best);
        }

        var schema = collections(request.Collection).Schema;
        var picked = hits.Select(h => (h.Batch, h.Row)).ToList();
        return new SearchResult(counts.ToImmutable(), Column(schema, schema.PrimaryKey.Id, picked), [.. hits.Select(h => h.Score)],
            [.. request.OutputFields.Select(f => Column(schema, f, picked))], Timestamp.Later(request.Guarantee, new Timestamp(7)), new SearchCost(rows.Count * request.QueryCount, rows.Count, 1, 0));
    }

    public async ValueTask<RetrieveResult> RetrieveAsync(RetrieveRequest request, CancellationToken ct)
    {
        Retrieves.Add(request);
        await BeforeAnswer(ct);
        var rows = Rows(request.Collection, request.Channels, request.Partitions, request.Filter).OrderBy(r => r.Batch.KeyAt(r.Row)).ToList();
        var snapshot = Timestamp.Later(request.Guarantee, new Timestamp(7));
        if (request.CountOnly)
        {
            return new RetrieveResult([], rows.Count, snapshot);
        }

        var window = rows.Skip((int)request.Offset).Take((int)(request.Limit ?? int.MaxValue)).ToList();
        var schema = collections(request.Collection).Schema;
        return new RetrieveResult([.. request.OutputFields.Select(f => Column(schema, f, window))], window.Count, snapshot);
    }

    public ValueTask<LoadStatus> GetLoadStatusAsync(CollectionId collection, CancellationToken ct) =>
        ValueTask.FromResult(new LoadStatus(Progress, [new LoadedSegment(new SegmentId(5), new PartitionId(6), true, 10, 400, false)]));

    private List<(RowBatch Batch, int Row)> Rows(CollectionId collection, ImmutableArray<VChannel> channels, ImmutableArray<PartitionId> partitions, string filter)
    {
        var schema = collections(collection).Schema;
        var keys = FilterExpression.TryGetPrimaryKeys(FilterExpression.Parse(filter, schema), schema);
        var rows = new List<(RowBatch Batch, int Row)>();
        foreach (var (channel, messages, _) in log.Appends)
        {
            if (!channels.Contains(channel))
            {
                continue;
            }

            foreach (var message in messages)
            {
                switch (message)
                {
                    case InsertBody insert when partitions.IsEmpty || partitions.Contains(insert.Partition):
                        rows.AddRange(Enumerable.Range(0, insert.Rows.Count).Select(i => (insert.Rows, i)));
                        break;
                    case DeleteBody delete:
                        var gone = Enumerable.Range(0, delete.Keys.Count).Select(i => RowBatch.KeyOf(delete.Keys, i)).ToHashSet();
                        rows.RemoveAll(r => gone.Contains(r.Batch.KeyAt(r.Row)));
                        break;
                }
            }
        }

        return keys is { } named ? rows.Where(r => named.Contains(r.Batch.KeyAt(r.Row))).ToList() : rows;
    }

    private static Column Column(CollectionSchema schema, FieldId id, List<(RowBatch Batch, int Row)> rows)
    {
        var field = schema.Find(id)!;
        var taken = rows.Select(r => r.Batch.Find(id)!.Take([r.Row])).ToList();
        bool[]? valid = taken.Any(c => c.Valid is not null) ? [.. taken.Select(c => !c.IsNull(0))] : null;
        return field.Type switch
        {
            DataType.Int64 => new ScalarColumn<long>(id, field.Type, taken.Select(c => ((ScalarColumn<long>)c).Values.Span[0]).ToArray(), valid),
            DataType.Int32 or DataType.Int8 or DataType.Int16 => new ScalarColumn<int>(id, field.Type, taken.Select(c => ((ScalarColumn<int>)c).Values.Span[0]).ToArray(), valid),
            DataType.VarChar => new StringColumn(id, taken.Select(c => ((StringColumn)c).Values.Span[0]).ToArray(), valid),
            DataType.Json => new JsonColumn(id, taken.Select(c => ((JsonColumn)c).Values.Span[0]).ToArray(), valid),
            DataType.FloatVector => new FloatVectorColumn(id, field.Dim, taken.SelectMany(c => ((FloatVectorColumn)c).Values.ToArray()).ToArray()),
            _ => throw new NotSupportedException(field.Type.ToString()),
        };
    }

    private static float Score(float[] query, ReadOnlySpan<float> row, MetricType metric)
    {
        float dot = 0, l2 = 0, a = 0, b = 0;
        for (var i = 0; i < query.Length; i++)
        {
            dot += query[i] * row[i];
            l2 += (query[i] - row[i]) * (query[i] - row[i]);
            a += query[i] * query[i];
            b += row[i] * row[i];
        }

        return metric switch { MetricType.L2 => l2, MetricType.IP => dot, _ => dot / MathF.Sqrt(a * b) };
    }
}
