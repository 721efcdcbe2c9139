using System.IO.Compression;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using MiniMilvus.Rpc.Tests.Contract;
using static MiniMilvus.Rpc.Tests.RpcHost;

namespace MiniMilvus.Rpc.Tests;

public sealed class LimitTests
{
    private static Note Sized(int bytes) => new() { Body = UnsafeByteOperations.UnsafeWrap(new byte[bytes]) };

    [Fact]
    public async Task A_request_above_the_servers_limit_is_ResourceExhausted_and_the_next_call_works()
    {
        await using RpcHost host = await StartAsync(options: o => o.MaxReceiveMessageSize = 1000);
        foreach (int bytes in new[] { 1001, 5_000_000 })
        {
            RpcException e = await Assert.ThrowsAsync<RpcException>(() => Within(host.Client.AskAsync(Sized(bytes)).ResponseAsync));
            Assert.Equal(StatusCode.ResourceExhausted, e.StatusCode);
            Assert.Equal(900, (await Within(host.Client.AskAsync(Sized(900)).ResponseAsync)).Body.Length);
        }

        using AsyncClientStreamingCall<Note, Note> call = host.Client.Collect();
        await Within(call.RequestStream.WriteAsync(Sized(2000)));
        Assert.Equal(StatusCode.ResourceExhausted, (await Assert.ThrowsAsync<RpcException>(() => Within(call.ResponseAsync))).StatusCode);
    }

    [Fact]
    public async Task A_response_above_the_clients_limit_is_ResourceExhausted_and_the_next_call_works()
    {
        await using RpcHost host = await StartAsync(s => s.OnAsk = (n, _) => Task.FromResult(Sized((int)n.Number)));
        using var channel = GrpcChannel.ForAddress(host.Address, new GrpcChannelOptions { MaxReceiveMessageSize = 1000 });
        var client = new Probe.ProbeClient(channel);
        foreach (int bytes in new[] { 1001, 5_000_000 })
        {
            RpcException e = await Assert.ThrowsAsync<RpcException>(() => Within(client.AskAsync(new Note { Number = bytes }).ResponseAsync));
            Assert.Equal(StatusCode.ResourceExhausted, e.StatusCode);
            Assert.Equal(900, (await Within(client.AskAsync(new Note { Number = 900 }).ResponseAsync)).Body.Length);
        }
    }

    [Fact]
    public async Task What_is_too_large_to_send_is_not_sent_by_either_side()
    {
        int calls = 0;
        await using RpcHost host = await StartAsync(
            s => s.OnAsk = (n, _) =>
            {
                calls++;
                return Task.FromResult(Sized((int)n.Number));
            },
            o => o.MaxSendMessageSize = 1000);
        RpcException server = await Assert.ThrowsAsync<RpcException>(() => Within(host.Client.AskAsync(new Note { Number = 2000 }).ResponseAsync));
        Assert.Equal((StatusCode.ResourceExhausted, 1), (server.StatusCode, calls));
        using var channel = GrpcChannel.ForAddress(host.Address, new GrpcChannelOptions { MaxSendMessageSize = 1000 });
        RpcException client = await Assert.ThrowsAsync<RpcException>(() => Within(new Probe.ProbeClient(channel).AskAsync(Sized(2000)).ResponseAsync));
        Assert.Equal((StatusCode.ResourceExhausted, 1), (client.StatusCode, calls));
    }

    [Fact]
    public async Task The_default_limit_is_64_megabytes()
    {
        await using RpcHost host = await StartAsync();
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => Within(host.Client.AskAsync(Sized(64 * 1024 * 1024 + 1)).ResponseAsync));
        Assert.Equal(StatusCode.ResourceExhausted, e.StatusCode);
        RawResponse response = await host.PostAsync("/probe.Probe/Ask", [0, 4, 0, 0, 1]);
        Assert.Equal("8", response.GrpcStatus);
    }

    [Fact]
    public async Task A_gzip_request_is_inflated()
    {
        await using RpcHost host = await StartAsync();
        var note = new Note { Number = 9, Body = ByteString.CopyFrom(new byte[100_000]) };
        RawResponse response = await host.PostAsync("/probe.Probe/Ask", Frame(Gzip(note.ToByteArray()), compressed: true), headers: ("grpc-encoding", "gzip"));
        Assert.Equal("0", response.GrpcStatus);
        Assert.Equal(Frame(note), response.Body);
    }

    [Fact]
    public async Task A_gzip_bomb_stops_at_the_limit()
    {
        await using RpcHost host = await StartAsync(options: o => o.MaxReceiveMessageSize = 10_000);
        RawResponse response = await host.PostAsync("/probe.Probe/Ask", Frame(Gzip(new byte[1_000_000]), compressed: true), headers: ("grpc-encoding", "gzip"));
        Assert.Equal("8", response.GrpcStatus);
    }

    [Fact]
    public async Task An_unknown_encoding_is_Unimplemented_and_names_the_known_ones()
    {
        await using RpcHost host = await StartAsync();
        RawResponse response = await host.PostAsync("/probe.Probe/Ask", Frame(new Note()), headers: ("grpc-encoding", "zstd"));
        Assert.Equal(("12", "identity,gzip"), (response.GrpcStatus, response.AcceptEncoding));
    }

    [Fact]
    public async Task A_compressed_flag_without_an_encoding_and_broken_gzip_are_Internal()
    {
        await using RpcHost host = await StartAsync();
        Assert.Equal("13", (await host.PostAsync("/probe.Probe/Ask", Frame([1, 2, 3], compressed: true))).GrpcStatus);
        Assert.Equal("13", (await host.PostAsync("/probe.Probe/Ask", Frame([1, 2, 3], compressed: true), headers: ("grpc-encoding", "gzip"))).GrpcStatus);
    }

    [Fact]
    public async Task A_server_stream_stops_producing_while_nobody_reads()
    {
        const int messageBytes = 64 * 1024;
        const int enough = 4000;
        int produced = 0;
        var stalled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using RpcHost host = await StartAsync(s => s.OnTell = async (_, writer, c) =>
        {
            for (int i = 0; i < enough; i++)
            {
                Task write = writer.WriteAsync(Sized(messageBytes));
                produced++;
                if (!write.IsCompleted && await Task.WhenAny(write, Task.Delay(500)) != write)
                {
                    stalled.TrySetResult();
                }

                await write;
            }
        });
        using AsyncServerStreamingCall<Note> call = host.Client.Tell(new Note());
        Assert.True(await Within(call.ResponseStream.MoveNext()));
        await Within(stalled.Task);
        Assert.InRange(produced, 1, 200);
        int read = 1;
        while (await Within(call.ResponseStream.MoveNext()))
        {
            read++;
        }

        Assert.Equal(enough, read);
    }

    [Fact]
    public async Task A_client_stream_stops_sending_while_the_handler_does_not_read()
    {
        const int messageBytes = 64 * 1024;
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using RpcHost host = await StartAsync(s => s.OnCollect = async (notes, _) =>
        {
            await go.Task;
            long count = 0;
            while (await notes.MoveNext())
            {
                count++;
            }

            return new Note { Number = count };
        });
        using AsyncClientStreamingCall<Note, Note> call = host.Client.Collect();
        int sent = 0;
        Task write;
        while (true)
        {
            write = call.RequestStream.WriteAsync(Sized(messageBytes));
            sent++;
            if (!write.IsCompleted && await Task.WhenAny(write, Task.Delay(500)) != write)
            {
                break;
            }

            await write;
            Assert.InRange(sent, 1, 400);
        }

        go.SetResult();
        await Within(write);
        await call.RequestStream.CompleteAsync();
        Assert.Equal(sent, (await Within(call.ResponseAsync)).Number);
    }

    private static byte[] Gzip(byte[] plain)
    {
        using var target = new MemoryStream();
        using (var gzip = new GZipStream(target, CompressionLevel.Fastest))
        {
            gzip.Write(plain);
        }

        return target.ToArray();
    }
}
