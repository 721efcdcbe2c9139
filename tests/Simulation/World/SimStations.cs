using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Time;
using MiniMilvus.Simulation.Scheduling;

namespace MiniMilvus.Simulation.World;

/// <summary>Hears the stations of every life of the server: folds them into the trace and checks what must hold at each (W2, T6, S3).</summary>
internal sealed class SimStations(SimScheduler scheduler, Violations violations, Func<string, LogPosition?> lowestCheckpoint, Func<string, bool> isRead) : IStationSink
{
    private readonly Dictionary<string, (Timestamp Tick, LogPosition Position)> _acked = [];
    private readonly Dictionary<string, Timestamp> _published = [];

    /// <summary>What was acked on each pchannel, rising.</summary>
    public SortedDictionary<string, List<AckedAppend>> AckedAppends { get; } = [];

    public SortedDictionary<Station, long> Counts { get; } = [];

    public bool IsEnabled => true;

    public void Emit(in StationEvent value)
    {
        scheduler.AssertHere("station");
        scheduler.Note(((ulong)value.Station << 56) ^ value.Tick.Value ^ ((ulong)value.Position.Segment << 32) ^ (ulong)value.Position.Entry ^ ((ulong)value.Count << 40));
        Counts[value.Station] = Counts.GetValueOrDefault(value.Station) + 1;
        switch (value.Station)
        {
            case Station.AckTracker:
                Acked(value);
                break;
            case Station.TickPublished:
                if (value.Tick < _published.GetValueOrDefault(value.Channel))
                {
                    violations.Add("T6 ticks never go back", $"{value.Channel}: tick {value.Tick} published after {_published[value.Channel]}");
                }

                _published[value.Channel] = value.Tick;
                break;
            case Station.Handoff when isRead(value.Channel):
                Happened.Shared.Add(Happened.HandoffBesideRead);
                break;
            case Station.LogTruncated:
                if (lowestCheckpoint(value.Channel) is { } lowest && value.Position > lowest)
                {
                    violations.Add("S3 truncation stays below every checkpoint", $"{value.Channel}: truncated to {value.Position}, lowest checkpoint {lowest}");
                }

                break;
        }
    }

    private void Acked(in StationEvent value)
    {
        var last = _acked.GetValueOrDefault(value.Channel);
        if (value.Tick <= last.Tick || (value.Position <= last.Position && last.Tick > Timestamp.Zero))
        {
            violations.Add("W2 acks come in log order", $"{value.Channel}: ack of {value.Position} at {value.Tick} follows {last.Position} at {last.Tick}");
        }

        if (value.Tick <= _published.GetValueOrDefault(value.Channel))
        {
            violations.Add("T2 nothing is accepted at or below a published tick", $"{value.Channel}: ack at {value.Tick} after the tick {_published[value.Channel]}");
        }

        _acked[value.Channel] = (value.Tick, value.Position);
        if (!AckedAppends.TryGetValue(value.Channel, out var appends))
        {
            AckedAppends[value.Channel] = appends = [];
        }

        appends.Add(new AckedAppend(value.Tick, value.Position, value.Count));
    }
}

/// <summary>An append that was acked: the tick and the place of its last message, and how many messages it has.</summary>
internal readonly record struct AckedAppend(Timestamp Tick, LogPosition Last, long Messages)
{
    /// <summary>Its first message lies here or above: they are contiguous; of one that lies across the end of a log segment this is the least place.</summary>
    public LogPosition First => Last.Entry + 1 >= Messages ? new LogPosition(Last.Segment, Last.Entry + 1 - Messages) : new LogPosition(Last.Segment - 1, 0);
}
