using MiniMilvus.Client;

namespace MiniMilvus.Rag.Store;

/// <summary>The columns of a collection of passages, and the names that tie a collection to its embedding model.</summary>
internal static class PassageSchema
{
    public const string Id = "id";
    public const string Path = "path";
    public const string FileHash = "file_hash";
    public const string Kind = "kind";
    public const string Heading = "heading";
    public const string Ordinal = "ordinal";
    public const string LineStart = "line_start";
    public const string LineEnd = "line_end";
    public const string Text = "text";
    public const string Vector = "vector";

    public const string DocumentKind = "document";
    public const string NoteKind = "note";

    public const int TextBytesMax = 65_535;

    private const string ModelMark = "model=";

    public static readonly string[] PassageFields = [Id, Path, Kind, Heading, LineStart, LineEnd, Text];

    public static CollectionSchema For(int dimension, string modelHash) => new()
    {
        Description = $"Passages for retrieval-augmented generation; {ModelMark}{modelHash}",
        Fields =
        {
            FieldSchema.CreateVarchar(Id, 1024, isPrimaryKey: true),
            FieldSchema.CreateVarchar(Path, 1000),
            FieldSchema.CreateVarchar(FileHash, 64),
            FieldSchema.CreateVarchar(Kind, 16),
            FieldSchema.CreateVarchar(Heading, 2048),
            FieldSchema.Create<long>(Ordinal),
            FieldSchema.Create<long>(LineStart),
            FieldSchema.Create<long>(LineEnd),
            FieldSchema.CreateVarchar(Text, TextBytesMax),
            FieldSchema.CreateFloatVector(Vector, dimension),
        },
    };

    public static string CollectionName(string alias, string modelHash) => $"{alias}_{modelHash[..12]}";

    public static bool IsVersionOf(string alias, string collection) =>
        collection.Length == alias.Length + 13 && collection.StartsWith(alias + "_", StringComparison.Ordinal)
        && collection.Skip(alias.Length + 1).All(char.IsAsciiHexDigitLower);

    /// <summary>The hash of the model whose vectors a collection holds, or null when it carries none.</summary>
    public static string? ModelHashOf(string description)
    {
        var at = description.IndexOf(ModelMark, StringComparison.Ordinal);
        return at < 0 ? null : description[(at + ModelMark.Length)..].Trim();
    }
}
