using WireLevel = MiniMilvus.Contracts.Wire.Common.ConsistencyLevel;

namespace MiniMilvus.Client;

/// <summary>
/// What a read asks of the server about freshness: a level and a timestamp. 0 stands for "now", 1 for "anything", 2 for "bounded".
/// Without a level the collection's own is used, and the last own write goes along in case that is Session.
/// </summary>
internal readonly record struct ReadGuarantee(WireLevel Level, ulong Timestamp, bool UseDefault)
{
    private const ulong Now = 0;
    private const ulong Anything = 1;
    private const ulong Bounded = 2;

    public static ReadGuarantee Of(ConsistencyLevel? level, ulong? timestamp, ulong lastWrite)
    {
        if (timestamp is { } given)
        {
            return new ReadGuarantee(WireLevel.Customized, given, UseDefault: false);
        }
        var ownWrite = lastWrite == 0 ? Anything : lastWrite;
        return level switch
        {
            null => new ReadGuarantee(WireLevel.Strong, ownWrite, UseDefault: true),
            ConsistencyLevel.Strong => new ReadGuarantee(WireLevel.Strong, Now, UseDefault: false),
            ConsistencyLevel.Session => new ReadGuarantee(WireLevel.Session, ownWrite, UseDefault: false),
            ConsistencyLevel.BoundedStaleness => new ReadGuarantee(WireLevel.Bounded, Bounded, UseDefault: false),
            ConsistencyLevel.Eventually => new ReadGuarantee(WireLevel.Eventually, Anything, UseDefault: false),
            ConsistencyLevel.Customized => throw new ArgumentException("The level Customized needs a guarantee timestamp."),
            _ => throw new ArgumentOutOfRangeException(nameof(level), level, "Unknown consistency level."),
        };
    }
}
