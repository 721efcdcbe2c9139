namespace MiniMilvus.Core.Errors;

/// <summary>
/// The one exception of this project. <see cref="Kind"/> says what the caller must do, <see cref="Reason"/> what happened;
/// the message names the thing, what was expected and what was found.
/// </summary>
public sealed class MiniMilvusException : Exception
{
    public MiniMilvusException(ErrorKind kind, ErrorReason reason, string message, Exception? inner = null)
        : base(message, inner)
    {
        Kind = kind;
        Reason = reason;
    }

    public ErrorKind Kind { get; }
    public ErrorReason Reason { get; }
    public bool IsRetriable => Kind == ErrorKind.Unavailable;

    public static MiniMilvusException Invalid(string message) => new(ErrorKind.Invalid, ErrorReason.InvalidParameter, message);
    public static MiniMilvusException Invalid(ErrorReason reason, string message) => new(ErrorKind.Invalid, reason, message);
    public static MiniMilvusException NotFound(ErrorReason reason, string message) => new(ErrorKind.NotFound, reason, message);
    public static MiniMilvusException Conflict(ErrorReason reason, string message) => new(ErrorKind.Conflict, reason, message);
    public static MiniMilvusException Fenced(string message, Exception? inner = null) => new(ErrorKind.Fenced, ErrorReason.Unspecified, message, inner);
    public static MiniMilvusException Unavailable(string message, Exception? inner = null) => new(ErrorKind.Unavailable, ErrorReason.NotReady, message, inner);
    public static MiniMilvusException Unavailable(ErrorReason reason, string message, Exception? inner = null) => new(ErrorKind.Unavailable, reason, message, inner);
    public static MiniMilvusException Corrupted(string message, Exception? inner = null) => new(ErrorKind.Corrupted, ErrorReason.Unspecified, message, inner);
    public static MiniMilvusException Internal(string message, Exception? inner = null) => new(ErrorKind.Internal, ErrorReason.Unspecified, message, inner);
}
