using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Proxy.Errors;

/// <summary>
/// The one place where our errors become Milvus's: the code (pymilvus, C#), the legacy error_code (Node, old clients) and the retriable bit.
/// Success is code 0 and error_code 0; a failure has both non-zero.
/// </summary>
internal static class StatusMapper
{
    public const int UnexpectedCode = 65535;

    public static Status Success() => new() { Code = 0, ErrorCode = ErrorCode.Success };

    public static Status Of(MiniMilvusException error)
    {
        var (code, legacy) = Codes(error);
        return new Status { Code = code, ErrorCode = legacy, Reason = error.Message, Detail = error.Message, Retriable = error.IsRetriable };
    }

    public static Status Unexpected(string rpc, Exception error) => new()
    {
        Code = UnexpectedCode,
        ErrorCode = ErrorCode.UnexpectedError,
        Reason = $"{rpc}: unexpected {error.GetType().Name}: {error.Message}",
    };

    private static (int Code, ErrorCode Legacy) Codes(MiniMilvusException error) => error.Reason switch
    {
        ErrorReason.NotReady => (1, ErrorCode.NotReadyServe),
        ErrorReason.DiskFull => (7, ErrorCode.UnexpectedError),
        ErrorReason.RateLimited => (8, ErrorCode.RateLimit),
        ErrorReason.CollectionNotFound => (100, ErrorCode.CollectionNotExists),
        ErrorReason.CollectionNotLoaded => (101, ErrorCode.UnexpectedError),
        ErrorReason.CollectionNotFullyLoaded => (103, ErrorCode.UnexpectedError),
        ErrorReason.IllegalSchema => (105, ErrorCode.UnexpectedError),
        ErrorReason.SchemaMismatch => (109, ErrorCode.SchemaMismatch),
        ErrorReason.PartitionNotFound => (200, ErrorCode.MetaFailed),
        ErrorReason.CapacityExceeded => (250, ErrorCode.UnexpectedError),
        ErrorReason.ChannelNotFound => (500, ErrorCode.UnexpectedError),
        ErrorReason.SegmentNotFound => (600, ErrorCode.SegmentNotFound),
        ErrorReason.IndexNotFound => (700, ErrorCode.IndexNotExist),
        ErrorReason.IndexNotSupported => (701, ErrorCode.UnexpectedError),
        ErrorReason.IndexAlreadyExists => (702, ErrorCode.UnexpectedError),
        ErrorReason.DatabaseNotFound => (800, ErrorCode.UnexpectedError),
        ErrorReason.InvalidParameter => (1100, ErrorCode.IllegalArgument),
        ErrorReason.CollectionAlreadyExists => (1100, ErrorCode.IllegalArgument),
        ErrorReason.PartitionAlreadyExists => (1100, ErrorCode.IllegalArgument),
        ErrorReason.DatabaseAlreadyExists => (1100, ErrorCode.IllegalArgument),
        ErrorReason.MessageTooLarge => (1102, ErrorCode.IllegalArgument),
        ErrorReason.AliasNotFound => (1600, ErrorCode.UnexpectedError),
        ErrorReason.AliasNameConflict => (1601, ErrorCode.UnexpectedError),
        ErrorReason.AliasAlreadyExists => (1602, ErrorCode.UnexpectedError),
        ErrorReason.FieldNotFound => (1700, ErrorCode.UnexpectedError),
        ErrorReason.NotSupported => (3000, ErrorCode.UnexpectedError),
        ErrorReason.Unspecified => OfKind(error.Kind),
        _ => OfKind(error.Kind),
    };

    private static (int Code, ErrorCode Legacy) OfKind(ErrorKind kind) => kind switch
    {
        ErrorKind.Invalid => (1100, ErrorCode.IllegalArgument),
        ErrorKind.Unavailable or ErrorKind.Fenced => (1, ErrorCode.NotReadyServe),
        _ => (UnexpectedCode, ErrorCode.UnexpectedError),
    };
}
