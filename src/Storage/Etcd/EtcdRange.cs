using System.Collections.Immutable;
using Google.Protobuf;
using Grpc.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Etcd.Wire;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Storage.Etcd;

/// <summary>All keys of a prefix in pages, every page at the revision of the first, which is linearizable.</summary>
internal sealed class EtcdRange(EtcdClient client, EtcdKeys keys, EtcdOptions options)
{
    private const int RestartsMax = 5;

    public async Task<MetaRange> ReadAsync(string prefix, CancellationToken ct)
    {
        for (var restarts = 0; ; restarts++)
        {
            try
            {
                return await ReadPagesAsync(prefix, ct);
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Conflict)
            {
                // Compacted between two pages: from the start, at a newer revision.
                if (restarts == RestartsMax)
                {
                    throw MiniMilvusException.Unavailable($"etcd: range '{prefix}': its revision was compacted {restarts + 1} times while it was read", e);
                }
            }
        }
    }

    private async Task<MetaRange> ReadPagesAsync(string prefix, CancellationToken ct)
    {
        var what = $"range '{prefix}'";
        var (first, end) = keys.RangeOf(prefix);
        var request = new RangeRequest { Key = first, RangeEnd = end, Limit = options.RangePageEntries };
        var entries = ImmutableArray.CreateBuilder<MetaEntry>();
        var bytes = 0L;
        while (true)
        {
            var page = await client.ReadAsync(what, (endpoint, call) => ReadPageAsync(endpoint, request, call), ct);
            if (page is null)
            {
                if (request.Limit == 1)
                {
                    throw MiniMilvusException.Invalid(ErrorReason.CapacityExceeded, $"etcd {client.Current.Name}: {what}: expected entries of up to {options.MessageBytesMax} bytes, found a larger one");
                }

                request.Limit = Math.Max(1, request.Limit / 4);
                continue;
            }

            foreach (var pair in page.Kvs)
            {
                bytes += pair.Key.Length + pair.Value.Length;
                entries.Add(keys.EntryOf(pair));
            }

            if (bytes > options.RangeBytesMax)
            {
                throw MiniMilvusException.Invalid(ErrorReason.CapacityExceeded, $"etcd {client.Current.Name}: {what}: expected up to {options.RangeBytesMax} bytes ({nameof(EtcdOptions.RangeBytesMax)}), found more");
            }

            if (request.Revision == 0)
            {
                request.Revision = page.Header.Revision;
            }

            if (!page.More)
            {
                return new MetaRange(entries.ToImmutable(), request.Revision);
            }

            request.Key = EtcdKeys.After(page.Kvs[^1].Key);
        }
    }

    /// <summary>Null when the page is larger than a message may be.</summary>
    private static async Task<RangeResponse?> ReadPageAsync(EtcdEndpoint endpoint, RangeRequest request, CallOptions call)
    {
        try
        {
            return (await endpoint.Kv.RangeAsync(request, call)).CheckedFor(request);
        }
        catch (RpcException e) when (EtcdErrors.IsTooLarge(e))
        {
            return null;
        }
    }
}
