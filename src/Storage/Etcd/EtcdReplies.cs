using System.Diagnostics.CodeAnalysis;
using System.Text;
using Google.Protobuf;
using Grpc.Core;
using MiniMilvus.Storage.Etcd.Wire;

namespace MiniMilvus.Storage.Etcd;

/// <summary>
/// What an answer must hold to be etcd's, and to this question. One that does not comes from a broken server, or from something that is no
/// etcd: nothing of it is believed, and the call counts as one whose outcome is unclear.
/// </summary>
internal static class EtcdReplies
{
    public static RangeResponse CheckedFor(this RangeResponse reply, RangeRequest request)
    {
        CheckHeader(reply.Header, request.Revision);
        Require(request.Limit == 0 || reply.Kvs.Count <= request.Limit, $"up to {request.Limit} entries", reply.Kvs.Count);
        Require(!reply.More || (request.Limit > 0 && reply.Kvs.Count > 0), "an entry before those that follow", "none");
        var newest = request.Revision > 0 ? request.Revision : reply.Header.Revision;
        ByteString? last = null;
        foreach (var pair in reply.Kvs)
        {
            CheckPair(pair, newest);
            Require(IsAsked(pair.Key, request), "entries that were asked for", pair.Key);
            Require(last is null || Compare(last, pair.Key) < 0, "entries in order", pair.Key);
            last = pair.Key;
        }

        return reply;
    }

    public static TxnResponse Checked(this TxnResponse reply)
    {
        CheckHeader(reply.Header);
        return reply;
    }

    public static LeaseGrantResponse Checked(this LeaseGrantResponse reply)
    {
        CheckHeader(reply.Header);
        Require(reply.ID > 0 && reply.TTL > 0, "a lease", $"{reply.ID} for {reply.TTL} s");
        return reply;
    }

    public static LeaseRevokeResponse Checked(this LeaseRevokeResponse reply)
    {
        CheckHeader(reply.Header);
        return reply;
    }

    public static LeaseKeepAliveResponse CheckedFor(this LeaseKeepAliveResponse reply, long lease)
    {
        CheckHeader(reply.Header);
        Require(reply.ID == lease, $"lease {lease}", reply.ID);
        return reply;
    }

    public static StatusResponse Checked(this StatusResponse reply)
    {
        CheckHeader(reply.Header);
        return reply;
    }

    /// <param name="isFirst">Of its stream: it says that the watch stands, and no other does.</param>
    public static WatchResponse CheckedFor(this WatchResponse reply, EtcdKeys keys, bool isFirst)
    {
        CheckCluster(reply.Header);
        if (reply.Canceled)
        {
            return reply; // of a compacted revision it comes with revision 0
        }

        CheckHeader(reply.Header);

        Require(reply.Created == isFirst, isFirst ? "word that the watch stands" : "changes", isFirst ? "none" : "word that the watch stands");
        var last = 1L;
        foreach (var change in reply.Events)
        {
            Require(change.Kv is not null, "a change of a key", "none");
            Require(Compare(change.Kv!.Key, keys.WatchFirst) >= 0 && Compare(change.Kv.Key, keys.End) < 0, "changes that were asked for", change.Kv.Key);
            if (change.Kv.ModRevision < last || change.Kv.ModRevision > reply.Header.Revision)
            {
                throw NotEtcds($"a revision of {last} to {reply.Header.Revision}", $"{change.Kv.ModRevision}");
            }

            if (change.Type != Event.Types.EventType.Delete)
            {
                CheckPair(change.Kv, reply.Header.Revision);
            }

            last = change.Kv.ModRevision;
        }

        return reply;
    }

    /// <summary>It becomes a header of every call.</summary>
    public static string CheckedToken(string token)
    {
        Require(token.Length is > 0 and <= 8192 && token.All(c => c is > ' ' and <= '~'), "a token", $"{token.Length} characters that are none");
        return token;
    }

    private static void CheckHeader([NotNull] ResponseHeader? header, long atLeast = 1)
    {
        CheckCluster(header);
        Require(header.Revision >= Math.Max(1, atLeast), $"a revision of at least {Math.Max(1, atLeast)}", header.Revision);
    }

    private static void CheckCluster([NotNull] ResponseHeader? header)
    {
        if (header is null || header.ClusterId == 0)
        {
            throw NotEtcds("a cluster's answer", "none");
        }
    }

    private static void CheckPair(KeyValue pair, long newest)
    {
        if (pair.Version <= 0 || pair.CreateRevision <= 0 || pair.CreateRevision > pair.ModRevision || pair.ModRevision > newest)
        {
            throw NotEtcds($"revisions of 1 to {newest}", $"created at {pair.CreateRevision}, changed at {pair.ModRevision}, version {pair.Version}");
        }
    }

    private static bool IsAsked(ByteString key, RangeRequest request) => request.RangeEnd.IsEmpty
        ? key == request.Key
        : Compare(key, request.Key) >= 0 && Compare(key, request.RangeEnd) < 0;

    private static int Compare(ByteString a, ByteString b) => a.Span.SequenceCompareTo(b.Span);

    private static void Require<T>(bool holds, string expected, T found)
    {
        if (!holds)
        {
            throw NotEtcds(expected, found is ByteString key ? $"key '{key.ToString(Encoding.Latin1)[..Math.Min(key.Length, 200)]}'" : $"{found}");
        }
    }

    /// <summary>Unknown: it may have acted or not, and another member may answer better.</summary>
    private static RpcException NotEtcds(string expected, string found) => new(new Status(StatusCode.Unknown, $"the answer is not etcd's: expected {expected}, found {found}"));
}
