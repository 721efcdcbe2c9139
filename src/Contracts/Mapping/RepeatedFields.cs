using System.Runtime.InteropServices;
using Google.Protobuf.Collections;

namespace MiniMilvus.Contracts.Mapping;

/// <summary>Bulk copies between protobuf's repeated fields and memory: one block copy, never value by value.</summary>
internal static class RepeatedFields
{
    public static void AddValues<T>(this RepeatedField<T> to, ReadOnlyMemory<T> values)
    {
        // A collection is copied as a block; anything else would be enumerated.
        if (MemoryMarshal.TryGetArray(values, out var segment))
        {
            to.AddRange(segment);
        }
        else
        {
            to.AddRange(values.ToArray());
        }
    }

    public static T[] ToValues<T>(this RepeatedField<T> from)
    {
        var values = new T[from.Count];
        from.CopyTo(values, 0);
        return values;
    }
}
