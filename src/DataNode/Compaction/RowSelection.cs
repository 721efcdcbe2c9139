using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Compaction;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.DataNode.Compaction;

/// <summary>Which rows of some segments are still there when old enough deletes are applied. Holds keys and ticks, and one delete file at a time.</summary>
internal sealed class RowSelection
{
    private RowSelection(IReadOnlyList<KeptRows> inputs, Timestamp purgedUntil) => (Inputs, PurgedUntil) = (inputs, purgedUntil);

    public IReadOnlyList<KeptRows> Inputs { get; }

    /// <summary>The latest delete that removed a row: below it a read would miss that row (Q7).</summary>
    public Timestamp PurgedUntil { get; }

    public int Kept => Inputs.Sum(i => i.Kept);

    /// <param name="files">Delete files old enough to be applied for good.</param>
    public static async ValueTask<RowSelection> MakeAsync(
        IObjectStore objects, IComputePool compute, IReadOnlyList<SegmentRecord> segments, IReadOnlyList<DeleteFileRecord> files, CancellationToken ct)
    {
        var inputs = new List<KeptRows>(segments.Count);
        foreach (var segment in segments)
        {
            inputs.Add(await OpenAsync(objects, segment, ct));
        }

        var purged = segments.Aggregate(Timestamp.Zero, (last, s) => Timestamp.Later(last, s.PurgedUntil));
        foreach (var file in files)
        {
            var concerned = inputs.Where(i => CompactionPlanner.Concerns(file, i.Segment)).ToList();
            if (concerned.Count > 0)
            {
                var batch = await DeleteFile.ReadAsync(objects, file.Path, file.Collection, ct);
                var last = await compute.RunAsync(() => Apply(batch, concerned), ct);
                purged = Timestamp.Later(purged, last);
            }
        }

        return new RowSelection(inputs, purged);
    }

    /// <summary>The rows of all inputs in tick order, as places in the inputs' kept rows one after the other; null when that is their order already.</summary>
    public (long[] Ticks, int[]? Order) Arrange()
    {
        var ticks = new long[Kept];
        var at = 0;
        var isOrdered = true;
        foreach (var input in Inputs)
        {
            foreach (var row in input.Rows())
            {
                ticks[at] = (long)input.TickOf(row);
                isOrdered &= at == 0 || (ulong)ticks[at - 1] <= (ulong)ticks[at];
                at++;
            }
        }

        if (isOrdered)
        {
            return (ticks, null);
        }

        var order = new int[ticks.Length];
        for (var i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        Array.Sort(order, (a, b) => ticks[a] != ticks[b] ? ((ulong)ticks[a]).CompareTo((ulong)ticks[b]) : a.CompareTo(b));
        return ([.. order.Select(i => ticks[i])], order);
    }

    private static async ValueTask<KeptRows> OpenAsync(IObjectStore objects, SegmentRecord segment, CancellationToken ct)
    {
        var reader = await SegmentReader.OpenAsync(objects, segment.ManifestPath, ct);
        if (reader.Manifest.Segment != segment.Id || reader.Manifest.Rows != segment.Rows)
        {
            throw MiniMilvusException.Corrupted(
                $"{segment.ManifestPath}: expected {segment.Rows} rows of segment {segment.Id}, found {reader.Manifest.Rows} of segment {reader.Manifest.Segment}");
        }

        return new KeptRows(segment, reader, await reader.ReadColumnAsync(reader.Manifest.PrimaryKey, ct), await reader.ReadTicksAsync(ct));
    }

    private static Timestamp Apply(DeleteBatch batch, List<KeptRows> inputs)
    {
        // All inputs are of one partition.
        var keys = new DeletedKeys(batch, inputs[0].Segment.Partition);
        return inputs.Aggregate(Timestamp.Zero, (last, input) => Timestamp.Later(last, keys.Mark(input)));
    }
}
