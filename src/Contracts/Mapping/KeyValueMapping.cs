using System.Collections.Immutable;
using Google.Protobuf.Collections;
using KeyValuePair = MiniMilvus.Contracts.Wire.Common.KeyValuePair;

namespace MiniMilvus.Contracts.Mapping;

/// <summary>Milvus's lists of key-value pairs ↔ sorted dictionaries. When a key comes twice, the last one counts.</summary>
public static class KeyValueMapping
{
    public static ImmutableSortedDictionary<string, string> ToDictionary(this IEnumerable<KeyValuePair> pairs)
    {
        var map = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var pair in pairs)
        {
            map[pair.Key] = pair.Value;
        }

        return map.ToImmutable();
    }

    public static void AddPairs(this RepeatedField<KeyValuePair> to, IEnumerable<KeyValuePair<string, string>> from)
    {
        foreach (var (key, value) in from)
        {
            to.Add(new KeyValuePair { Key = key, Value = value });
        }
    }
}
