using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Proxy.Reading;

/// <summary>What a request says about consistency, as it came.</summary>
internal readonly record struct ConsistencyRequest(ConsistencyLevel Level, ulong Timestamp, bool UseDefault)
{
    public static readonly ConsistencyRequest Strong = new(ConsistencyLevel.Strong, 0, false);
}

/// <summary>
/// The guarantee timestamp of a read, by Milvus's rules: the collection's level when asked for, else the request's; a timestamp without a
/// level speaks for itself (0 strong, 1 eventually, 2 bounded). Strong takes a fresh timestamp from the oracle.
/// </summary>
internal sealed class Guarantee(ITimestampOracle oracle, ProxyOptions options, TimeProvider time)
{
    private const ulong BoundedMark = 2;

    public async ValueTask<Timestamp> OfAsync(ConsistencyRequest request, CollectionRecord collection, CancellationToken ct)
    {
        var level = request.UseDefault ? collection.Consistency : request.Level;
        if (!request.UseDefault && level == ConsistencyLevel.Strong && request.Timestamp > 0)
        {
            level = request.Timestamp switch
            {
                1 => ConsistencyLevel.Eventually,
                BoundedMark => ConsistencyLevel.Bounded,
                _ => ConsistencyLevel.Customized,
            };
        }

        switch (level)
        {
            case ConsistencyLevel.Bounded:
                return Timestamp.FromUnixMilliseconds(Now).Minus(options.GracefulTime);
            case ConsistencyLevel.Eventually:
                return Timestamp.Eventually;
            case ConsistencyLevel.Session or ConsistencyLevel.Customized when request.Timestamp > 0:
                return Checked(new Timestamp(request.Timestamp));
            case ConsistencyLevel.Strong or ConsistencyLevel.Session or ConsistencyLevel.Customized:
                return (await oracle.AllocateTimestampsAsync(1, ct)).First;
            default:
                throw MiniMilvusException.Invalid($"consistency level: expected Strong, Session, Bounded, Eventually or Customized, found {(int)level}");
        }
    }

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    private Timestamp Checked(Timestamp given) => given.UnixMilliseconds <= Now + (long)options.GuaranteeAheadMax.TotalMilliseconds
        ? given
        : throw MiniMilvusException.Invalid($"guarantee_timestamp {given.Value} is {given.UnixMilliseconds - Now} ms ahead of the clock; expected at most {options.GuaranteeAheadMax.TotalMilliseconds} ms");
}
