using System.Collections.Immutable;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Storage.Meta;

/// <summary>The bounds on keys, values and transactions: within etcd's defaults, so that what fits here fits there.</summary>
internal static class MetaLimits
{
    public const int KeyMax = 1024;
    public const int OperationsMax = 128;

    /// <summary>All keys and values of a transaction. etcd takes a request of 1.5 MiB; the rest is for its encoding and for a root path before each key.</summary>
    public const int TransactionBytesMax = (1536 - 64) * 1024;

    public static readonly TimeSpan LeaseMax = TimeSpan.FromDays(365);

    public static void CheckKey(string key)
    {
        if (key.Length is 0 or > KeyMax)
        {
            throw MiniMilvusException.Invalid($"metadata key '{key}': expected 1 to {KeyMax} characters, found {key.Length}");
        }

        CheckPrefix(key);
    }

    public static void CheckPrefix(string prefix)
    {
        foreach (var c in prefix)
        {
            if (c is < ' ' or > '~')
            {
                throw MiniMilvusException.Invalid($"metadata key '{prefix}': expected printable ASCII, found U+{(int)c:X4}");
            }
        }
    }

    public static void Check(ImmutableArray<MetaCompare> compares, ImmutableArray<MetaOperation> operations)
    {
        if (compares.Length > OperationsMax || operations.Length > OperationsMax)
        {
            throw MiniMilvusException.Invalid(
                $"metadata transaction: expected up to {OperationsMax} comparisons and operations, found {compares.Length} and {operations.Length}");
        }

        var bytes = 0L;
        foreach (var compare in compares)
        {
            CheckKey(compare.Key);
            bytes += compare.Key.Length + (compare is MetaCompare.Value value ? value.Expected.Length : 0);
        }

        var written = new HashSet<string>(StringComparer.Ordinal);
        foreach (var operation in operations)
        {
            CheckKey(operation.Key);
            bytes += operation.Key.Length + (operation is MetaOperation.Put put ? put.Value.Length : 0);
            if (!written.Add(operation.Key))
            {
                throw MiniMilvusException.Invalid($"metadata transaction: key '{operation.Key}' is written twice");
            }
        }

        if (bytes > TransactionBytesMax)
        {
            throw MiniMilvusException.Invalid($"metadata transaction: expected up to {TransactionBytesMax} bytes of keys and values, found {bytes}");
        }
    }
}
