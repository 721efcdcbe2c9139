using MiniMilvus.Core.Time;

namespace MiniMilvus.Core.Events;

/// <summary>The stations of architecture.md §3, numbered as there.</summary>
public enum Station
{
    InsertHandler = 1, RowValidator = 2, RowRouter = 3, ChannelAppender = 4, AppendService = 5, TimeTickStage = 6, SegmentStage = 7,
    LogWriter = 8, GroupCommit = 9, Durable = 10, AckTracker = 11, TickPublished = 12, LogReader = 13, GrowingVisible = 14, WriteBuffer = 15,
    SegmentFlushed = 16, SegmentCommitted = 17, IndexBuilt = 18, Handoff = 19, CheckpointAdvanced = 20, LogTruncated = 21, SegmentCompacted = 22,
}

/// <summary>One thing that happened at one station.</summary>
public readonly record struct StationEvent(Station Station, string Channel, Timestamp Tick, LogPosition Position, long Count);

/// <summary>Where stations report to. When <see cref="IsEnabled"/> is false an emission costs one branch.</summary>
public interface IStationSink
{
    bool IsEnabled { get; }

    void Emit(in StationEvent value);
}

/// <summary>The sink that hears nothing.</summary>
public sealed class NoStations : IStationSink
{
    public static readonly NoStations Instance = new();
    public bool IsEnabled => false;

    public void Emit(in StationEvent value)
    {
    }
}
