using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Immutable;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Checksums;

namespace MiniMilvus.Storage.Meta;

/// <summary>A journal record as found: its place in the order, and how far the journal was known to be durable when it was written.</summary>
internal readonly record struct JournalRecord(long Sequence, long Durable, int Length);

/// <summary>
/// Bytes of the journal (docs/formats/meta-journal.md). A file starts with 32 bytes: magic "MMMETAJ" + version 1, generation i64, base sequence
/// i64, zero u32, CRC32C u32. A record: payload bytes u32, CRC32C u32 (of the length and all that follows), sequence i64, durable sequence i64, payload.
/// </summary>
internal static class MetaJournalFormat
{
    public const int FileHeaderBytes = 32;
    public const int RecordHeaderBytes = 24;
    private const int PayloadBytesMax = 4 * 1024 * 1024;
    private const byte WriteKind = 1;
    private const byte GrantKind = 2;
    private const byte RevokeKind = 3;
    private const byte PutKind = 1;
    private const byte DeleteKind = 2;
    private static readonly byte[] Magic = "MMMETAJ\u0001"u8.ToArray();

    public static byte[] FileHeader(long generation, long baseSequence)
    {
        var header = new byte[FileHeaderBytes];
        Magic.CopyTo(header, 0);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(8), generation);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(16), baseSequence);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(28), Crc32C.Of(header.AsSpan(0, 28)));
        return header;
    }

    /// <summary>The base sequence; null when the header does not verify.</summary>
    public static long? TryReadFileHeader(ReadOnlySpan<byte> file, long generation) =>
        file.Length >= FileHeaderBytes && file[..8].SequenceEqual(Magic)
        && BinaryPrimitives.ReadUInt32LittleEndian(file[28..]) == Crc32C.Of(file[..28])
        && BinaryPrimitives.ReadInt64LittleEndian(file[8..]) == generation
            ? BinaryPrimitives.ReadInt64LittleEndian(file[16..])
            : null;

    public static void Append(MetaRecord record, long durable, ArrayBufferWriter<byte> to)
    {
        var payload = new ArrayBufferWriter<byte>();
        WritePayload(record, payload);
        Span<byte> header = stackalloc byte[RecordHeaderBytes];
        BinaryPrimitives.WriteInt32LittleEndian(header, payload.WrittenCount);
        BinaryPrimitives.WriteInt64LittleEndian(header[8..], record.Sequence);
        BinaryPrimitives.WriteInt64LittleEndian(header[16..], durable);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], Checksum(header, payload.WrittenSpan));
        to.Write(header);
        to.Write(payload.WrittenSpan);
    }

    /// <summary>The record at the start of the bytes, if they verify.</summary>
    public static JournalRecord? TryRead(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < RecordHeaderBytes)
        {
            return null;
        }

        var length = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        if (length is <= 0 or > PayloadBytesMax || length > bytes.Length - RecordHeaderBytes)
        {
            return null;
        }

        var payload = bytes.Slice(RecordHeaderBytes, length);
        return Checksum(bytes, payload) == BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..])
            ? new JournalRecord(BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]), BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]), length)
            : null;
    }

    public static MetaRecord ReadPayload(long sequence, ReadOnlySpan<byte> payload, string where)
    {
        var reader = new MetaByteReader(payload, where);
        var kind = reader.Byte();
        var revision = reader.Int64();
        MetaRecord record = kind switch
        {
            WriteKind => new MetaRecord.Write(sequence, revision, ReadOperations(ref reader, where)),
            GrantKind => new MetaRecord.Grant(sequence, revision, reader.TimeToLive()),
            RevokeKind => new MetaRecord.Revoke(sequence, revision, reader.Int64()),
            _ => throw MiniMilvusException.Corrupted($"{where}: unknown record kind {kind}"),
        };
        reader.End();
        return record;
    }

    private static uint Checksum(ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload)
    {
        var state = Crc32C.Append(Crc32C.Start, header[..4]);
        state = Crc32C.Append(state, header[8..RecordHeaderBytes]);
        return Crc32C.Finish(Crc32C.Append(state, payload));
    }

    private static void WritePayload(MetaRecord record, ArrayBufferWriter<byte> to)
    {
        to.PutByte(record switch
        {
            MetaRecord.Write => WriteKind,
            MetaRecord.Grant => GrantKind,
            MetaRecord.Revoke => RevokeKind,
            _ => throw MiniMilvusException.Internal($"no encoding for {record}"),
        });
        to.PutInt64(record.Revision);
        switch (record)
        {
            case MetaRecord.Write write:
                to.PutInt32(write.Operations.Length);
                foreach (var operation in write.Operations)
                {
                    WriteOperation(operation, to);
                }

                break;
            case MetaRecord.Grant grant:
                to.PutInt64(grant.TimeToLive.Ticks);
                break;
            case MetaRecord.Revoke revoke:
                to.PutInt64(revoke.Lease);
                break;
        }
    }

    private static void WriteOperation(MetaOperation operation, ArrayBufferWriter<byte> to)
    {
        to.PutByte(operation is MetaOperation.Put ? PutKind : DeleteKind);
        to.PutText(operation.Key);
        if (operation is MetaOperation.Put put)
        {
            to.PutInt64(put.Lease);
            to.PutBlob(put.Value.Span);
        }
    }

    private static ImmutableArray<MetaOperation> ReadOperations(ref MetaByteReader reader, string where)
    {
        var count = reader.Count(5);
        var operations = ImmutableArray.CreateBuilder<MetaOperation>(count);
        for (var i = 0; i < count; i++)
        {
            var kind = reader.Byte();
            var key = reader.Text();
            switch (kind)
            {
                case PutKind:
                    var lease = reader.Int64();
                    operations.Add(new MetaOperation.Put(key, reader.Blob(), lease));
                    break;
                case DeleteKind:
                    operations.Add(new MetaOperation.Delete(key));
                    break;
                default:
                    throw MiniMilvusException.Corrupted($"{where}: unknown operation kind {kind}");
            }
        }

        return operations.MoveToImmutable();
    }
}
