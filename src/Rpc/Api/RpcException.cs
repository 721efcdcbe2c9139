namespace Grpc.Core;

/// <summary>A call that ended with a status other than OK. Thrown by clients; thrown by handlers to choose the status.</summary>
public class RpcException : Exception
{
    public RpcException(Status status)
        : this(status, status.ToString(), Metadata.Empty)
    {
    }

    public RpcException(Status status, string message)
        : this(status, message, Metadata.Empty)
    {
    }

    public RpcException(Status status, Metadata trailers)
        : this(status, status.ToString(), trailers)
    {
    }

    public RpcException(Status status, Metadata trailers, string message)
        : this(status, message, trailers ?? throw new ArgumentNullException(nameof(trailers)))
    {
    }

    private RpcException(Status status, string message, Metadata trailers)
        : base(message, status.DebugException)
    {
        Status = status;
        Trailers = trailers;
    }

    public Status Status { get; }

    public StatusCode StatusCode => Status.StatusCode;

    public Metadata Trailers { get; }
}
