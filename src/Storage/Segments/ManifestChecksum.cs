using System.Globalization;
using System.Text;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Checksums;

namespace MiniMilvus.Storage.Segments;

/// <summary>
/// The checksum of a manifest, as its last property: CRC32C of every byte before the comma that introduces it. An S3 server vouches for no
/// bit of what it kept, and a flipped digit is still JSON.
/// </summary>
internal static class ManifestChecksum
{
    private const int EndBytes = 2; // line feed and brace

    private static ReadOnlySpan<byte> Property => ",\n  \"Checksum\": \""u8;

    public static byte[] Append(byte[] json)
    {
        var content = json.AsSpan(0, json.Length - EndBytes);
        var text = string.Create(CultureInfo.InvariantCulture, $"{Crc32C.Of(content):x8}\"\n}}");
        return [.. content, .. Property, .. Encoding.ASCII.GetBytes(text)];
    }

    /// <returns>False when there is no checksum.</returns>
    /// <exception cref="MiniMilvusException">Corrupted: the bytes are not those that the checksum was made of.</exception>
    public static bool Require(ReadOnlySpan<byte> json, string name)
    {
        var at = json.LastIndexOf(Property);
        if (at < 0)
        {
            return false;
        }

        var (expected, found) = (Encoding.ASCII.GetString(json[(at + Property.Length)..]), $"{Crc32C.Of(json[..at]):x8}\"\n}}");
        return expected == found ? true : throw MiniMilvusException.Corrupted($"{name}: expected checksum {expected[..Math.Min(8, expected.Length)]}, found {found[..8]}");
    }
}
