using System.Collections.Immutable;
using System.Text;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Coordinator.Segments;

/// <summary>The comparison that makes a commit of a stale data node fail inside its transaction (S9).</summary>
internal sealed class TermFence(IMetaStore meta)
{
    /// <summary>Throws Fenced at once when the term is stale already.</summary>
    public async ValueTask<ImmutableArray<MetaCompare>> OfAsync(SegmentCommit commit, CancellationToken ct)
    {
        ImmutableArray<MetaCompare> fence = [new MetaCompare.Value(CatalogKeys.Term("data", commit.Channel.PChannel.Name), CatalogCodec.Encode(commit.Term.Value))];
        await RequireAsync(fence, ct);
        return fence;
    }

    /// <summary>After a transaction that failed: throws Fenced when it was the term.</summary>
    public async ValueTask RequireAsync(ImmutableArray<MetaCompare> fence, CancellationToken ct)
    {
        foreach (var compare in fence.OfType<MetaCompare.Value>())
        {
            var stored = await meta.GetAsync(compare.Key, ct);
            if (stored is null || !stored.Value.Span.SequenceEqual(compare.Expected.Span))
            {
                throw MiniMilvusException.Fenced(
                    $"{compare.Key}: expected term {(stored is null ? "none" : new Term(CatalogCodec.Number(stored)).ToString())}, found {Encoding.ASCII.GetString(compare.Expected.Span)}");
            }
        }
    }
}
