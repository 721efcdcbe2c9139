using System.Collections;
using System.Reflection;

namespace MiniMilvus.Fuzzing.Files;

/// <summary>Finds nulls and default arrays where a record's properties promise values: a reader would end in a NullReferenceException.</summary>
internal static class Holes
{
    public static void Require(object? value, string path)
    {
        Assert.True(value is not null, $"{path} is null");
        var type = value.GetType();
        if (value is string || type.IsPrimitive || type.IsEnum)
        {
            return;
        }

        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(System.Collections.Immutable.ImmutableArray<>))
        {
            Assert.False((bool)type.GetProperty("IsDefault")!.GetValue(value)!, $"{path} is a default array");
        }

        if (value is IEnumerable items)
        {
            foreach (var item in items)
            {
                Require(item, path + "[]");
            }

            return;
        }

        if (type.Namespace?.StartsWith("MiniMilvus", StringComparison.Ordinal) != true)
        {
            return;
        }

        var nullability = new NullabilityInfoContext();
        foreach (var property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.GetIndexParameters().Length == 0 && p.SetMethod is not null))
        {
            if (nullability.Create(property).ReadState == NullabilityState.NotNull)
            {
                Require(property.GetValue(value), $"{path}.{property.Name}");
            }
        }
    }
}
