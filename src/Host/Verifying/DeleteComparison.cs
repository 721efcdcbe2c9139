using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Rows;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Compaction;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Host.Verifying;

/// <summary>
/// The deletes of one log beside the files of its shards: each file as <see cref="DeleteFileComparison"/> has it, and no delete below a shard's checkpoint
/// without a file while a segment lacks it (S7). One that every segment has in its own files may be gone with its file: nothing tells any more.
/// </summary>
internal sealed class DeleteComparison
{
    /// <summary>Files whose content is held at once; each has at most the data node's <c>DeleteBytesMax</c> or one message more.</summary>
    private const int OpenMax = 16;

    private readonly IObjectStore _store;
    private readonly Dictionary<VChannel, Shard> _shards = [];
    private readonly Dictionary<SegmentId, MissedDelete> _missed = [];
    private readonly Queue<DeleteFileComparison> _open = new();

    public DeleteComparison(IObjectStore store, CatalogSnapshot catalog, IReadOnlyList<SegmentRecord> segments, IEnumerable<VChannel> shards)
    {
        _store = store;
        foreach (var channel in shards)
        {
            var files = catalog.DeleteFilesOf(channel).Values.OrderBy(f => f.From).Select(f => new DeleteFileComparison(f)).ToArray();
            var checkpoint = catalog.CheckpointOf(channel)?.Position ?? LogPosition.Beginning;
            var shard = _shards[channel] = new Shard(checkpoint, files, [.. segments.Where(s => s.Channel == channel)]);
            Until = files.Select(f => f.Until).Append(shard.Segments.Length > 0 ? checkpoint : Until).Append(Until).Max();
        }
    }

    /// <summary>So far the log must be read.</summary>
    public LogPosition Until { get; }

    private IEnumerable<DeleteFileComparison> Files => _shards.Values.SelectMany(s => s.Files);

    public async ValueTask TakeAsync(LogMessage message, DeleteBody body, CancellationToken ct)
    {
        if (body.Keys.Count == 0 || message.Channel is not { } channel || !_shards.TryGetValue(channel, out var shard))
        {
            return;
        }

        if (Array.Find(shard.Files, f => f.Covers(message.Position)) is not { } file)
        {
            MissFile(shard, message, body);
            return;
        }

        if (!file.IsOpen && file.Obstacle is null)
        {
            if (_open.Count == OpenMax)
            {
                _open.Dequeue().Close();
            }

            await file.OpenAsync(_store, ct);
            _open.Enqueue(file);
        }

        file.Take(message, body);
    }

    /// <inheritdoc cref="Comparison.Miss"/>
    public void Miss(LogPosition from, string? problem)
    {
        foreach (var file in Files)
        {
            file.Miss(from, problem);
        }
    }

    /// <summary>What came of it, when the log has been read.</summary>
    public IEnumerable<Comparison> All => Files.Concat<Comparison>(_missed.Values);

    private void MissFile(Shard shard, LogMessage message, DeleteBody body)
    {
        foreach (var segment in message.Position < shard.Checkpoint ? shard.Segments : [])
        {
            // As for a file that ended here: garbage collection keeps one that concerns a segment.
            var file = new DeleteFileRecord(0, segment.Channel, segment.Collection, "", body.Keys.Count, message.Position, message.Position.Next, message.CommitTick);
            if ((body.Partition == PartitionId.All || body.Partition == segment.Partition) && CompactionPlanner.Concerns(file, segment))
            {
                _missed.TryAdd(segment.Id, new MissedDelete(segment, file, body.Keys, shard.Checkpoint));
            }
        }
    }

    private sealed record Shard(LogPosition Checkpoint, DeleteFileComparison[] Files, SegmentRecord[] Segments);

    /// <summary>The first delete that concerns a segment and is in no file.</summary>
    private sealed class MissedDelete : Comparison
    {
        private readonly SegmentRecord _segment;

        public MissedDelete(SegmentRecord segment, DeleteFileRecord delete, Column keys, LogPosition checkpoint)
            : base(FormattableString.Invariant($"segment {segment.Id}"), delete.From)
        {
            _segment = segment;
            Difference = $"expected the delete of key {ColumnComparison.Text(keys, 0)} in entry {delete.From} in a delete file, for the checkpoint is at {checkpoint}, found none (S7)";
        }

        protected override bool IsEnded => true;

        public override void Conclude()
        {
        }

        public override bool IsStill(CatalogSnapshot now) => now.FindSegment(_segment.Collection, _segment.Id) is { State: SegmentState.Flushed };
    }
}
