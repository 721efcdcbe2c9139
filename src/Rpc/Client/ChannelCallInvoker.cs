using Grpc.Core;
using Grpc.Net.Client;

namespace MiniMilvus.Rpc.Client;

/// <summary>Starts one <see cref="ClientCall{TRequest, TResponse}"/> per call.</summary>
internal sealed class ChannelCallInvoker(GrpcChannel channel) : CallInvoker
{
    public override TResponse BlockingUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        // The caller's thread waits: continuations must not want to come back to it.
        SynchronizationContext? context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            return new ClientCall<TRequest, TResponse>(channel, method, host, options).RunUnaryAsync(request).GetAwaiter().GetResult();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        var call = new ClientCall<TRequest, TResponse>(channel, method, host, options);
        return new AsyncUnaryCall<TResponse>(call.RunUnaryAsync(request), call);
    }

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        var call = new ClientCall<TRequest, TResponse>(channel, method, host, options);
        return new AsyncServerStreamingCall<TResponse>(call.StartServerStreaming(request), call);
    }

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options)
    {
        var call = new ClientCall<TRequest, TResponse>(channel, method, host, options);
        var writer = new RequestStreamWriter<TRequest, TResponse>(call, method.RequestMarshaller.ContextualSerializer);
        return new AsyncClientStreamingCall<TRequest, TResponse>(writer, call.RunClientStreamingAsync(writer), call);
    }

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options)
    {
        var call = new ClientCall<TRequest, TResponse>(channel, method, host, options);
        var writer = new RequestStreamWriter<TRequest, TResponse>(call, method.RequestMarshaller.ContextualSerializer);
        return new AsyncDuplexStreamingCall<TRequest, TResponse>(writer, call.StartDuplex(writer), call);
    }
}
