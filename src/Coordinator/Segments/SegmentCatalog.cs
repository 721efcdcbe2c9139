using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Coordinator.Segments;

/// <summary>
/// Station 16: the life of a segment in the catalogue. Growing → flushed by compare-and-set, exactly once; every step is idempotent and
/// compares the caller's term in the same transaction, so a paused node that wakes up commits nothing (S9).
/// </summary>
internal sealed class SegmentCatalog(IMetaStore meta, Action<PChannel, Term> requireStreamingTerm, ILogger logger)
{
    private readonly TermFence _fence = new(meta);
    private readonly CompactionCatalog _compactions = new(meta, new TermFence(meta), logger);

    /// <summary>Makes the caller the one data node of a pchannel, in a new term.</summary>
    public async ValueTask<Term> AcquireDataChannelAsync(PChannel channel, CancellationToken ct)
    {
        var key = CatalogKeys.Term("data", channel.Name);
        while (true)
        {
            var stored = await meta.GetAsync(key, ct);
            var term = new Term((stored is null ? 0 : new Term(CatalogCodec.Number(stored)).Value) + 1);
            var result = await meta.TransactAsync(
                [new MetaCompare.ModRevision(key, stored?.ModRevision ?? 0)], [new MetaOperation.Put(key, CatalogCodec.Encode(term.Value))], ct);
            if (result.Succeeded)
            {
                return term;
            }
        }
    }

    public async ValueTask CommitAsync(SegmentCommit commit, CancellationToken ct)
    {
        switch (commit)
        {
            case RegisterGrowing register:
                requireStreamingTerm(register.Channel.PChannel, register.Term);
                await UpdateSegmentAsync(register.Collection, register.Segment, [], stored => stored ?? new SegmentRecord
                {
                    Id = register.Segment,
                    Collection = register.Collection,
                    Partition = register.Partition,
                    Channel = register.Channel,
                    State = SegmentState.Growing,
                    SchemaVersion = register.SchemaVersion,
                }, ct);
                break;
            case CommitFlush flush:
                await UpdateSegmentAsync(flush.Segment.Collection, flush.Segment.Id, await _fence.OfAsync(commit, ct),
                    stored => stored is null or { State: SegmentState.Growing } ? flush.Segment : stored, ct);
                Log.SegmentCommitted(logger, flush.Segment.Id, "flush");
                break;
            case CommitIndex index:
                await CommitIndexAsync(index, ct);
                Log.SegmentCommitted(logger, index.Segment, "index");
                break;
            case ConfirmTerm:
                await _fence.OfAsync(commit, ct);
                break;
            case DiscardIndex discard:
                await UpdateSegmentAsync(discard.Collection, discard.Segment, [], stored =>
                    stored?.Indexes.FirstOrDefault(i => i.IndexId == discard.IndexId && i.Path == discard.Path) is { } named ? stored with { Indexes = stored.Indexes.Remove(named) } : stored, ct);
                Log.SegmentCommitted(logger, discard.Segment, "an index discarded");
                break;
            case CommitDeletes deletes:
                await PutAsync(commit, CatalogKeys.DeleteFile(deletes.File.Collection, deletes.Channel, deletes.File.Id),
                    stored => stored is null ? CatalogCodec.Encode(deletes.File) : default(ReadOnlyMemory<byte>?), ct);
                break;
            case AdvanceCheckpoint advance:
                await PutAsync(commit, CatalogKeys.Checkpoint(advance.Channel), stored =>
                {
                    var old = stored is null ? null : CatalogCodec.Checkpoint(stored);
                    var isForward = old is null || advance.Position > old.Position || (advance.Position == old.Position && advance.Tick > old.Tick);
                    return isForward ? CatalogCodec.Encode(new ChannelCheckpoint(advance.Channel, advance.Position, advance.Tick, advance.Term)) : default(ReadOnlyMemory<byte>?);
                }, ct);
                break;
            case BeginCompaction begin:
                await _compactions.BeginAsync(begin, ct);
                break;
            case CommitCompaction compaction:
                await _compactions.CommitAsync(compaction, ct);
                break;
            case EndCompactionPlan end:
                await _compactions.EndPlanAsync(end, ct);
                break;
            case ForgetSegments forget:
                await _compactions.ForgetAsync(forget, ct);
                break;
            case DiscardDeletes discard:
                await _compactions.DiscardDeletesAsync(discard, ct);
                break;
            default:
                throw MiniMilvusException.Internal($"no commit for {commit.GetType().Name}");
        }
    }

    private async ValueTask CommitIndexAsync(CommitIndex commit, CancellationToken ct)
    {
        var segments = await meta.RangeAsync(CatalogKeys.SegmentPrefix, ct);
        var found = segments.Entries.Select(e => CatalogCodec.Segment(e)).FirstOrDefault(s => s.Id == commit.Segment);
        if (found is null)
        {
            return; // The collection was dropped meanwhile.
        }

        await UpdateSegmentAsync(found.Collection, found.Id, await _fence.OfAsync(commit, ct), stored =>
            stored is not { State: SegmentState.Flushed } || stored.Indexes.Any(i => i.IndexId == commit.Index.IndexId) ? stored : stored with { Indexes = stored.Indexes.Add(commit.Index) }, ct);
    }

    private async ValueTask UpdateSegmentAsync(
        CollectionId collection, SegmentId segment, ImmutableArray<MetaCompare> fence, Func<SegmentRecord?, SegmentRecord?> change, CancellationToken ct)
    {
        var key = CatalogKeys.Segment(collection, segment);
        var parent = CatalogKeys.Collection(collection);
        while (true)
        {
            var owner = await meta.GetAsync(parent, ct);
            if (owner is null || CatalogCodec.Collection(owner).State == DdlState.Dropping)
            {
                return; // A dropped collection has no segments to commit (S5).
            }

            var stored = await meta.GetAsync(key, ct);
            var old = stored is null ? null : CatalogCodec.Segment(stored);
            var changed = change(old);
            if (changed is null || ReferenceEquals(changed, old))
            {
                return;
            }

            var result = await meta.TransactAsync(
                fence.Add(new MetaCompare.ModRevision(key, stored?.ModRevision ?? 0)).Add(new MetaCompare.CreateRevision(parent, owner.CreateRevision)),
                [new MetaOperation.Put(key, CatalogCodec.Encode(changed))],
                ct);
            if (result.Succeeded)
            {
                return;
            }

            await _fence.RequireAsync(fence, ct);
        }
    }

    private async ValueTask PutAsync(SegmentCommit commit, string key, Func<MetaEntry?, ReadOnlyMemory<byte>?> change, CancellationToken ct)
    {
        var fence = await _fence.OfAsync(commit, ct);
        var parent = CatalogKeys.Collection(commit.Channel.Collection);
        while (true)
        {
            var owner = await meta.GetAsync(parent, ct);
            if (owner is null || CatalogCodec.Collection(owner).State == DdlState.Dropping)
            {
                return; // A dropped collection keeps no checkpoints and no delete files.
            }

            var stored = await meta.GetAsync(key, ct);
            if (change(stored) is not { } value)
            {
                return;
            }

            var result = await meta.TransactAsync(
                fence.Add(new MetaCompare.ModRevision(key, stored?.ModRevision ?? 0)).Add(new MetaCompare.CreateRevision(parent, owner.CreateRevision)),
                [new MetaOperation.Put(key, value)],
                ct);
            if (result.Succeeded)
            {
                return;
            }

            await _fence.RequireAsync(fence, ct);
        }
    }
}
