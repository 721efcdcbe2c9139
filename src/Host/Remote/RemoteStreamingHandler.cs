using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Grpc.Core;
using MiniMilvus.Contracts.Internal.Streaming;
using MiniMilvus.Core;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Host.Remote;

/// <summary>
/// A streaming node in another process. Appends share one Produce stream, so many are in flight without a round trip each; when the stream
/// breaks, every append on it has an unknown outcome and says so (never sent twice), and the next call opens a new one.
/// </summary>
internal sealed class RemoteStreamingHandler(CallInvoker invoker) : IStreamingHandler, IDisposable
{
    private readonly HandlerService.HandlerServiceClient _client = new(invoker);
    private readonly AsyncGate _gate = new();
    private Producer? _producer;
    private long _number;

    public async ValueTask<AppendResult> AppendAsync(PChannel pchannel, Term term, VChannel channel, ImmutableArray<MessageBody> messages, CancellationToken ct)
    {
        var append = new Append { Vchannel = channel.Name };
        append.Messages.AddRange(messages.Select(m => StreamingWire.ToWire(channel, m)));
        var response = await SendAsync(new ProduceRequest { Channel = pchannel.Name, Term = term.Value, Append = append }, ct);
        return new AppendResult(new Timestamp(response.Tick), StreamingWire.FromWire(response.Position), [.. response.SealedSegments.Select(s => new SegmentId(s))]);
    }

    public async ValueTask<Timestamp> SignalAsync(PChannel channel, Term term, Timestamp atLeast, CancellationToken ct)
    {
        var response = await SendAsync(new ProduceRequest { Channel = channel.Name, Term = term.Value, Signal = new Signal { AtLeast = atLeast.Value } }, ct);
        return new Timestamp(response.Tick);
    }

    public async ValueTask<TailSubscription> SubscribeAsync(PChannel channel, Core.LogPosition from, CancellationToken ct)
    {
        var call = _client.Consume(new ConsumeRequest { Channel = channel.Name, From = StreamingWire.ToWire(from) }, cancellationToken: ct);
        try
        {
            if (!await RemoteStream.MoveNextAsync(call.ResponseStream, ct))
            {
                throw MiniMilvusException.Unavailable($"pchannel {channel}: the tail ended before it began");
            }

            return new TailSubscription(StreamingWire.FromWire(call.ResponseStream.Current.Start), FramesAsync(call, ct));
        }
        catch
        {
            call.Dispose();
            throw;
        }
    }

    public void Dispose() => _producer?.Dispose();

    private static async IAsyncEnumerable<TailFrame> FramesAsync(AsyncServerStreamingCall<ConsumeResponse> call, [EnumeratorCancellation] CancellationToken ct)
    {
        using (call)
        {
            while (await RemoteStream.MoveNextAsync(call.ResponseStream, ct))
            {
                var response = call.ResponseStream.Current;
                foreach (var stored in response.Messages)
                {
                    yield return new TailFrame(StreamingWire.FromWire(stored.Message, StreamingWire.FromWire(stored.Position)), default);
                }

                if (response.Tick is { } tick)
                {
                    yield return new TailFrame(null, new TimeTick(new Term(tick.Term), new Timestamp(tick.Tick_), StreamingWire.FromWire(tick.Confirmed)));
                }
            }

            throw MiniMilvusException.Unavailable("the streaming node ended the tail");
        }
    }

    private async ValueTask<ProduceResponse> SendAsync(ProduceRequest request, CancellationToken ct)
    {
        Task<ProduceResponse> answer;
        using (await _gate.EnterAsync(ct))
        {
            if (_producer is null or { IsBroken: true })
            {
                _producer?.Dispose();
                _producer = new Producer(_client.Produce(cancellationToken: CancellationToken.None));
            }

            request.Number = ++_number;
            answer = await _producer.SendAsync(request);
        }

        var response = await answer.WaitAsync(ct);
        return response.Failure is { } failure ? throw StreamingWire.FromWire(failure) : response;
    }

    /// <summary>One Produce stream and what waits for its answers.</summary>
    private sealed class Producer : IDisposable
    {
        private readonly AsyncDuplexStreamingCall<ProduceRequest, ProduceResponse> _call;
        private readonly ConcurrentDictionary<long, TaskCompletionSource<ProduceResponse>> _waiting = new();
        private volatile Exception? _broken;

        public Producer(AsyncDuplexStreamingCall<ProduceRequest, ProduceResponse> call)
        {
            _call = call;
            _ = ReadAsync();
        }

        public bool IsBroken => _broken is not null;

        public async ValueTask<Task<ProduceResponse>> SendAsync(ProduceRequest request)
        {
            var done = new TaskCompletionSource<ProduceResponse>(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting[request.Number] = done;
            try
            {
                await _call.RequestStream.WriteAsync(request);
            }
            catch (Exception e) when (e is RpcException or InvalidOperationException or IOException or OperationCanceledException)
            {
                Break(e);
            }

            if (_broken is { } broken)
            {
                done.TrySetException(Unknown(broken)); // It may have broken before this one was listed.
            }

            return done.Task;
        }

        public void Dispose()
        {
            _call.Dispose();
            Break(new ObjectDisposedException(nameof(Producer)));
        }

        private static MiniMilvusException Unknown(Exception e) =>
            MiniMilvusException.Unavailable("the streaming node's connection broke; the outcome of this append is unknown (W14)", e);

        private async Task ReadAsync()
        {
            try
            {
                while (await _call.ResponseStream.MoveNext(CancellationToken.None))
                {
                    var response = _call.ResponseStream.Current;
                    if (_waiting.TryRemove(response.Number, out var done))
                    {
                        done.TrySetResult(response);
                    }
                }

                Break(MiniMilvusException.Unavailable("the streaming node closed the stream"));
            }
            catch (Exception e)
            {
                Break(e);
            }
        }

        private void Break(Exception reason)
        {
            _broken ??= reason;
            foreach (var (number, _) in _waiting)
            {
                if (_waiting.TryRemove(number, out var done))
                {
                    done.TrySetException(Unknown(reason));
                }
            }
        }
    }
}
