using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Schema;

namespace MiniMilvus.Coordinator.Ddl;

/// <summary>Index definitions. The DataNode builds the files; every vector index type that Milvus names is served by the same HNSW graph.</summary>
internal sealed class IndexDdl(DdlContext context)
{
    private static readonly string[] VectorIndexTypes = ["AUTOINDEX", "FLAT", "HNSW", "IVF_FLAT", "IVF_SQ8", "IVF_PQ", "DISKANN", "SCANN", "HNSW_SQ", "HNSW_PQ"];

    public async ValueTask<long> CreateAsync(CreateIndex command, CancellationToken ct)
    {
        var (record, entry) = await context.RequireAsync(command.Database, command.Collection, ct);
        var field = record.Schema.Find(command.Field)
            ?? throw MiniMilvusException.NotFound(ErrorReason.FieldNotFound, $"cannot create index on non-exist field: {command.Field}");
        var name = command.IndexName.Length > 0 ? command.IndexName : field.Name;
        var parameters = Flatten(command.Params);
        var type = parameters.GetValueOrDefault("index_type", "");
        type = type.Length == 0 ? "AUTOINDEX" : type.ToUpperInvariant();
        if (field.IsVector && !VectorIndexTypes.Contains(type))
        {
            throw new MiniMilvusException(ErrorKind.Invalid, ErrorReason.IndexNotSupported, $"index type: expected one of {string.Join(", ", VectorIndexTypes)}, found '{type}'");
        }

        var metric = Metric(parameters.GetValueOrDefault("metric_type", ""));
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
                var isSame = existing.Field == index.Field && existing.Name == index.Name && existing.IndexType == index.IndexType && existing.Metric == index.Metric;
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
        _ => throw MiniMilvusException.Invalid($"metric type: expected L2, IP or COSINE, found '{text}'"),
    };

    /// <summary>Clients send index_type and metric_type as flat keys, inside a JSON "params", or both.</summary>
    private static Dictionary<string, string> Flatten(ImmutableSortedDictionary<string, string> given)
    {
        var flat = new Dictionary<string, string>(StringComparer.Ordinal);
        if (given.TryGetValue("params", out var json) && json.Length > 0)
        {
            try
            {
                using var document = JsonDocument.Parse(json);
                foreach (var property in document.RootElement.EnumerateObject())
                {
                    flat[property.Name] = property.Value.ToString();
                }
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                throw MiniMilvusException.Invalid(string.Create(CultureInfo.InvariantCulture, $"index params: expected a JSON object, found '{json}'"));
            }
        }

        foreach (var (key, value) in given)
        {
            flat[key] = value;
        }

        return flat;
    }
}
