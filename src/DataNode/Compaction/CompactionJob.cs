using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.DataNode.Channels;
using MiniMilvus.DataNode.Flush;
using MiniMilvus.DataNode.Garbage;
using MiniMilvus.Storage.Compaction;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.DataNode.Compaction;

/// <summary>
/// Makes one segment of several: the intent in the catalogue, the column files one after the other, the manifest, then the flip of all of them in
/// one transaction (S8, S9). Deletes that are old enough are applied for good; all others, and those that come while it runs, apply to the output as
/// to any segment, for it says up to which position it has them. An attempt that ends half-way leaves an intent and files, which are collected.
/// </summary>
internal sealed class CompactionJob(IObjectStore objects, IComputePool compute, LiveAttempts live, LoadGate gate, TimeProvider time, IStationSink stations, Metrics metrics, ILogger log)
{
    /// <param name="files">Delete files of the shard that are old enough to be applied for good, in log order.</param>
    /// <param name="request">The compaction that asked for it; 0 = none.</param>
    public async Task RunAsync(ChannelLease lease, PlannedCompaction plan, IReadOnlyList<DeleteFileRecord> files, long request, CancellationToken ct)
    {
        var began = time.GetTimestamp();
        using var attempt = live.Begin();
        var id = attempt.Is(await lease.AllocateIdAsync(ct)); // The segment and its one attempt have one number.
        var intent = Intent(plan, new SegmentId(id), files);
        await lease.CommitAsync(new BeginCompaction(plan.Channel, lease.Term, intent), ct);
        await gate.WaitAsync(ct);
        var selection = await RowSelection.MakeAsync(objects, compute, plan.Inputs, files, ct);
        var output = intent with { State = SegmentState.Dropped, PurgedUntil = selection.PurgedUntil };
        if (selection.Kept > 0)
        {
            var origin = new SegmentOrigin(intent.Id, intent.Collection, intent.Partition, intent.Channel, intent.SchemaVersion, lease.Term, id, intent.Start, intent.End);
            var (manifest, path) = await WriteAsync(origin, selection, intent, ct);
            output = output with
            {
                State = SegmentState.Flushed,
                Rows = manifest.Rows,
                Bytes = manifest.Bytes,
                ManifestPath = path,
                MinTick = manifest.MinTick,
                MaxTick = manifest.MaxTick,
            };
        }

        output = output with { CompactedAt = Timestamp.FromUnixMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds()) };
        await lease.CommitAsync(new CommitCompaction(plan.Channel, lease.Term, output, request), ct);
        var read = plan.Inputs.Sum(s => s.Rows);
        Log.Compacted(log, output.Id, plan.Channel, plan.Inputs.Length, output.Rows, read - output.Rows);
        metrics.Compacted(plan.Inputs.Length, output.Rows, read - output.Rows, output.Bytes, time.GetElapsedTime(began));
        if (stations.IsEnabled)
        {
            stations.Emit(new StationEvent(Station.SegmentCompacted, plan.Channel.Name, output.MaxTick, output.End, output.Rows));
        }
    }

    private static SegmentRecord Intent(PlannedCompaction plan, SegmentId id, IReadOnlyList<DeleteFileRecord> files)
    {
        var first = plan.Inputs[0];
        // What every input has applied, and what is applied now.
        var applied = plan.Inputs.Select(s => s.DeletesUntil).Aggregate(LogPosition.Min);
        return new SegmentRecord
        {
            Id = id,
            Collection = first.Collection,
            Partition = plan.Partition,
            Channel = plan.Channel,
            State = SegmentState.Compacting,
            SchemaVersion = first.SchemaVersion,
            Start = plan.Inputs.Select(s => s.Start).Aggregate(LogPosition.Min),
            End = plan.Inputs.Select(s => s.End).Aggregate((a, b) => a > b ? a : b),
            CompactedFrom = [.. plan.Inputs.Select(s => s.Id)],
            DeletesUntil = files.Count > 0 && files[^1].Until > applied ? files[^1].Until : applied,
        };
    }

    private async ValueTask<(SegmentManifest Manifest, string Path)> WriteAsync(SegmentOrigin origin, RowSelection selection, SegmentRecord intent, CancellationToken ct)
    {
        var (ticks, order) = await compute.RunAsync(selection.Arrange, ct);
        var shape = selection.Inputs[0].Reader.Manifest;
        ImmutableArray<FieldId> fields = [.. shape.Files.Select(f => f.Field).Where(f => f != FieldId.Timestamp)];
        if (selection.Inputs.FirstOrDefault(i => !SameFields(i.Reader.Manifest, shape)) is { } other)
        {
            throw MiniMilvusException.Corrupted($"{other.Reader.Path}: expected the fields of {selection.Inputs[0].Reader.Path}, for both have schema version {intent.SchemaVersion}");
        }

        var trace = new CompactionTrace(intent.CompactedFrom, intent.DeletesUntil, selection.PurgedUntil);
        return await SegmentWriter.WriteAsync(objects, origin, shape.PrimaryKey, fields, (field, token) => ColumnAsync(selection, field, order, token), ticks, trace, ct);
    }

    private static bool SameFields(SegmentManifest a, SegmentManifest b) =>
        a.PrimaryKey == b.PrimaryKey && a.Files.Select(f => (f.Field, f.Type)).OrderBy(f => f.Field).SequenceEqual(b.Files.Select(f => (f.Field, f.Type)).OrderBy(f => f.Field));

    /// <summary>One column of the output. Vectors are read where they lie, so that no more than the column itself is in memory twice.</summary>
    private async ValueTask<Column> ColumnAsync(RowSelection selection, FieldId field, int[]? order, CancellationToken ct)
    {
        await gate.WaitAsync(ct);
        var parts = new List<Column>(selection.Inputs.Count);
        var views = new List<FileView>();
        try
        {
            foreach (var input in selection.Inputs.Where(i => i.Kept > 0))
            {
                parts.Add(await ReadAsync(input, field, views, ct));
            }

            return await compute.RunAsync(() => Put(selection, parts, order), ct);
        }
        finally
        {
            // The pool ends a job that has begun before its task ends, so nothing reads the views any more.
            views.ForEach(v => v.Dispose());
        }
    }

    private static async ValueTask<Column> ReadAsync(KeptRows input, FieldId field, List<FileView> views, CancellationToken ct)
    {
        if (field == input.Keys.Field)
        {
            return input.Keys;
        }

        if (input.Reader.Manifest.Files.First(f => f.Field == field).Type != DataType.FloatVector)
        {
            return await input.Reader.ReadColumnAsync(field, ct);
        }

        var (vectors, view) = await input.Reader.ViewVectorsAsync(field, ct);
        views.Add(view);
        return vectors;
    }

    // Always a copy: a view's bytes go with it.
    private static Column Put(RowSelection selection, List<Column> parts, int[]? order)
    {
        var inputs = selection.Inputs.Where(i => i.Kept > 0).ToList();
        var kept = parts.Select((part, i) => inputs[i].Dropped == 0 && parts.Count > 1 ? part : part.Take(inputs[i].Rows())).ToArray();
        var joined = kept.Length == 1 ? kept[0] : Columns.Concat(kept);
        return order is null ? joined : joined.Take(order);
    }
}
