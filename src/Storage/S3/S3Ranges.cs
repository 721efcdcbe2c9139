using System.Net;
using System.Net.Http.Headers;
using Amazon.S3.Model;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Storage.S3;

/// <summary>Whether what came is what was asked for, before a byte of it is taken.</summary>
internal static class S3Ranges
{
    public static void Check(GetObjectResponse response, ByteRange? range, string key, S3Options options)
    {
        var place = $"get of '{key}' in {options.Name}";
        if (response.ContentLength < 0)
        {
            throw MiniMilvusException.Unavailable($"{place}: expected a length, found {response.ContentLength}");
        }

        if (range is null)
        {
            if (response.HttpStatusCode != HttpStatusCode.OK)
            {
                throw MiniMilvusException.Unavailable($"{place}: expected the whole object, found status {(int)response.HttpStatusCode}");
            }

            return;
        }

        if (response.HttpStatusCode != HttpStatusCode.PartialContent)
        {
            if (range.Start > 0 || response.ContentLength - 1 > range.End)
            {
                throw new MiniMilvusException(
                    ErrorKind.Invalid, ErrorReason.NotSupported, $"{place}: asked for bytes {range.Start} to {range.End}, got the whole object ({(int)response.HttpStatusCode})");
            }

            return;
        }

        // Bytes of another place would be a wrong answer that looks right.
        var says = ContentRangeHeaderValue.TryParse(response.ContentRange, out var found) ? found : null;
        if (says?.From != range.Start || says.To is not { } to || to > range.End || to - range.Start + 1 != response.ContentLength || (to < range.End && says.Length is { } all && all != to + 1))
        {
            throw MiniMilvusException.Unavailable($"{place}: asked for bytes {range.Start} to {range.End}, found '{response.ContentRange}' with {response.ContentLength} bytes");
        }
    }
}
