using System.Buffers;
using System.Buffers.Binary;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Checksums;

namespace MiniMilvus.Storage.Meta;

/// <summary>
/// Bytes of a snapshot (docs/formats/meta-journal.md): magic "MMMETAS" + version 1, generation, sequence, revision (i64 each), leases
/// (count, then id and ticks), entries (count, then create, mod, version, lease, key, value), CRC32C u32 of everything before it.
/// </summary>
internal static class MetaSnapshotFormat
{
    private static readonly byte[] Magic = "MMMETAS\u0001"u8.ToArray();

    public static byte[] Encode(long generation, MetaState state)
    {
        var to = new ArrayBufferWriter<byte>();
        to.Write(Magic);
        to.PutInt64(generation);
        to.PutInt64(state.Sequence);
        to.PutInt64(state.Revision);
        var leases = state.Leases.ToArray();
        to.PutInt32(leases.Length);
        foreach (var (id, timeToLive) in leases)
        {
            to.PutInt64(id);
            to.PutInt64(timeToLive.Ticks);
        }

        to.PutInt32(state.Count);
        foreach (var entry in state.Entries)
        {
            to.PutInt64(entry.CreateRevision);
            to.PutInt64(entry.ModRevision);
            to.PutInt64(entry.Version);
            to.PutInt64(entry.Lease);
            to.PutText(entry.Key);
            to.PutBlob(entry.Value.Span);
        }

        to.PutInt32((int)Crc32C.Of(to.WrittenSpan));
        return to.WrittenSpan.ToArray();
    }

    /// <summary>Throws Corrupted when the bytes are not that snapshot.</summary>
    public static MetaState Decode(long generation, ReadOnlySpan<byte> bytes, string where)
    {
        if (bytes.Length < Magic.Length + 4 || !bytes[..Magic.Length].SequenceEqual(Magic))
        {
            throw MiniMilvusException.Corrupted($"{where}: no snapshot of version 1 ({bytes.Length} bytes)");
        }

        var expected = BinaryPrimitives.ReadUInt32LittleEndian(bytes[^4..]);
        var found = Crc32C.Of(bytes[..^4]);
        if (expected != found)
        {
            throw MiniMilvusException.Corrupted($"{where}: expected checksum {expected:x8}, found {found:x8}");
        }

        var reader = new MetaByteReader(bytes[Magic.Length..^4], where);
        if (reader.Int64() is var named && named != generation)
        {
            throw MiniMilvusException.Corrupted($"{where}: expected generation {generation}, found {named}");
        }

        var sequence = reader.Int64();
        var revision = reader.Int64();
        var leases = new (long, TimeSpan)[reader.Count(16)];
        for (var i = 0; i < leases.Length; i++)
        {
            leases[i] = (reader.Int64(), reader.TimeToLive());
        }

        var entries = new MetaEntry[reader.Count(40)];
        for (var i = 0; i < entries.Length; i++)
        {
            var (create, mod, version, lease) = (reader.Int64(), reader.Int64(), reader.Int64(), reader.Int64());
            var key = reader.Text();
            entries[i] = new MetaEntry(key, reader.Blob(), create, mod, version, lease);
        }

        reader.End();
        try
        {
            return new MetaState(sequence, revision, leases, entries);
        }
        catch (ArgumentException e)
        {
            throw MiniMilvusException.Corrupted($"{where}: a key or lease twice: {e.Message}", e);
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
        {
            throw MiniMilvusException.Corrupted($"{where}: {e.Message}", e);
        }
    }
}
