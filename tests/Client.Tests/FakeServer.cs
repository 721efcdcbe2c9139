using Grpc.Core;
using Status = Grpc.Core.Status;

namespace MiniMilvus.Client.Tests;

/// <summary>Answers calls from a table of functions by method name and keeps the requests, so that a test sees what goes over the wire.</summary>
internal sealed class FakeServer : CallInvoker
{
    private readonly Dictionary<string, Queue<object>> _replies = [];

    public List<(string Method, object Request)> Requests { get; } = [];

    public FakeServer Reply(string method, params object[] replies)
    {
        _replies[method] = new Queue<object>(replies);
        return this;
    }

    public T Last<T>() => (T)Requests[^1].Request;

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        options.CancellationToken.ThrowIfCancellationRequested();
        Requests.Add((method.Name, request));
        var queue = _replies[method.Name];
        var reply = (TResponse)(queue.Count > 1 ? queue.Dequeue() : queue.Peek());
        return new AsyncUnaryCall<TResponse>(Task.FromResult(reply), Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });
    }

    public override TResponse BlockingUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        throw new NotSupportedException();

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        throw new NotSupportedException();

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options) =>
        throw new NotSupportedException();

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options) =>
        throw new NotSupportedException();
}
