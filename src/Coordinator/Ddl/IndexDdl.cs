using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Schema;

namespace MiniMilvus.Coordinator.Ddl;

/// <summary>Index definitions, checked as <see cref="IndexKind"/> says. The DataNode builds the files.</summary>
internal sealed class IndexDdl(DdlContext context)
{
    public async ValueTask<long> CreateAsync(CreateIndex command, CancellationToken ct)
    {
        var (record, entry) = await context.RequireAsync(command.Database, command.Collection, ct);
        var field = record.Schema.Find(command.Field)
            ?? throw MiniMilvusException.NotFound(ErrorReason.FieldNotFound, $"cannot create index on non-exist field: {command.Field}");
        var name = command.IndexName.Length > 0 ? command.IndexName : field.Name;
        var parameters = IndexParams.Of(command.Params);
        var type = parameters.Text("index_type")?.ToUpperInvariant() ?? IndexKind.Auto;
        IndexKind.Of(field, type, parameters);
        var metric = Metric(parameters.Text("metric_type") ?? "");
        var index = new IndexRecord
        {
            Id = await context.Ids.AllocateIdsAsync(1, ct),
            Name = name,
            Field = field.Id,
            IndexType = type,
            Metric = metric,
            Params = command.Params.SetItem("index_type", type).SetItem("metric_type", metric.ToString().ToUpperInvariant()),
        };
        foreach (var existing in record.Indexes)
        {
            if (existing.Field == field.Id || existing.Name == name)
            {
                var isSame = existing.Field == index.Field && existing.Name == index.Name && existing.IndexType == index.IndexType && existing.Metric == index.Metric
                    && IndexKind.Of(field, existing) == IndexKind.Of(field, type, parameters);
                return isSame
                    ? entry.ModRevision
                    : throw MiniMilvusException.Conflict(ErrorReason.IndexAlreadyExists, $"at most one distinct index is allowed per field: field '{field.Name}' has index '{existing.Name}' ({existing.IndexType}, {existing.Metric})");
            }
        }

        return await context.UpdateAsync(record with { Indexes = record.Indexes.Add(index) }, entry, ct);
    }

    public async ValueTask<long> DropAsync(DropIndex command, CancellationToken ct)
    {
        var (record, entry) = await context.RequireAsync(command.Database, command.Collection, ct);
        var gone = record.Indexes.Where(i =>
            (command.IndexName.Length == 0 || i.Name == command.IndexName)
            && (command.Field.Length == 0 || i.Field == record.Schema.Find(command.Field)?.Id)).ToList();
        if (gone.Count == 0)
        {
            return entry.ModRevision;
        }

        if (record.IsLoaded && gone.Any(i => record.Schema.Find(i.Field)!.IsVector))
        {
            throw MiniMilvusException.Invalid("vector index cannot be dropped on loaded collection: release it first");
        }

        return await context.UpdateAsync(record with { Indexes = record.Indexes.RemoveRange(gone) }, entry, ct);
    }

    private static MetricType Metric(string text) => text.ToUpperInvariant() switch
    {
        "" or "COSINE" => MetricType.Cosine,
        "L2" => MetricType.L2,
        "IP" => MetricType.IP,
        _ => throw IndexParams.Refused($"float vector index does not support metric type: {text}"),
    };
}
