using System.Globalization;
using Google.Protobuf;
using Grpc.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Proxy.Ddl;
using MiniMilvus.Proxy.Errors;
using WireStatus = MiniMilvus.Contracts.Wire.Common.Status;

namespace MiniMilvus.Proxy.Grpc;

/// <summary>
/// What every RPC has in common: the database, the caller's deadline, one log line and one measurement, and errors as Milvus gives them: gRPC
/// OK with a Status. Never gRPC INTERNAL: clients retry that for minutes.
/// </summary>
internal sealed class RpcGuard(TimeProvider time, ProxyMetrics metrics, ILogger<MilvusGrpcService> logger)
{
    private const string DatabaseHeader = "dbname";

    /// <param name="work">Answers with its status set.</param>
    /// <param name="failed">The answer that carries only a status.</param>
    public async Task<TResponse> RunAsync<TResponse>(
        string rpc, ServerCallContext context, Func<CancellationToken, ValueTask<TResponse>> work, Func<WireStatus, TResponse> failed)
        where TResponse : IMessage
    {
        var start = time.GetTimestamp();
        var ct = context.CancellationToken;
        try
        {
            var response = await work(ct);
            Finish(rpc, start, 0);
            Log.Served(logger, rpc, time.GetElapsedTime(start).TotalMilliseconds, 0);
            return response;
        }
        catch (MiniMilvusException e) when (e.Kind is not (ErrorKind.Internal or ErrorKind.Corrupted))
        {
            var status = StatusMapper.Of(e);
            Finish(rpc, start, status.Code);
            Log.Refused(logger, rpc, time.GetElapsedTime(start).TotalMilliseconds, status.Code, e.Message);
            return failed(status);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            Finish(rpc, start, -1);
            Log.Cancelled(logger, rpc, time.GetElapsedTime(start).TotalMilliseconds);
            throw new RpcException(new Status(StatusCode.Cancelled, $"{rpc} was cancelled by its caller"));
        }
        catch (Exception e) when (e is not RpcException)
        {
            Finish(rpc, start, StatusMapper.UnexpectedCode);
            Log.Unexpected(logger, rpc, time.GetElapsedTime(start).TotalMilliseconds, e);
            return failed(e is MiniMilvusException known ? StatusMapper.Of(known) : StatusMapper.Unexpected(rpc, e));
        }
    }

    public RpcException Unimplemented(string rpc)
    {
        Log.Unimplemented(logger, rpc);
        metrics.Served(rpc, "unimplemented", TimeSpan.Zero);
        return new RpcException(new Status(StatusCode.Unimplemented, $"{rpc} is not implemented by this server"));
    }

    /// <summary>The one in the message, else the one in the headers, else the default.</summary>
    public static string Database(ServerCallContext context, string inMessage)
    {
        if (inMessage.Length > 0)
        {
            return inMessage;
        }

        var header = context.RequestHeaders.GetValue(DatabaseHeader);
        return string.IsNullOrEmpty(header) ? Catalogue.DefaultDatabase : header;
    }

    private void Finish(string rpc, long start, int code) =>
        metrics.Served(rpc, code == 0 ? "success" : code < 0 ? "cancelled" : code.ToString(CultureInfo.InvariantCulture), time.GetElapsedTime(start));
}
