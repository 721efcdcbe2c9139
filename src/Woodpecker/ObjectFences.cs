using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.S3;

namespace MiniMilvus.Woodpecker;

/// <summary>
/// Which fence the logs of a deployment have: decided once, by what the probe found at the first start, and kept with the metadata. Writers of
/// two kinds do not shut each other out, so a store that changed its answer is refused.
/// </summary>
public static class ObjectFences
{
    /// <summary>Where in the metadata it is kept.</summary>
    public const string Key = "woodpecker/store";

    /// <summary>Decides, or compares with what was decided.</summary>
    /// <exception cref="MiniMilvusException">Invalid (NotSupported): the store is not safe, or answers otherwise than at the first start. Unavailable: metadata.</exception>
    public static async ValueTask<ObjectFence> DecideAsync(IMetaStore meta, StoreCapabilities found, CancellationToken ct)
    {
        found.RequireSafe();
        if (await FindAsync(meta, ct) is null)
        {
            // Whoever comes first decides; the answer does not matter, for what is there now is read next.
            await meta.TransactAsync([MetaCompare.IsAbsent(Key)], [new MetaOperation.Put(Key, found.Encode())], ct);
        }

        var decided = await FindAsync(meta, ct) ?? throw MiniMilvusException.Unavailable($"metadata {Key}: expected what the object store can do, which was just written, found nothing");
        return decided.ConditionalPuts == found.ConditionalPuts
            ? FenceOf(decided)
            : throw MiniMilvusException.Invalid(
                ErrorReason.NotSupported,
                $"object store: expected conditional puts to be {Word(decided)}, as at the first start ({decided.Store}, {decided.Evidence}), found {Word(found)} ({found.Store}, {found.Evidence}): "
                + $"the log was begun with another fence, and a writer that still runs would not be shut out. Use the store it was begun on (metadata {Key} holds the first answer)");
    }

    /// <summary>What was decided; null before the first start of a writer.</summary>
    public static async ValueTask<ObjectFence?> FindFenceAsync(IMetaStore meta, CancellationToken ct) => await FindAsync(meta, ct) is { } found ? FenceOf(found) : null;

    private static async ValueTask<StoreCapabilities?> FindAsync(IMetaStore meta, CancellationToken ct) =>
        await meta.GetAsync(Key, ct) is { } entry ? StoreCapabilities.Decode(entry.Value.Span) : null;

    private static ObjectFence FenceOf(StoreCapabilities found) => found.NeedsLock ? ObjectFence.Lock : ObjectFence.ConditionalPut;

    private static string Word(StoreCapabilities found) => found.NeedsLock ? "unknown to it (501)" : "honoured";
}
