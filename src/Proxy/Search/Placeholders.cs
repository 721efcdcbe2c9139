using System.Runtime.InteropServices;
using Google.Protobuf;
using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Schema;
using MiniMilvus.Proxy.Insert;

namespace MiniMilvus.Proxy.Search;

/// <summary>Query vectors, row after row.</summary>
internal readonly record struct QueryVectors(float[] Values, int Count);

/// <summary>Reads a placeholder group: the query vectors of a search, 4 × dim bytes each, little-endian, as this machine's are (checked at start).</summary>
internal static class Placeholders
{
    public static QueryVectors Read(ByteString bytes, FieldSchema field, int queriesMax)
    {
        PlaceholderGroup group;
        try
        {
            group = PlaceholderGroup.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw MiniMilvusException.Invalid($"placeholder_group: {bytes.Length} bytes that are no PlaceholderGroup: {e.Message}");
        }

        if (group.Placeholders.Count != 1)
        {
            throw MiniMilvusException.Invalid($"placeholder_group: expected one placeholder, found {group.Placeholders.Count}");
        }

        var placeholder = group.Placeholders[0];
        if (placeholder.Type != PlaceholderType.FloatVector)
        {
            throw MiniMilvusException.Invalid($"search on field '{field.Name}': expected float vectors, found {placeholder.Type}");
        }

        if (placeholder.Values.Count == 0 || placeholder.Values.Count > queriesMax)
        {
            throw MiniMilvusException.Invalid($"nq: expected 1 to {queriesMax} query vectors, found {placeholder.Values.Count}");
        }

        return new QueryVectors(Vectors(placeholder, field), placeholder.Values.Count);
    }

    private static float[] Vectors(PlaceholderValue placeholder, FieldSchema field)
    {
        var vectors = new float[placeholder.Values.Count * field.Dim];
        for (var query = 0; query < placeholder.Values.Count; query++)
        {
            var value = placeholder.Values[query].Span;
            if (value.Length != 4 * field.Dim)
            {
                throw MiniMilvusException.Invalid($"search on field '{field.Name}', query vector {query}: expected dim {field.Dim} ({4 * field.Dim} bytes), found dim {value.Length / 4} ({value.Length} bytes)");
            }

            value.CopyTo(MemoryMarshal.AsBytes(vectors.AsSpan(query * field.Dim, field.Dim)));
        }

        var bad = ColumnRules.FirstNotFinite(vectors);
        return bad < 0
            ? vectors
            : throw MiniMilvusException.Invalid($"search on field '{field.Name}', query vector {bad / field.Dim}: expected finite numbers, found {vectors[bad]} at element {bad % field.Dim}");
    }
}
