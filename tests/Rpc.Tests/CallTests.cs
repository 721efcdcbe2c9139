using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using MiniMilvus.Rpc.Tests.Contract;
using static MiniMilvus.Rpc.Tests.RpcHost;

namespace MiniMilvus.Rpc.Tests;

public sealed class CallTests
{
    [Fact]
    public async Task A_unary_call_brings_its_message_there_and_back()
    {
        await using RpcHost host = await StartAsync(s => s.OnAsk = (n, _) => Task.FromResult(new Note { Number = n.Number + 1, Text = n.Text + "!" }));
        Note reply = await Within(host.Client.AskAsync(new Note { Number = 41, Text = "grüße" }).ResponseAsync);
        Assert.Equal(new Note { Number = 42, Text = "grüße!" }, reply);
    }

    [Fact]
    public async Task A_blocking_call_returns_the_same()
    {
        await using RpcHost host = await StartAsync();
        Assert.Equal(7, host.Client.Ask(new Note { Number = 7 }).Number);
        host.Service.OnAsk = (_, _) => throw new RpcException(new Status(StatusCode.NotFound, "no"));
        Assert.Equal(StatusCode.NotFound, Assert.Throws<RpcException>(() => host.Client.Ask(new Note())).StatusCode);
    }

    [Fact]
    public async Task An_empty_message_is_a_message()
    {
        await using RpcHost host = await StartAsync();
        Assert.Equal(new Note(), await Within(host.Client.AskAsync(new Note()).ResponseAsync));
    }

    [Fact]
    public async Task A_message_of_thirty_megabytes_arrives_whole_both_ways()
    {
        await using RpcHost host = await StartAsync();
        byte[] body = new byte[30 * 1024 * 1024];
        new Random(7).NextBytes(body);
        Note reply = await Within(host.Client.AskAsync(new Note { Body = UnsafeByteOperations.UnsafeWrap(body) }).ResponseAsync);
        Assert.True(reply.Body.Span.SequenceEqual(body));
    }

    [Fact]
    public async Task A_client_stream_is_summed()
    {
        await using RpcHost host = await StartAsync();
        using AsyncClientStreamingCall<Note, Note> call = host.Client.Collect();
        for (int i = 1; i <= 1000; i++)
        {
            await Within(call.RequestStream.WriteAsync(new Note { Number = i }));
        }

        await call.RequestStream.CompleteAsync();
        Assert.Equal(500_500, (await Within(call.ResponseAsync)).Number);
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task Hinted_writes_arrive_in_order_at_the_latest_with_the_end()
    {
        await using RpcHost host = await StartAsync();
        using AsyncDuplexStreamingCall<Note, Note> call = host.Client.Talk();
        call.RequestStream.WriteOptions = new WriteOptions(WriteFlags.BufferHint);
        for (int i = 0; i < 300; i++)
        {
            await Within(call.RequestStream.WriteAsync(new Note { Number = i, Body = ByteString.CopyFrom(new byte[500]) }));
        }

        await call.RequestStream.CompleteAsync();
        long next = 0;
        while (await Within(call.ResponseStream.MoveNext()))
        {
            Assert.Equal(next++, call.ResponseStream.Current.Number);
        }

        Assert.Equal(300, next);
    }

    [Fact]
    public async Task A_server_stream_arrives_in_order_and_ends()
    {
        await using RpcHost host = await StartAsync();
        using AsyncServerStreamingCall<Note> call = host.Client.Tell(new Note { Number = 1000 });
        long next = 0;
        while (await Within(call.ResponseStream.MoveNext()))
        {
            Assert.Equal(next++, call.ResponseStream.Current.Number);
        }

        Assert.Equal(1000, next);
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
        Assert.False(await call.ResponseStream.MoveNext());
    }

    [Fact]
    public async Task A_duplex_stream_answers_each_message_before_the_next_is_sent()
    {
        await using RpcHost host = await StartAsync();
        using AsyncDuplexStreamingCall<Note, Note> call = host.Client.Talk();
        for (int i = 0; i < 100; i++)
        {
            await Within(call.RequestStream.WriteAsync(new Note { Number = i }));
            Assert.True(await Within(call.ResponseStream.MoveNext()));
            Assert.Equal(i, call.ResponseStream.Current.Number);
        }

        await call.RequestStream.CompleteAsync();
        Assert.False(await Within(call.ResponseStream.MoveNext()));
        await Assert.ThrowsAsync<InvalidOperationException>(() => call.RequestStream.WriteAsync(new Note()));
    }

    [Fact]
    public async Task A_hundred_calls_run_at_the_same_time()
    {
        int waiting = 0;
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using RpcHost host = await StartAsync(s => s.OnAsk = async (n, _) =>
        {
            if (Interlocked.Increment(ref waiting) == 100)
            {
                all.SetResult();
            }

            await all.Task;
            return n;
        });
        Note[] replies = await Within(Task.WhenAll(Enumerable.Range(0, 100).Select(i => host.Client.AskAsync(new Note { Number = i }).ResponseAsync)));
        Assert.Equal(Enumerable.Range(0, 100), replies.Select(r => (int)r.Number));
    }

    [Fact]
    public async Task Headers_trailers_and_binary_values_travel_both_ways()
    {
        byte[] token = [0, 255, 10, 13, 44];
        Metadata? seen = null;
        await using RpcHost host = await StartAsync(s => s.OnAsk = async (n, context) =>
        {
            seen = context.RequestHeaders;
            await context.WriteResponseHeadersAsync(new Metadata { { "greeting", "hello" }, { "raw-bin", token } });
            context.ResponseTrailers.Add("parting", "bye");
            context.ResponseTrailers.Add("end-bin", token);
            return n;
        });
        using AsyncUnaryCall<Note> call = host.Client.AskAsync(new Note(), new Metadata { { "Authorization", "root:Milvus" }, { "trace-bin", token }, { "twice", "a" }, { "twice", "b" } });
        Metadata headers = await Within(call.ResponseHeadersAsync);
        await Within(call.ResponseAsync);
        Assert.Equal("root:Milvus", seen!.GetValue("authorization"));
        Assert.Equal(token, seen.GetValueBytes("trace-bin"));
        Assert.Equal("a,b", string.Join(',', seen.GetAll("twice").Select(e => e.Value)).Replace(" ", "", StringComparison.Ordinal));
        Assert.Null(seen.Get("content-type"));
        Assert.Equal("hello", headers.GetValue("greeting"));
        Assert.Equal(token, headers.GetValueBytes("raw-bin"));
        Assert.Equal("bye", call.GetTrailers().GetValue("parting"));
        Assert.Equal(token, call.GetTrailers().GetValueBytes("end-bin"));
    }

    [Fact]
    public async Task A_service_that_is_not_registered_is_made_and_disposed_per_call()
    {
        Unregistered.Disposed = 0;
        Microsoft.AspNetCore.Builder.WebApplicationBuilder builder = Microsoft.AspNetCore.Builder.WebApplication.CreateSlimBuilder();
        builder.Services.AddGrpc();
        Microsoft.AspNetCore.Hosting.WebHostBuilderKestrelExtensions.ConfigureKestrel(builder.WebHost, k => k.Listen(System.Net.IPAddress.Loopback, 0, l => l.Protocols = Microsoft.AspNetCore.Server.Kestrel.Core.HttpProtocols.Http2));
        await using Microsoft.AspNetCore.Builder.WebApplication app = builder.Build();
        Microsoft.AspNetCore.Builder.GrpcEndpointRouteBuilderExtensions.MapGrpcService<Unregistered>(app);
        await app.StartAsync();
        using var channel = Grpc.Net.Client.GrpcChannel.ForAddress(app.Urls.Single());
        var client = new Probe.ProbeClient(channel);
        await Within(client.AskAsync(new Note()).ResponseAsync);
        await Within(client.AskAsync(new Note()).ResponseAsync);
        Assert.Equal(2, Unregistered.Disposed);
    }

    internal sealed class Unregistered : Probe.ProbeBase, IDisposable
    {
        internal static int Disposed;

        public override Task<Note> Ask(Note request, ServerCallContext context) => Task.FromResult(request);

        public void Dispose() => Interlocked.Increment(ref Disposed);
    }
}
