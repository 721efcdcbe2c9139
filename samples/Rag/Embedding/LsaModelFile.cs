using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace MiniMilvus.Rag.Embedding;

/// <summary>
/// A model on disk: magic "MMLSA001", the body, and the SHA-256 of the body, which is also the model's name.
/// Written beside and then renamed, so a crash leaves the old file or the new one.
/// </summary>
internal static class LsaModelFile
{
    private const ulong Magic = 0x3130304153_4C4D4D;
    private const int HashBytes = 32;

    public static byte[] Body(LsaOptions options, int documentCount, string[] terms, float[] idf, float[] projection)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write(options.Rank);
        writer.Write(options.WordBuckets);
        writer.Write(options.GramBuckets);
        writer.Write(options.FittedGramBuckets);
        writer.Write(options.FittedGramWeight);
        writer.Write(options.MeaningWeight);
        writer.Write(options.WordWeight);
        writer.Write(options.GramWeight);
        writer.Write(options.VocabularyMax);
        writer.Write(documentCount);
        writer.Write(terms.Length);
        foreach (var term in terms)
        {
            writer.Write(term);
        }
        writer.Write(MemoryMarshal.AsBytes(idf.AsSpan()));
        writer.Write(MemoryMarshal.AsBytes(projection.AsSpan()));
        writer.Flush();
        return stream.ToArray();
    }

    public static string HashOf(byte[] body) => Convert.ToHexStringLower(SHA256.HashData(body));

    public static async Task SaveAsync(LsaModel model, string path, CancellationToken ct)
    {
        var body = Body(model.Options, model.DocumentCount, model.Terms, model.Idf, model.Projection);
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var beside = path + ".new";
        await using (var file = new FileStream(beside, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            await file.WriteAsync(BitConverter.GetBytes(Magic), ct);
            await file.WriteAsync(body, ct);
            await file.WriteAsync(SHA256.HashData(body), ct);
            file.Flush(flushToDisk: true);
        }
        File.Move(beside, path, overwrite: true);
    }

    /// <summary>The model, or null when there is no file. A damaged file is an error: deleting it makes a new model.</summary>
    public static async Task<LsaModel?> LoadAsync(string path, CancellationToken ct)
    {
        if (!File.Exists(path))
        {
            return null;
        }
        var bytes = await File.ReadAllBytesAsync(path, ct);
        if (bytes.Length < sizeof(ulong) + HashBytes || BitConverter.ToUInt64(bytes) != Magic)
        {
            throw new InvalidDataException($"{path} is not a model file of this version; delete it to fit a new model.");
        }
        var body = bytes[sizeof(ulong)..^HashBytes];
        if (!SHA256.HashData(body).AsSpan().SequenceEqual(bytes.AsSpan(bytes.Length - HashBytes)))
        {
            throw new InvalidDataException($"{path} does not match its checksum; delete it to fit a new model.");
        }
        using var reader = new BinaryReader(new MemoryStream(body));
        var options = new LsaOptions
        {
            Rank = reader.ReadInt32(),
            WordBuckets = reader.ReadInt32(),
            GramBuckets = reader.ReadInt32(),
            FittedGramBuckets = reader.ReadInt32(),
            FittedGramWeight = reader.ReadSingle(),
            MeaningWeight = reader.ReadSingle(),
            WordWeight = reader.ReadSingle(),
            GramWeight = reader.ReadSingle(),
            VocabularyMax = reader.ReadInt32(),
        };
        var documentCount = reader.ReadInt32();
        var terms = new string[reader.ReadInt32()];
        for (var i = 0; i < terms.Length; i++)
        {
            terms[i] = reader.ReadString();
        }
        var idf = new float[terms.Length];
        reader.BaseStream.ReadExactly(MemoryMarshal.AsBytes(idf.AsSpan()));
        var projection = new float[(terms.Length + options.FittedGramBuckets) * options.Rank];
        reader.BaseStream.ReadExactly(MemoryMarshal.AsBytes(projection.AsSpan()));
        return new LsaModel(options, documentCount, terms, idf, projection, HashOf(body));
    }
}
