using Status = MiniMilvus.Contracts.Wire.Common.Status;

namespace MiniMilvus.Client;

/// <summary>
/// The server refused a request. <see cref="ErrorCode"/> is Milvus's numeric code (100 collection not found, 101 not loaded, 700 index not found, 1100 invalid parameter, ...).
/// Failures of the connection itself come as Grpc.Core.RpcException.
/// </summary>
public sealed class MilvusException : Exception
{
    /// <summary>Makes an exception from a code and a reason.</summary>
    public MilvusException(int errorCode, string reason, bool isRetriable = false)
        : base($"{reason} (code {errorCode})")
    {
        ErrorCode = errorCode;
        Reason = reason;
        IsRetriable = isRetriable;
    }

    /// <summary>Milvus's numeric code; never 0.</summary>
    public int ErrorCode { get; }

    /// <summary>What the server said.</summary>
    public string Reason { get; }

    /// <summary>The same request may succeed later.</summary>
    public bool IsRetriable { get; }

    internal static void ThrowIfFailed(Status? status)
    {
        if (status is null || status.Code == 0)
        {
            return;
        }
        throw new MilvusException(status.Code, status.Reason, status.Retriable);
    }
}
