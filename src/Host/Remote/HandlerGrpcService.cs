using System.Runtime.ExceptionServices;
using System.Threading.Channels;
using Grpc.Core;
using MiniMilvus.Contracts.Internal.Streaming;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Host.Remote;

/// <summary>Serves a streaming node to other processes (HandlerService): Produce and Consume.</summary>
internal sealed class HandlerGrpcService(IStreamingHandler handler) : HandlerService.HandlerServiceBase
{
    private const int AnswersWaitingMax = 1024;
    private const int FramesPerAnswer = 64;
    private const int BytesPerAnswer = 4 << 20;

    public override async Task Produce(IAsyncStreamReader<ProduceRequest> requestStream, IServerStreamWriter<ProduceResponse> responseStream, ServerCallContext context)
    {
        var ct = context.CancellationToken;
        var answers = Channel.CreateBounded<Task<ProduceResponse>>(AnswersWaitingMax);
        var writing = WriteAsync(answers, responseStream, ct);
        Exception? failure = null;
        try
        {
            while (await requestStream.MoveNext(ct))
            {
                // Handed to the owner in the order of the stream; the answers go out in the same order, which is the order of acks.
                await answers.Writer.WriteAsync(AnswerAsync(requestStream.Current, ct), ct);
            }
        }
        catch (Exception e) when (e is not ChannelClosedException)
        {
            failure = e;
        }

        // What was handed over before a stream broke is answered; when the answers broke first, theirs is the failure.
        answers.Writer.TryComplete();
        await writing;
        if (failure is not null)
        {
            ExceptionDispatchInfo.Throw(failure);
        }
    }

    public override async Task Consume(ConsumeRequest request, IServerStreamWriter<ConsumeResponse> responseStream, ServerCallContext context)
    {
        try
        {
            var ct = context.CancellationToken;
            var subscription = await handler.SubscribeAsync(new PChannel(request.Channel), StreamingWire.FromWire(request.From), ct);
            await responseStream.WriteAsync(new ConsumeResponse { Start = StreamingWire.ToWire(subscription.Start) });
            await using var frames = subscription.Frames.GetAsyncEnumerator(ct);
            var next = frames.MoveNextAsync().AsTask();
            while (await next)
            {
                var response = new ConsumeResponse();
                var bytes = 0;
                do
                {
                    bytes += Add(response, frames.Current);
                    next = frames.MoveNextAsync().AsTask();
                }
                while (response.Tick is null && response.Messages.Count < FramesPerAnswer && bytes < BytesPerAnswer && next.IsCompletedSuccessfully && await next);
                await responseStream.WriteAsync(response, ct);
            }
        }
        catch (MiniMilvusException e)
        {
            throw RpcErrors.ToRpc(e);
        }
    }

    private static int Add(ConsumeResponse response, TailFrame frame)
    {
        if (frame.Message is not { } message)
        {
            response.Tick = new Tick { Term = frame.Tick.Term.Value, Tick_ = frame.Tick.Tick.Value, Confirmed = StreamingWire.ToWire(frame.Tick.Confirmed) };
            return 0;
        }

        var bytes = StreamingWire.ToWire(message);
        response.Messages.Add(new StoredMessage { Position = StreamingWire.ToWire(message.Position), Message = bytes });
        return bytes.Length;
    }

    private static async Task WriteAsync(Channel<Task<ProduceResponse>> answers, IServerStreamWriter<ProduceResponse> to, CancellationToken ct)
    {
        try
        {
            await foreach (var answer in answers.Reader.ReadAllAsync(ct))
            {
                await to.WriteAsync(await answer, ct);
            }
        }
        finally
        {
            answers.Writer.TryComplete(); // whoever reads the requests stops too
        }
    }

    private async Task<ProduceResponse> AnswerAsync(ProduceRequest request, CancellationToken ct)
    {
        var channel = new PChannel(request.Channel);
        var response = new ProduceResponse { Number = request.Number };
        try
        {
            if (request.WhatCase == ProduceRequest.WhatOneofCase.Signal)
            {
                response.Tick = (await handler.SignalAsync(channel, new Term(request.Term), new Timestamp(request.Signal.AtLeast), ct)).Value;
                return response;
            }

            var append = request.Append ?? throw MiniMilvusException.Invalid("produce: expected an append or a signal, found neither");
            var bodies = append.Messages.Select(StreamingWire.BodyFromWire);
            var result = await handler.AppendAsync(channel, new Term(request.Term), new VChannel(append.Vchannel), [.. bodies], ct);
            response.Tick = result.Tick.Value;
            response.Position = StreamingWire.ToWire(result.Position);
            response.SealedSegments.AddRange(result.Sealed.Select(s => s.Value));
        }
        catch (MiniMilvusException e)
        {
            response.Failure = StreamingWire.ToWire(e);
        }

        return response;
    }
}
