using System.Runtime.CompilerServices;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.StreamingNode.Reading;

/// <summary>
/// Station 13: every message in order, once (T4): from the owner's tail buffer when at the tail, from the stored log when behind. Catching up
/// reads Woodpecker directly (read-only), so replay neither loads the owner nor stops when it moves.
/// </summary>
public sealed class TailingLogReader(IWoodpecker woodpecker, IAssignmentResolver resolver, TimeProvider time, IStationSink stations) : ILogReader
{
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(50);

    /// <inheritdoc/>
    public async IAsyncEnumerable<LogEvent> ReadAsync(PChannel channel, LogPosition from, [EnumeratorCancellation] CancellationToken ct)
    {
        var assembler = new TransactionAssembler(channel, startsAnywhere: from == LogPosition.Beginning);
        var deliver = new List<LogMessage>();
        var next = from;
        while (true)
        {
            var subscription = await SubscribeAsync(channel, next, ct);
            if (subscription is not null && subscription.Start > next)
            {
                await foreach (var entry in woodpecker.ReadAsync(channel.Name, next, subscription.Start, ct))
                {
                    next = entry.Position.Next;
                    assembler.Add(MessageCodec.Decode(entry.Bytes, entry.Position), deliver);
                    foreach (var message in deliver)
                    {
                        Emit(channel, message);
                        yield return LogEvent.Of(message);
                    }

                    deliver.Clear();
                }
            }

            if (subscription is not null)
            {
                await using var frames = subscription.Frames.GetAsyncEnumerator(ct);
                while (await MoveNextAsync(frames))
                {
                    if (frames.Current.Message is not { } stored)
                    {
                        if (assembler.OpenTransaction is null)
                        {
                            yield return LogEvent.Of(frames.Current.Tick);
                        }

                        continue;
                    }

                    if (stored.Position < next)
                    {
                        continue;
                    }

                    next = stored.Position.Next;
                    assembler.Add(stored, deliver);
                    foreach (var message in deliver)
                    {
                        Emit(channel, message);
                        yield return LogEvent.Of(message);
                    }

                    deliver.Clear();
                }
            }

            // The owner moved, restarted, or cut us off for being slow: go on from the stored log with whoever owns it next.
            await Task.Delay(RetryPause, time, ct);
        }
    }

    private async ValueTask<TailSubscription?> SubscribeAsync(PChannel channel, LogPosition from, CancellationToken ct)
    {
        try
        {
            var (_, handler) = await resolver.ResolveAsync(channel, ct);
            return await handler.SubscribeAsync(channel, from, ct);
        }
        catch (MiniMilvusException e) when (e.Kind is ErrorKind.Unavailable or ErrorKind.Fenced)
        {
            return null;
        }
    }

    private static async ValueTask<bool> MoveNextAsync(IAsyncEnumerator<TailFrame> frames)
    {
        try
        {
            return await frames.MoveNextAsync();
        }
        catch (MiniMilvusException e) when (e.Kind is ErrorKind.Unavailable or ErrorKind.Fenced)
        {
            return false;
        }
    }

    private void Emit(PChannel channel, LogMessage message)
    {
        if (stations.IsEnabled)
        {
            stations.Emit(new StationEvent(Station.LogReader, channel.Name, message.CommitTick, message.Position, 1));
        }
    }
}
