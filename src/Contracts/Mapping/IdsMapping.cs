using MiniMilvus.Contracts.Wire.Schema;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;

namespace MiniMilvus.Contracts.Mapping;

/// <summary>A column of primary keys → Milvus's IDs. The oneof is set also for no rows: clients dereference it.</summary>
public static class IdsMapping
{
    public static IDs ToIds(this Column keys)
    {
        switch (keys)
        {
            case ScalarColumn<long> numbers:
                var ints = new LongArray();
                ints.Data.AddValues(numbers.Values);
                return new IDs { IntId = ints };
            case StringColumn texts:
                var strings = new StringArray();
                strings.Data.AddValues(texts.Values);
                return new IDs { StrId = strings };
            default:
                throw MiniMilvusException.Internal($"primary keys of type {keys.Type}");
        }
    }
}
