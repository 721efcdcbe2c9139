using MiniMilvus.Core.Events;

namespace MiniMilvus.Benchmarks.Wal;

/// <summary>How many bytes each flush covered, for the bare loop to do the same.</summary>
internal sealed class GroupSizes(int recordBytes) : IStationSink
{
    public List<int> Sizes { get; } = [];

    public bool IsEnabled => true;

    public void Emit(in StationEvent e)
    {
        if (e.Station == Station.GroupCommit)
        {
            Sizes.Add((int)e.Count * recordBytes);
        }
    }
}
