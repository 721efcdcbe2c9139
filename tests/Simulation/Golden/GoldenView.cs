using System.Globalization;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Query;
using MiniMilvus.Core.Time;
using MiniMilvus.Simulation.World;
using MiniMilvus.Storage.Catalog;

namespace MiniMilvus.Simulation.Golden;

/// <summary>What the catalogue says of the collection, and what the query node holds of it.</summary>
internal sealed class GoldenView(SimCluster cluster, GoldenNames names)
{
    public async Task<(CatalogSnapshot Catalog, CollectionRecord Collection)> CatalogAsync()
    {
        var snapshot = await cluster.Process.CallAsync(async () => await cluster.Catalog.RefreshAsync(CancellationToken.None));
        return (snapshot, snapshot.Collections.Values.Single());
    }

    public async Task<IReadOnlyList<LoadedSegment>> LoadedAsync(CollectionId collection) =>
        (await cluster.Process.CallAsync(async () => await cluster.QueryNode.GetLoadStatusAsync(collection, CancellationToken.None))).Segments;

    public async Task<IReadOnlyList<string>> AllAsync() => [.. await SegmentsAsync(), .. await HeldAsync(), .. await DurableAsync()];

    public async Task<IReadOnlyList<string>> SegmentsAsync()
    {
        var (catalog, collection) = await CatalogAsync();
        return [.. catalog.SegmentsOf(collection.Id).Values.OrderBy(s => s.Channel.Name, StringComparer.Ordinal).ThenBy(s => s.Id).Select(Line)];
    }

    public async Task<IReadOnlyList<string>> HeldAsync()
    {
        var loaded = await LoadedAsync((await CatalogAsync()).Collection.Id);
        return [.. loaded.Select(s => (Name: names.Segment(s.Id), Segment: s)).OrderBy(s => s.Name, StringComparer.Ordinal)
            .Select(s => $"query node: {s.Name} {(s.Segment.IsGrowing ? "growing" : "sealed")}, {Rows(s.Segment.Rows)}")];
    }

    /// <summary>Delete files and checkpoint of each shard.</summary>
    public async Task<IReadOnlyList<string>> DurableAsync()
    {
        var (catalog, collection) = await CatalogAsync();
        var lines = new List<string>();
        foreach (var shard in collection.Channels.OrderBy(c => c.Name, StringComparer.Ordinal))
        {
            var of = collection.Channels.Length > 1 ? $" of {GoldenNames.Short(shard.PChannel)}" : "";
            lines.AddRange(catalog.DeleteFilesOf(shard).Values.Select(f => string.Create(
                CultureInfo.InvariantCulture, $"catalogue: delete file{of} with {f.Deletes}, {names.At(shard.PChannel, f.MaxTick)} the last, for the log below {f.Until}")));
            lines.Add($"catalogue: checkpoint{of} {catalog.CheckpointOf(shard)?.Position.ToString() ?? "none"}");
        }

        return lines;
    }

    private string Line(SegmentRecord segment)
    {
        var name = names.Segment(segment.Id);
        var made = segment.CompactedFrom.IsEmpty ? "" : $", made of {string.Join(' ', segment.CompactedFrom.Select(names.Segment).Order(StringComparer.Ordinal))}, has the deletes below {segment.DeletesUntil}";
        var purged = segment.PurgedUntil > Timestamp.Zero ? $", the last purged delete {names.At(segment.Channel.PChannel, segment.PurgedUntil)}" : "";
        return segment.State switch
        {
            SegmentState.Compacted => $"catalogue: {name} compacted into {names.Segment(segment.CompactedTo)}",
            SegmentState.Compacting => $"catalogue: {name} is being made of {string.Join(' ', segment.CompactedFrom.Select(names.Segment).Order(StringComparer.Ordinal))}",
            SegmentState.Growing => $"catalogue: {name} growing",
            _ => $"catalogue: {name} {(segment.State == SegmentState.Flushed ? "flushed" : "dropped")}, {Rows(segment.Rows)}{made}{purged}",
        };
    }

    private static string Rows(long rows) => rows == 1 ? "1 row" : string.Create(CultureInfo.InvariantCulture, $"{rows} rows");
}
