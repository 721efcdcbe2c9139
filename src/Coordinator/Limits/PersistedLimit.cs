using System.Buffers.Binary;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Coordinator.Limits;

/// <summary>
/// A number below which its owner may give things out from memory (timestamps, ids), persisted ahead. It moves by compare-and-set and carries the
/// owner's epoch, so an owner that was replaced finds a limit that is not its own, and one whose reply was lost recognises its own (W9).
/// </summary>
internal sealed class PersistedLimit(IMetaStore meta, string key)
{
    private const int Bytes = 16;

    private ulong _epoch;
    private long _revision;

    /// <summary>Takes the limit over in a new epoch. Returns the stored number, or null at the very first start.</summary>
    public async Task<ulong?> TakeOverAsync(CancellationToken ct)
    {
        while (true)
        {
            var stored = await meta.GetAsync(key, ct);
            var (number, epoch) = stored is null ? (0UL, 0UL) : Decode(stored);
            var value = Encode(number, epoch + 1);
            var result = await meta.TransactAsync([new MetaCompare.ModRevision(key, stored?.ModRevision ?? 0)], [new MetaOperation.Put(key, value)], ct);
            if (result.Succeeded)
            {
                (_epoch, _revision) = (epoch + 1, result.Revision);
                return stored is null ? null : number;
            }
        }
    }

    /// <summary>Moves the limit. Fenced when somebody else has taken it over.</summary>
    public async ValueTask MoveAsync(ulong number, CancellationToken ct)
    {
        var result = await meta.TransactAsync([new MetaCompare.ModRevision(key, _revision)], [new MetaOperation.Put(key, Encode(number, _epoch))], ct);
        if (result.Succeeded)
        {
            _revision = result.Revision;
            return;
        }

        var stored = await meta.GetAsync(key, ct);
        if (stored is null || Decode(stored).Epoch != _epoch)
        {
            throw MiniMilvusException.Fenced($"'{key}' was taken over by another coordinator");
        }

        // Our own earlier write, whose reply was lost: it stands, and we go on from it.
        _revision = stored.ModRevision;
        await MoveAsync(number, ct);
    }

    private (ulong Number, ulong Epoch) Decode(MetaEntry entry) => entry.Value.Length == Bytes
        ? (BinaryPrimitives.ReadUInt64BigEndian(entry.Value.Span), BinaryPrimitives.ReadUInt64BigEndian(entry.Value.Span[8..]))
        : throw MiniMilvusException.Corrupted($"metadata key '{key}': expected {Bytes} bytes, found {entry.Value.Length}");

    private static byte[] Encode(ulong number, ulong epoch)
    {
        var value = new byte[Bytes];
        BinaryPrimitives.WriteUInt64BigEndian(value, number);
        BinaryPrimitives.WriteUInt64BigEndian(value.AsSpan(8), epoch);
        return value;
    }
}
