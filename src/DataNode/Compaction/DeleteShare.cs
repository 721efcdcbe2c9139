using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Compaction;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.DataNode.Compaction;

/// <summary>
/// How much of a segment old enough deletes have removed. Delete files say nothing of segments, so keys are compared; but only when so many
/// deletes came since the last look that the answer may have become another.
/// </summary>
internal sealed class DeleteShare(IObjectStore objects, IComputePool compute, CompactionOptions options)
{
    private readonly Dictionary<SegmentId, (LogPosition Until, long Deleted)> _measured = [];

    /// <param name="files">Delete files of the shard that are old enough to be applied for good, in log order.</param>
    public async ValueTask<bool> IsWorthAsync(SegmentRecord segment, IReadOnlyList<DeleteFileRecord> files, CancellationToken ct)
    {
        var enough = Math.Max(1, (long)Math.Ceiling(options.DeletedShare * segment.Rows));
        var concerned = files.Where(f => CompactionPlanner.Concerns(f, segment)).ToList();
        var (until, deleted) = _measured.GetValueOrDefault(segment.Id);
        var fresh = concerned.Where(f => f.Until > until).Sum(f => f.Deletes);
        if (fresh == 0 || deleted + fresh < enough)
        {
            return deleted >= enough;
        }

        var selection = await RowSelection.MakeAsync(objects, compute, [segment], concerned, ct);
        _measured[segment.Id] = (concerned[^1].Until, selection.Inputs[0].Dropped);
        return selection.Inputs[0].Dropped >= enough;
    }

    /// <summary>Forgets what is no longer there.</summary>
    public void Keep(CatalogSnapshot snapshot)
    {
        foreach (var gone in _measured.Keys.Where(id => !snapshot.Collections.Keys.Any(c => snapshot.FindSegment(c, id) is { State: SegmentState.Flushed })).ToList())
        {
            _measured.Remove(gone);
        }
    }
}
