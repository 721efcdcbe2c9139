namespace MiniMilvus.Core.Errors;

/// <summary>What a failure asks of the caller.</summary>
public enum ErrorKind
{
    /// <summary>The request is wrong: change it.</summary>
    Invalid,
    /// <summary>The thing named does not exist: create it, or name another.</summary>
    NotFound,
    /// <summary>Somebody else's state wins: read again, then decide.</summary>
    Conflict,
    /// <summary>A newer term exists: give the role up, write nothing more.</summary>
    Fenced,
    /// <summary>Not now: try again later; nothing is known to have happened.</summary>
    Unavailable,
    /// <summary>Stored bytes do not verify: stop, report, restore.</summary>
    Corrupted,
    /// <summary>A defect of ours: report it.</summary>
    Internal,
}

/// <summary>The condition behind a failure, one per distinct Milvus code (mapped in Proxy/Errors).</summary>
public enum ErrorReason
{
    Unspecified,
    InvalidParameter,
    CollectionNotFound,
    CollectionAlreadyExists,
    CollectionNotLoaded,
    CollectionNotFullyLoaded,
    IllegalSchema,
    SchemaMismatch,
    PartitionNotFound,
    PartitionAlreadyExists,
    FieldNotFound,
    IndexNotFound,
    IndexAlreadyExists,
    IndexNotSupported,
    SegmentNotFound,
    DatabaseNotFound,
    DatabaseAlreadyExists,
    AliasNotFound,
    AliasAlreadyExists,
    AliasNameConflict,
    NotReady,
    RateLimited,
    DiskFull,
    CapacityExceeded,
    MessageTooLarge,
    NotSupported,
    ChannelNotFound,
}
