using System.Diagnostics.Metrics;

namespace MiniMilvus.Woodpecker.Writing;

/// <summary>How much of the writers' room is taken, and what that did to appends, for <c>/metrics</c>.</summary>
internal sealed class RoomMetrics : IDisposable
{
    private readonly Meter _meter = new("MiniMilvus.Woodpecker");
    private readonly Counter<long> _slowed;
    private readonly Counter<double> _slowedSeconds;
    private readonly Counter<long> _refused;

    public RoomMetrics(LogRoom room)
    {
        _meter.CreateObservableGauge("minimilvus_woodpecker_unacked_bytes", () => room.HeldBytes, "bytes", "Entries of all logs that are not durable yet");
        _meter.CreateObservableGauge("minimilvus_woodpecker_memory_pressure", () => room.MemoryPressure, "", "0: appends go at once; up to 1: they are slowed because of memory; 1: refused");
        _meter.CreateObservableGauge("minimilvus_woodpecker_disk_pressure", () => room.DiskPressure, "", "0: appends go at once; up to 1: they are slowed because the disk fills up; 1: refused");
        _slowed = _meter.CreateCounter<long>("minimilvus_woodpecker_slowed_appends", "appends", "Appends that were slowed because memory or disk ran short");
        _slowedSeconds = _meter.CreateCounter<double>("minimilvus_woodpecker_slowed_seconds", "seconds", "The time that they were slowed by");
        _refused = _meter.CreateCounter<long>("minimilvus_woodpecker_refused_appends", "appends", "Appends that were refused because memory or disk had run out");
    }

    public void Slowed(TimeSpan by)
    {
        _slowed.Add(1);
        _slowedSeconds.Add(by.TotalSeconds);
    }

    public void Refused(string why) => _refused.Add(1, new KeyValuePair<string, object?>("by", why));

    public void Dispose() => _meter.Dispose();
}
