using System.Text;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Storage.Objects;

/// <summary>What is a valid object key, the same for every store, so that a key that works on one works on all.</summary>
internal static class ObjectKeys
{
    public const int BytesMax = 1024;

    public static string Check(string key)
    {
        if (key.Length == 0 || Encoding.UTF8.GetByteCount(key) > BytesMax)
        {
            throw MiniMilvusException.Invalid($"object key '{key}': expected 1 to {BytesMax} bytes, found {Encoding.UTF8.GetByteCount(key)}");
        }

        foreach (var part in key.AsSpan().Split('/'))
        {
            if (key.AsSpan(part) is "" or "." or "..")
            {
                throw MiniMilvusException.Invalid($"object key '{key}': an empty, '.' or '..' part");
            }
        }

        CheckCharacters(key);
        return key;
    }

    /// <summary>A prefix may be empty or end within a part.</summary>
    public static string CheckPrefix(string prefix)
    {
        if (Encoding.UTF8.GetByteCount(prefix) > BytesMax || prefix.StartsWith('/'))
        {
            throw MiniMilvusException.Invalid($"object prefix '{prefix}': expected at most {BytesMax} bytes and no leading '/'");
        }

        foreach (var part in prefix.AsSpan().Split('/'))
        {
            if (prefix.AsSpan(part) is "..")
            {
                throw MiniMilvusException.Invalid($"object prefix '{prefix}': a '..' part");
            }
        }

        CheckCharacters(prefix);
        return prefix;
    }

    private static void CheckCharacters(string key)
    {
        foreach (var c in key)
        {
            if (char.IsControl(c) || c == '\\')
            {
                throw MiniMilvusException.Invalid($"object key '{key}': control characters and backslashes are not allowed");
            }
        }
    }

    public static MiniMilvusException NotFound(string key) => MiniMilvusException.NotFound(ErrorReason.Unspecified, $"object '{key}' does not exist");

    /// <summary>Throws Conflict unless <paramref name="current"/> (null = absent) satisfies the condition.</summary>
    public static void Require(PutCondition condition, string key, string? current)
    {
        var holds = condition switch
        {
            PutCondition.None => true,
            PutCondition.IfAbsent => current is null,
            PutCondition.IfMatch match => match.ETag == current,
            _ => throw MiniMilvusException.Internal($"unknown put condition {condition}"),
        };
        if (!holds)
        {
            throw MiniMilvusException.Conflict(ErrorReason.Unspecified, $"object '{key}': expected {condition}, found {(current is null ? "none" : $"ETag {current}")}");
        }
    }
}
