using System.Collections.Concurrent;
using Grpc.Core;
using Grpc.Core.Interceptors;
using MiniMilvus.Rpc.Tests.Contract;
using static MiniMilvus.Rpc.Tests.RpcHost;

namespace MiniMilvus.Rpc.Tests;

public sealed class InterceptorTests
{
    [Fact]
    public async Task Interceptors_run_around_all_four_kinds_the_first_outermost()
    {
        var trace = new ConcurrentQueue<string>();
        await using RpcHost host = await StartAsync(options: o =>
        {
            o.Interceptors.Add<Tracer>("outer", trace);
            o.Interceptors.Add<Tracer>("inner", trace);
        });
        await Within(host.Client.AskAsync(new Note()).ResponseAsync);
        Assert.Equal(["outer+Ask", "inner+Ask", "inner-Ask", "outer-Ask"], trace);
        trace.Clear();
        using AsyncDuplexStreamingCall<Note, Note> talk = host.Client.Talk();
        await talk.RequestStream.CompleteAsync();
        Assert.False(await Within(talk.ResponseStream.MoveNext()));
        using AsyncServerStreamingCall<Note> tell = host.Client.Tell(new Note());
        Assert.False(await Within(tell.ResponseStream.MoveNext()));
        using AsyncClientStreamingCall<Note, Note> collect = host.Client.Collect();
        await collect.RequestStream.CompleteAsync();
        await Within(collect.ResponseAsync);
        Assert.Equal(12, trace.Count);
    }

    private sealed class Tracer(string name, ConcurrentQueue<string> trace) : Interceptor
    {
        public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
            => Around(context, base.UnaryServerHandler(Enter(request, context), context, continuation));

        public override Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(IAsyncStreamReader<TRequest> requestStream, ServerCallContext context, ClientStreamingServerMethod<TRequest, TResponse> continuation)
            => Around(context, base.ClientStreamingServerHandler(Enter(requestStream, context), context, continuation));

        public override Task ServerStreamingServerHandler<TRequest, TResponse>(TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
            => Around(context, Wrap(base.ServerStreamingServerHandler(Enter(request, context), responseStream, context, continuation)));

        public override Task DuplexStreamingServerHandler<TRequest, TResponse>(IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, DuplexStreamingServerMethod<TRequest, TResponse> continuation)
            => Around(context, Wrap(base.DuplexStreamingServerHandler(Enter(requestStream, context), responseStream, context, continuation)));

        private static async Task<bool> Wrap(Task task)
        {
            await task;
            return true;
        }

        private T Enter<T>(T value, ServerCallContext context)
        {
            trace.Enqueue($"{name}+{Method(context)}");
            return value;
        }

        private async Task<T> Around<T>(ServerCallContext context, Task<T> running)
        {
            T result = await running;
            trace.Enqueue($"{name}-{Method(context)}");
            return result;
        }

        private static string Method(ServerCallContext context) => context.Method[(context.Method.LastIndexOf('/') + 1)..];
    }
}
