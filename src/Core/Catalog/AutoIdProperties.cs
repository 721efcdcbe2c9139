using System.Globalization;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Core.Catalog;

/// <summary>Properties of a collection that say how its generated primary keys come about.</summary>
public static class AutoIdProperties
{
    /// <summary>Milvus's: "true" = an insert may bring keys of its own.</summary>
    public const string AllowInsert = "allow_insert_auto_id";

    /// <summary>Ours: keys are generated above this number, so that they meet none of those that a restored collection brought along.</summary>
    public const string Above = "minimilvus.auto_id.above";

    /// <exception cref="MiniMilvusException">Invalid: the property is no such number.</exception>
    public static long AboveOf(CollectionRecord collection)
    {
        if (!collection.Properties.TryGetValue(Above, out var text))
        {
            return 0;
        }

        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var above) && above <= long.MaxValue / 2
            ? above
            : throw MiniMilvusException.Invalid($"collection '{collection.Name}': expected its property {Above} to be a number up to {long.MaxValue / 2}, found '{text}'");
    }
}
