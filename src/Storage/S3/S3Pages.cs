using System.Text;
using Amazon.S3.Model;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Storage.S3;

/// <summary>
/// Whether the pages of a list are S3's answer to it: keys below the prefix, each larger than the one before in UTF-8, with a size, and a place
/// where they go on. So a server that is none, or a broken one, cannot hide or invent an object, nor keep us for ever.
/// </summary>
internal sealed class S3Pages(S3Options options, string prefix)
{
    /// <summary>A server may pass over what was deleted; one that gives nothing so often goes nowhere.</summary>
    private const int EmptyPagesMax = 100;
    private readonly string _below = options.Prefix + prefix;
    private byte[]? _last;
    private int _empty;

    /// <param name="page">The next.</param>
    /// <param name="token">With which it was asked for.</param>
    public void Check(ListObjectsV2Response page, string? token)
    {
        foreach (var found in page.S3Objects ?? [])
        {
            Require(found?.Key is not null && found.Key.StartsWith(_below, StringComparison.Ordinal), "keys below the prefix", found?.Key);
            Require(found!.Size is >= 0, "a size of every key", found.Key);
            var key = Encoding.UTF8.GetBytes(found.Key);
            Require(_last is null || key.AsSpan().SequenceCompareTo(_last) > 0, "keys in order", found.Key);
            _last = key;
        }

        if (page.IsTruncated != true)
        {
            return;
        }

        Require(!string.IsNullOrEmpty(page.NextContinuationToken) && page.NextContinuationToken != token, "where the list goes on", page.NextContinuationToken);
        _empty = page.S3Objects is { Count: > 0 } ? 0 : _empty + 1;
        Require(_empty <= EmptyPagesMax, "keys", $"{_empty} pages without one");
    }

    private void Require(bool holds, string expected, string? found)
    {
        if (!holds)
        {
            throw MiniMilvusException.Unavailable($"list of '{prefix}' in {options.Name}: expected {expected}, found {(found is null ? "none" : $"'{found}'")}");
        }
    }
}
