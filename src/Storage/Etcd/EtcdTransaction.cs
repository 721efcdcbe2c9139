using System.Collections.Immutable;
using Google.Protobuf;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Etcd.Wire;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Storage.Etcd;

/// <summary>A transaction in etcd's words.</summary>
internal static class EtcdTransaction
{
    public static TxnRequest RequestOf(EtcdKeys keys, ImmutableArray<MetaCompare> compares, ImmutableArray<MetaOperation> operations)
    {
        var request = new TxnRequest();
        request.Compare.AddRange(compares.Select(c => CompareOf(keys, c)));
        request.Success.AddRange(operations.Select(o => OperationOf(keys, o)));
        if (operations.IsEmpty)
        {
            // With nothing to do a member answers from what it has, which may be old; a read within makes it ask the others.
            request.Success.Add(new RequestOp { RequestRange = new RangeRequest { Key = keys.Beacon, KeysOnly = true } });
        }

        return request;
    }

    private static Compare CompareOf(EtcdKeys keys, MetaCompare compare)
    {
        var key = keys.Of(compare.Key);
        return compare switch
        {
            MetaCompare.ModRevision c => new Compare { Key = key, Target = Compare.Types.CompareTarget.Mod, ModRevision = c.Expected },
            MetaCompare.CreateRevision c => new Compare { Key = key, Target = Compare.Types.CompareTarget.Create, CreateRevision = c.Expected },
            MetaCompare.Value c => new Compare { Key = key, Target = Compare.Types.CompareTarget.Value, Value = ByteString.CopyFrom(c.Expected.Span) },
            _ => throw MiniMilvusException.Internal($"unknown comparison {compare}"),
        };
    }

    private static RequestOp OperationOf(EtcdKeys keys, MetaOperation operation)
    {
        var key = keys.Of(operation.Key);
        return operation switch
        {
            MetaOperation.Put o => new RequestOp { RequestPut = new PutRequest { Key = key, Value = ByteString.CopyFrom(o.Value.Span), Lease = o.Lease } },
            MetaOperation.Delete => new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = key } },
            _ => throw MiniMilvusException.Internal($"unknown metadata operation {operation}"),
        };
    }
}
