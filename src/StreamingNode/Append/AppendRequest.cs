using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;

namespace MiniMilvus.StreamingNode.Append;

/// <summary>What waits for the sequencer: an append, a tick signal, or the opening rollback of a new term.</summary>
internal abstract record SequencerRequest;

internal sealed record AppendRequest(VChannel Channel, ImmutableArray<MessageBody> Bodies, TaskCompletionSource<AppendResult> Done) : SequencerRequest;

internal sealed record SignalRequest(Timestamp AtLeast, TaskCompletionSource<Timestamp> Done) : SequencerRequest;

/// <summary>A tick that enters the log (<c>timetick.persist = all</c>).</summary>
internal sealed record StoredTickRequest : SequencerRequest;

/// <summary>What waits for its durability, in log order: the messages of one request, or a tick.</summary>
internal abstract record UnackedItem;

internal sealed record UnackedAppend(ImmutableArray<(LogMessage Message, Task Durable, int Bytes)> Messages, ImmutableArray<SegmentId> Sealed, TaskCompletionSource<AppendResult>? Done) : UnackedItem;

internal sealed record UnackedTick(Timestamp Tick, TaskCompletionSource<Timestamp> Done) : UnackedItem;
