using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging;
using MiniMilvus.Rpc.Tests.Contract;
using static MiniMilvus.Rpc.Tests.RpcHost;

namespace MiniMilvus.Rpc.Tests;

public sealed class StatusTests
{
    [Fact]
    public async Task A_handlers_RpcException_arrives_with_its_code_text_and_trailers()
    {
        await using RpcHost host = await StartAsync(s => s.OnAsk = (_, _) => throw new RpcException(new Status(StatusCode.FailedPrecondition, "100 % «nein»\nline 2"), new Metadata { { "why", "because" } }));
        using AsyncUnaryCall<Note> call = host.Client.AskAsync(new Note());
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => Within(call.ResponseAsync));
        Assert.Equal(StatusCode.FailedPrecondition, e.StatusCode);
        Assert.Equal("100 % «nein»\nline 2", e.Status.Detail);
        Assert.Equal("because", e.Trailers.GetValue("why"));
        Assert.Equal(StatusCode.FailedPrecondition, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task A_status_set_on_the_context_is_the_calls_status()
    {
        await using RpcHost host = await StartAsync(s => s.OnAsk = (n, c) =>
        {
            c.Status = new Status(StatusCode.DataLoss, "half");
            return Task.FromResult(n);
        });
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => Within(host.Client.AskAsync(new Note()).ResponseAsync));
        Assert.Equal((StatusCode.DataLoss, "half"), (e.StatusCode, e.Status.Detail));
    }

    [Fact]
    public async Task Any_other_exception_is_Unknown_tells_nothing_and_is_logged()
    {
        await using RpcHost host = await StartAsync(s => s.OnAsk = (_, _) => throw new InvalidOperationException("secret"));
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => Within(host.Client.AskAsync(new Note()).ResponseAsync));
        Assert.Equal(StatusCode.Unknown, e.StatusCode);
        Assert.Equal("Exception was thrown by handler.", e.Status.Detail);
        Assert.Contains(host.Logs.Entries, l => l.Level == LogLevel.Error && l.Error is InvalidOperationException { Message: "secret" });
    }

    [Fact]
    public async Task A_stream_that_fails_half_way_delivers_what_came_before_and_then_the_status()
    {
        await using RpcHost host = await StartAsync(s => s.OnTell = async (_, writer, _) =>
        {
            await writer.WriteAsync(new Note { Number = 1 });
            throw new RpcException(new Status(StatusCode.Aborted, "enough"));
        });
        using AsyncServerStreamingCall<Note> call = host.Client.Tell(new Note());
        Assert.True(await Within(call.ResponseStream.MoveNext()));
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => Within(call.ResponseStream.MoveNext()));
        Assert.Equal((StatusCode.Aborted, "enough"), (e.StatusCode, e.Status.Detail));
        Assert.Same(e, await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext()));
    }

    [Fact]
    public async Task A_method_that_is_not_overridden_is_Unimplemented()
    {
        await using RpcHost host = await StartAsync();
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => Within(host.Client.ForgottenAsync(new Note()).ResponseAsync));
        Assert.Equal(StatusCode.Unimplemented, e.StatusCode);
    }

    [Theory]
    [InlineData("/probe.Probe/Nothing")]
    [InlineData("/other.Service/Ask")]
    public async Task An_unknown_name_is_Unimplemented_and_named(string path)
    {
        await using RpcHost host = await StartAsync();
        RawResponse response = await host.PostAsync(path, Frame(new Note()));
        Assert.Equal((System.Net.HttpStatusCode.OK, "12"), (response.Http, response.GrpcStatus));
        Assert.Contains(path, response.GrpcMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_content_type_is_refused_as_unsupported_media()
    {
        await using RpcHost host = await StartAsync();
        Assert.Equal(415, (int)(await host.PostAsync("/probe.Probe/Ask", Frame(new Note()), "application/json")).Http);
        Assert.Equal(415, (int)(await host.PostAsync("/probe.Probe/Ask", Frame(new Note()), "application/grpc-web")).Http);
        Assert.Equal("0", (await host.PostAsync("/probe.Probe/Ask", Frame(new Note()), "application/grpc+proto")).GrpcStatus);
    }

    [Fact]
    public async Task Http_1_is_told_to_upgrade()
    {
        await using RpcHost host = await StartAsync(protocols: Microsoft.AspNetCore.Server.Kestrel.Core.HttpProtocols.Http1);
        RawResponse response = await host.PostAsync("/probe.Probe/Ask", Frame(new Note()), version: System.Net.HttpVersion.Version11);
        Assert.Equal((426, "13"), ((int)response.Http, response.GrpcStatus));
    }

    [Fact]
    public async Task Status_is_in_the_headers_without_a_message_and_in_the_trailers_after_one()
    {
        await using RpcHost host = await StartAsync();
        RawResponse good = await host.PostAsync("/probe.Probe/Ask", Frame(new Note { Number = 5 }));
        Assert.Equal(("0", true), (good.GrpcStatus, good.HasTrailers));
        Assert.Equal(Frame(new Note { Number = 5 }), good.Body);
        host.Service.OnAsk = (_, _) => throw new RpcException(new Status(StatusCode.NotFound, "ä%"));
        RawResponse bad = await host.PostAsync("/probe.Probe/Ask", Frame(new Note()));
        Assert.Equal(("5", "%C3%A4%25", false), (bad.GrpcStatus, bad.GrpcMessage, bad.HasTrailers));
    }

    [Theory]
    [InlineData(new byte[0], "Incomplete message.")]
    [InlineData(new byte[] { 0, 0, 0, 0, 9, 8 }, "Incomplete message.")]
    [InlineData(new byte[] { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, "Additional data after the message received.")]
    [InlineData(new byte[] { 7, 0, 0, 0, 0 }, "Unexpected compressed flag 7 in message header.")]
    public async Task A_body_that_is_not_one_message_is_Internal(byte[] body, string reason)
    {
        await using RpcHost host = await StartAsync();
        RawResponse response = await host.PostAsync("/probe.Probe/Ask", body);
        Assert.Equal(("13", reason), (response.GrpcStatus, response.GrpcMessage));
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_Unavailable()
    {
        using var channel = GrpcChannel.ForAddress("http://127.0.0.1:1");
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => Within(new Probe.ProbeClient(channel).AskAsync(new Note()).ResponseAsync));
        Assert.Equal(StatusCode.Unavailable, e.StatusCode);
        using AsyncDuplexStreamingCall<Note, Note> talk = new Probe.ProbeClient(channel).Talk();
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => Within(talk.RequestStream.WriteAsync(new Note())))).StatusCode);
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => Within(talk.ResponseStream.MoveNext()))).StatusCode);
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => Within(talk.ResponseHeadersAsync))).StatusCode);
    }

    [Fact]
    public async Task A_response_that_is_not_gRPC_is_an_RpcException_by_its_http_status()
    {
        await using RpcHost host = await StartAsync();
        using var elsewhere = GrpcChannel.ForAddress(host.Address, new GrpcChannelOptions { HttpHandler = new ConstantHandler() });
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => Within(new Probe.ProbeClient(elsewhere).AskAsync(new Note()).ResponseAsync));
        Assert.Equal(StatusCode.PermissionDenied, e.StatusCode);
    }

    private sealed class ConstantHandler : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
            => Task.FromResult(new HttpResponseMessage(System.Net.HttpStatusCode.Forbidden));
    }
}
