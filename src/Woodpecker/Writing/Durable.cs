using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Time;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Blocks;

namespace MiniMilvus.Woodpecker.Writing;

/// <summary>
/// Station 10, where durability is decided: a group is written, flushed, and only then the epoch is looked at (W1). When this returns the
/// group may be acked; when it throws it never is, and nothing is tried again, for a failed flush says nothing about what is on the disk (W16).
/// </summary>
internal sealed class Durable(string log, IEpochGuard guard, IStationSink stations)
{
    public async Task MakeDurableAsync(ISegmentWriter segment, IReadOnlyList<EncodedBlock> blocks, EntryGroup group, CancellationToken ct)
    {
        await segment.WriteAsync(blocks, ct);
        await segment.FlushAsync(ct);   // durable
        await guard.CheckAsync(ct);     // and still the newest: whoever fences us scans after this, and finds the group
        if (stations.IsEnabled)
        {
            stations.Emit(new StationEvent(Station.Durable, log, Timestamp.Zero, group.End, group.Entries.Count));
        }
    }

    public IEpochGuard Guard => guard;

    /// <summary>Before a step that only the newest writer takes.</summary>
    public ValueTask RequireNewestAsync(CancellationToken ct) => guard.CheckAsync(ct);
}
