using System.Collections.Immutable;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Core.Streaming;

/// <summary>The reply to a durable append.</summary>
/// <param name="Tick">When the messages are visible: a reader whose tSafe has reached it sees them.</param>
/// <param name="Sealed">For a ManualFlush: the segments that it sealed.</param>
public sealed record AppendResult(Timestamp Tick, LogPosition Position, ImmutableArray<SegmentId> Sealed);

/// <summary>
/// Writes to the log through its owner (station 4). Finds the owner, retries what is safe to retry: an append whose outcome is unknown is
/// reported as Unavailable, never sent twice.
/// </summary>
public interface IStreamingClient
{
    /// <summary>Appends messages to one shard, all or none of them: several become a transaction (S10). Returns when they are durable (W1).</summary>
    ValueTask<AppendResult> AppendAsync(VChannel channel, ImmutableArray<MessageBody> messages, CancellationToken ct);

    /// <summary>The timetick signal (decision 3): asks the owner to publish a tick at or above <paramref name="atLeast"/> now. Returns the tick published.</summary>
    ValueTask<Timestamp> SignalAsync(PChannel channel, Timestamp atLeast, CancellationToken ct);
}

/// <summary>What a tail subscription delivers: stored messages in order (transaction markers included) and ticks.</summary>
/// <param name="Message">A confirmed message, or null for a tick.</param>
public readonly record struct TailFrame(LogMessage? Message, TimeTick Tick);

/// <summary>Where a tail subscription begins.</summary>
/// <param name="Start">The first position the tail will deliver; the reader takes everything below it from the stored log.</param>
public sealed record TailSubscription(LogPosition Start, IAsyncEnumerable<TailFrame> Frames);

/// <summary>A streaming node as its clients see it (HandlerService): in process, or over gRPC.</summary>
public interface IStreamingHandler
{
    /// <summary>Appends to a channel that this node owns in <paramref name="term"/>. Fenced when it does not: nothing was written.</summary>
    ValueTask<AppendResult> AppendAsync(PChannel pchannel, Term term, VChannel channel, ImmutableArray<MessageBody> messages, CancellationToken ct);

    ValueTask<Timestamp> SignalAsync(PChannel channel, Term term, Timestamp atLeast, CancellationToken ct);

    /// <summary>
    /// Subscribes to the tail. When <paramref name="from"/> is still in the tail buffer the subscription starts there, else at the buffer's
    /// first position. A subscriber that falls behind by more than the buffer is cut off with Unavailable and goes on from the stored log (Q8).
    /// </summary>
    ValueTask<TailSubscription> SubscribeAsync(PChannel channel, LogPosition from, CancellationToken ct);
}

/// <summary>Finds the owner of a pchannel (AssignmentService). Implementations cache; <see cref="InvalidateAsync"/> reports a wrong answer.</summary>
public interface IAssignmentResolver
{
    ValueTask<(Catalog.ChannelAssignment Assignment, IStreamingHandler Handler)> ResolveAsync(PChannel channel, CancellationToken ct);

    /// <summary>Says that <paramref name="assignment"/> did not work; the next resolve waits for a newer one or gives up within a bound.</summary>
    ValueTask InvalidateAsync(Catalog.ChannelAssignment assignment, CancellationToken ct);
}
