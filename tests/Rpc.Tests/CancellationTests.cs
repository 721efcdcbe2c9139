using System.Buffers;
using System.IO.Pipelines;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging;
using MiniMilvus.Rpc.Tests.Contract;
using static MiniMilvus.Rpc.Tests.RpcHost;

namespace MiniMilvus.Rpc.Tests;

public sealed class CancellationTests
{
    [Fact]
    public async Task A_client_that_cancels_wakes_the_handler_and_gets_Cancelled()
    {
        var entered = Signal();
        var cancelled = Signal();
        await using RpcHost host = await StartAsync(s => s.OnAsk = async (n, c) =>
        {
            await using CancellationTokenRegistration r = c.CancellationToken.Register(() => cancelled.TrySetResult());
            entered.SetResult();
            await cancelled.Task;
            c.CancellationToken.ThrowIfCancellationRequested();
            return n;
        });
        using var cancel = new CancellationTokenSource();
        Task<Note> reply = host.Client.AskAsync(new Note(), cancellationToken: cancel.Token).ResponseAsync;
        await Within(entered.Task);
        cancel.Cancel();
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => Within(reply));
        Assert.Equal(StatusCode.Cancelled, e.StatusCode);
        await Within(cancelled.Task);
        Assert.DoesNotContain(host.Logs.Entries, l => l.Error is not null);
    }

    [Fact]
    public async Task A_token_cancelled_before_the_call_sends_nothing()
    {
        int calls = 0;
        await using RpcHost host = await StartAsync(s => s.OnAsk = (n, _) =>
        {
            calls++;
            return Task.FromResult(n);
        });
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => Within(host.Client.AskAsync(new Note(), cancellationToken: new CancellationToken(true)).ResponseAsync));
        Assert.Equal((StatusCode.Cancelled, 0), (e.StatusCode, calls));
    }

    [Fact]
    public async Task Disposing_a_stream_cancels_it_on_the_server()
    {
        var cancelled = Signal();
        await using RpcHost host = await StartAsync(s => s.OnTalk = async (notes, writer, c) =>
        {
            await using CancellationTokenRegistration r = c.CancellationToken.Register(() => cancelled.TrySetResult());
            await writer.WriteAsync(new Note());
            await notes.MoveNext();
            await cancelled.Task;
        });
        AsyncDuplexStreamingCall<Note, Note> call = host.Client.Talk();
        Assert.True(await Within(call.ResponseStream.MoveNext()));
        Task<bool> pending = call.ResponseStream.MoveNext();
        call.Dispose();
        await Within(cancelled.Task);
        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(() => Within(pending))).StatusCode);
        Assert.Equal(StatusCode.Cancelled, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task A_token_given_to_MoveNext_cancels_the_call()
    {
        var cancelled = Signal();
        await using RpcHost host = await StartAsync(s => s.OnTell = async (_, writer, c) =>
        {
            await writer.WriteAsync(new Note());
            await using CancellationTokenRegistration r = c.CancellationToken.Register(() => cancelled.TrySetResult());
            await cancelled.Task;
        });
        using AsyncServerStreamingCall<Note> call = host.Client.Tell(new Note());
        Assert.True(await Within(call.ResponseStream.MoveNext()));
        using var cancel = new CancellationTokenSource();
        Task<bool> pending = call.ResponseStream.MoveNext(cancel.Token);
        cancel.Cancel();
        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(() => Within(pending))).StatusCode);
        await Within(cancelled.Task);
    }

    [Fact]
    public async Task Disposing_the_channel_cancels_its_calls()
    {
        var entered = Signal();
        await using RpcHost host = await StartAsync(s => s.OnAsk = async (n, c) =>
        {
            entered.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, c.CancellationToken);
            return n;
        });
        Task<Note> reply = host.Client.AskAsync(new Note()).ResponseAsync;
        await Within(entered.Task);
        host.Channel.Dispose();
        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(() => Within(reply))).StatusCode);
    }

    [Fact]
    public async Task A_server_that_aborts_fails_the_clients_calls()
    {
        await using RpcHost host = await StartAsync(s => s.OnTalk = async (notes, writer, c) =>
        {
            await notes.MoveNext();
            c.GetHttpContext().Abort();
        });
        using AsyncDuplexStreamingCall<Note, Note> call = host.Client.Talk();
        await Within(call.RequestStream.WriteAsync(new Note()));
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => Within(call.ResponseStream.MoveNext()));
        Assert.True(e.StatusCode == StatusCode.Internal, e.ToString());
        RpcException w = await Assert.ThrowsAsync<RpcException>(() => Within(call.RequestStream.WriteAsync(new Note())));
        Assert.True(w.StatusCode == StatusCode.Internal, w.ToString());
        Assert.Equal(3, (await Within(host.Client.AskAsync(new Note { Number = 3 }).ResponseAsync)).Number);
    }

    [Fact]
    public async Task The_deadline_passes_on_the_client_while_the_server_does_not_answer()
    {
        var clock = new ManualClock();
        var entered = Signal();
        var cancelled = Signal();
        DateTime seen = default;
        await using RpcHost host = await StartAsync(s => s.OnAsk = async (n, c) =>
        {
            seen = c.Deadline;
            await using CancellationTokenRegistration r = c.CancellationToken.Register(() => cancelled.TrySetResult());
            entered.SetResult();
            await cancelled.Task;
            return n;
        });
        using var channel = GrpcChannel.ForAddress(host.Address, new GrpcChannelOptions { Clock = clock });
        Task<Note> reply = new Probe.ProbeClient(channel).AskAsync(new Note(), deadline: clock.GetUtcNow().UtcDateTime.AddHours(1)).ResponseAsync;
        await Within(entered.Task);
        Assert.InRange(seen, DateTime.UtcNow.AddMinutes(55), DateTime.UtcNow.AddMinutes(60));
        clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(StatusCode.DeadlineExceeded, (await Assert.ThrowsAsync<RpcException>(() => Within(reply))).StatusCode);
        await Within(cancelled.Task);
    }

    [Fact]
    public async Task A_deadline_in_the_past_fails_at_once()
    {
        await using RpcHost host = await StartAsync();
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => Within(host.Client.AskAsync(new Note(), deadline: DateTime.UtcNow.AddSeconds(-1)).ResponseAsync));
        Assert.Equal(StatusCode.DeadlineExceeded, e.StatusCode);
        await Assert.ThrowsAsync<RpcException>(() => Within(host.Client.AskAsync(new Note(), deadline: DateTime.Now.AddSeconds(-1)).ResponseAsync));
    }

    [Fact]
    public async Task The_server_answers_DeadlineExceeded_although_its_handler_does_not_look_at_the_token()
    {
        var clock = new ManualClock();
        var entered = Signal();
        var leave = Signal();
        var left = Signal();
        await using RpcHost host = await StartAsync(
            s => s.OnAsk = async (n, c) =>
            {
                entered.SetResult();
                await leave.Task;
                left.SetResult();
                return n;
            },
            services: s => Microsoft.Extensions.DependencyInjection.ServiceCollectionServiceExtensions.AddSingleton<TimeProvider>(s, clock));
        Task<RawResponse> response = host.PostAsync("/probe.Probe/Ask", Frame(new Note()), headers: ("grpc-timeout", "10S"));
        await Within(entered.Task);
        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal("4", (await Within(response)).GrpcStatus);
        leave.SetResult();
        await Within(left.Task);
        host.Service.OnAsk = (n, _) => Task.FromResult(n);
        Assert.Equal("0", (await Within(host.PostAsync("/probe.Probe/Ask", Frame(new Note())))).GrpcStatus);
    }

    [Fact]
    public async Task The_deadline_wakes_a_handler_that_waits_for_the_next_message()
    {
        var clock = new ManualClock();
        var entered = Signal();
        var woken = new TaskCompletionSource<Exception>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using RpcHost host = await StartAsync(
            s => s.OnTalk = async (notes, writer, c) =>
            {
                await notes.MoveNext();
                entered.SetResult();
                try
                {
                    await notes.MoveNext();
                }
                catch (Exception e)
                {
                    woken.SetResult(e);
                    throw;
                }
            },
            services: s => Microsoft.Extensions.DependencyInjection.ServiceCollectionServiceExtensions.AddSingleton<TimeProvider>(s, clock));
        // The client keeps real time, far from its deadline: only the server's clock moves.
        using AsyncDuplexStreamingCall<Note, Note> call = host.Client.Talk(deadline: DateTime.UtcNow.AddHours(1));
        await Within(call.RequestStream.WriteAsync(new Note()));
        await Within(entered.Task);
        clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(StatusCode.DeadlineExceeded, (await Assert.ThrowsAsync<RpcException>(() => Within(call.ResponseStream.MoveNext()))).StatusCode);
        Assert.IsAssignableFrom<OperationCanceledException>(await Within(woken.Task));
    }

    [Fact]
    public async Task A_deadline_that_passes_after_the_connection_broke_is_no_failure_of_the_server()
    {
        var clock = new ManualClock();
        var entered = Signal();
        var broken = Signal();
        var leave = Signal();
        var left = Signal();
        await using RpcHost host = await StartAsync(
            s => s.OnTalk = async (notes, writer, c) =>
            {
                await notes.MoveNext();
                await using CancellationTokenRegistration r = c.CancellationToken.Register(() => broken.TrySetResult());
                entered.SetResult();
                await leave.Task;
                left.SetResult();
            },
            services: s => Microsoft.Extensions.DependencyInjection.ServiceCollectionServiceExtensions.AddSingleton<TimeProvider>(s, clock));
        using (var channel = GrpcChannel.ForAddress(host.Address))
        {
            AsyncDuplexStreamingCall<Note, Note> call = new Probe.ProbeClient(channel).Talk(deadline: DateTime.UtcNow.AddHours(1));
            await Within(call.RequestStream.WriteAsync(new Note()));
            await Within(entered.Task);
        }

        await Within(broken.Task);
        clock.Advance(TimeSpan.FromHours(1));
        leave.SetResult();
        await Within(left.Task);
        Assert.DoesNotContain(host.Logs.Entries, e => e.Level >= LogLevel.Error);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_connection_that_breaks_between_a_read_and_the_next_is_no_failure_of_the_server(bool isMessage)
    {
        await using RpcHost host = await StartAsync(body: inner => new BrokenBehindARead(inner));
        byte[] payload = isMessage ? new Note().ToByteArray() : [0xff];
        RawResponse reply = await host.PostAsync("/probe.Probe/Ask", Frame(payload, compressed: false));
        Assert.Equal(((int)StatusCode.Cancelled).ToString(System.Globalization.CultureInfo.InvariantCulture), reply.GrpcStatus);
        Assert.DoesNotContain(host.Logs.Entries, e => e.Level >= LogLevel.Error);
    }

    [Fact]
    public async Task A_server_that_stops_leaves_its_clients_with_an_RpcException_not_a_hang()
    {
        var entered = Signal();
        await using RpcHost host = await StartAsync(s => s.OnAsk = async (n, c) =>
        {
            entered.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, c.CancellationToken);
            return n;
        });
        Task<Note> reply = host.Client.AskAsync(new Note()).ResponseAsync;
        await Within(entered.Task);
        await Within(host.StopAsync());
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => Within(reply));
        Assert.True(e.StatusCode is StatusCode.Unavailable or StatusCode.Cancelled or StatusCode.Internal, e.ToString());
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => Within(host.Client.AskAsync(new Note()).ResponseAsync))).StatusCode);
    }

    private static TaskCompletionSource Signal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What was read can be used, and giving it back says that the connection broke, as Kestrel's reader does.</summary>
    private sealed class BrokenBehindARead(PipeReader inner) : PipeReader
    {
        public override void AdvanceTo(SequencePosition consumed) => throw new IOException("The request stream was aborted.");

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => AdvanceTo(consumed);

        public override void CancelPendingRead() => inner.CancelPendingRead();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) => inner.ReadAsync(cancellationToken);

        public override bool TryRead(out ReadResult result) => inner.TryRead(out result);
    }
}
