using System.Text;
using Google.Protobuf;
using MiniMilvus.Storage.Etcd.Wire;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Storage.Etcd;

/// <summary>
/// Our keys as etcd's: the root path before each. Our keys are printable, so what lies under the root before a space is free for the store's
/// own use; a range never shows it, a watch sees it.
/// </summary>
internal sealed class EtcdKeys(string root)
{
    private const char BeforeAll = '\0';
    private const char AfterAll = '\x7f';

    public string Root => root;

    /// <summary>Written to move every watch of the deployment on (see <see cref="EtcdBeacon"/>).</summary>
    public ByteString Beacon { get; } = Encode($"{root}{BeforeAll}watch");

    public ByteString WatchFirst { get; } = Encode($"{root}{BeforeAll}");

    public ByteString End { get; } = Encode($"{root}{AfterAll}");

    public ByteString Of(string key) => Encode(root + key);

    /// <summary>First key (inclusive) and end (exclusive) of a prefix.</summary>
    public (ByteString First, ByteString End) RangeOf(string prefix) => (Encode(root + (prefix.Length > 0 ? prefix : " ")), Encode($"{root}{prefix}{AfterAll}"));

    /// <summary>The first key after a given one.</summary>
    public static ByteString After(ByteString key) => ByteString.CopyFrom([.. key.Span, 0]);

    public string NameOf(ByteString key) => key.ToString(Encoding.Latin1)[root.Length..];

    public MetaEntry EntryOf(KeyValue pair) => new(NameOf(pair.Key), pair.Value.Memory, pair.CreateRevision, pair.ModRevision, pair.Version, pair.Lease);

    private static ByteString Encode(string key) => ByteString.CopyFrom(key, Encoding.Latin1);
}
