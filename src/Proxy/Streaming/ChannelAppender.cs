using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Proxy.Streaming;

/// <summary>
/// Station 4, the streaming client: sends to the owner of the pchannel. A refusal because the owner has moved (Fenced: nothing was written)
/// is sent again to the next owner; an append whose outcome is unknown is reported, never sent twice. Signals change nothing and are always
/// safe to send again. Time and attempts are bounded.
/// </summary>
public sealed class ChannelAppender(IAssignmentResolver resolver, ProxyOptions options, TimeProvider time, IStationSink stations, ILoggerFactory loggers) : IStreamingClient
{
    private readonly ILogger _logger = loggers.CreateLogger<ChannelAppender>();

    public async ValueTask<AppendResult> AppendAsync(VChannel channel, ImmutableArray<MessageBody> messages, CancellationToken ct)
    {
        using var timeout = new CancellationTokenSource(options.AppendTimeout, time);
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(ct, timeout.Token);
        var isSent = false;
        try
        {
            for (var attempt = 1; ; attempt++)
            {
                isSent = false;
                var (assignment, handler) = await resolver.ResolveAsync(channel.PChannel, bounded.Token);
                isSent = true;
                try
                {
                    var result = await handler.AppendAsync(channel.PChannel, assignment.Term, channel, messages, bounded.Token);
                    if (stations.IsEnabled)
                    {
                        stations.Emit(new StationEvent(Station.ChannelAppender, channel.Name, result.Tick, result.Position, messages.Length));
                    }

                    return result;
                }
                catch (MiniMilvusException e) when (e.Kind == ErrorKind.Fenced)
                {
                    isSent = false;
                    await GiveUpOwnerAsync(assignment, attempt, e, bounded.Token);
                }
            }
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw MiniMilvusException.Unavailable(isSent
                ? $"append to {channel}: no reply within {options.AppendTimeout}; whether it was written is unknown"
                : $"append to {channel}: found no owner within {options.AppendTimeout}; nothing was written", e);
        }
    }

    public async ValueTask<Timestamp> SignalAsync(PChannel channel, Timestamp atLeast, CancellationToken ct)
    {
        using var timeout = new CancellationTokenSource(options.AppendTimeout, time);
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(ct, timeout.Token);
        try
        {
            for (var attempt = 1; ; attempt++)
            {
                var (assignment, handler) = await resolver.ResolveAsync(channel, bounded.Token);
                try
                {
                    return await handler.SignalAsync(channel, assignment.Term, atLeast, bounded.Token);
                }
                catch (MiniMilvusException e) when (e.Kind == ErrorKind.Fenced)
                {
                    await GiveUpOwnerAsync(assignment, attempt, e, bounded.Token);
                }
                catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable && attempt < options.AppendAttemptsMax)
                {
                    await Task.Delay(options.SignalRetryDelay, time, bounded.Token);
                }
            }
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw MiniMilvusException.Unavailable($"timetick signal to {channel}: no reply within {options.AppendTimeout}", e);
        }
    }

    private async ValueTask GiveUpOwnerAsync(Core.Catalog.ChannelAssignment assignment, int attempt, MiniMilvusException refusal, CancellationToken ct)
    {
        if (attempt >= options.AppendAttemptsMax)
        {
            throw MiniMilvusException.Unavailable($"{assignment.Channel}: {attempt} owners refused, the last one in term {assignment.Term}; nothing was written", refusal);
        }

        Log.OwnerMoved(_logger, assignment.Channel, assignment.Term, attempt);
        await resolver.InvalidateAsync(assignment, ct);
    }
}
