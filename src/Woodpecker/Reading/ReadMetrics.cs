using System.Diagnostics.Metrics;

namespace MiniMilvus.Woodpecker.Reading;

/// <summary>Where this process's readers got their blocks from, and how often one that followed the tail in memory fell behind it (Q8).</summary>
internal sealed class ReadMetrics : IDisposable
{
    private static readonly KeyValuePair<string, object?> s_tail = new("from", "tail");
    private static readonly KeyValuePair<string, object?> s_segment = new("from", "segment");
    private readonly Meter _meter = new("MiniMilvus.Woodpecker");
    private readonly Counter<long> _blocks;
    private readonly Counter<long> _demotions;
    private readonly Counter<long> _leasesLate;
    private long _fromTail, _fromSegments, _demoted;

    public ReadMetrics()
    {
        _blocks = _meter.CreateCounter<long>("woodpecker_read_blocks", "blocks", "Blocks given to readers, from the tail in memory or from where segments lie");
        _demotions = _meter.CreateCounter<long>("woodpecker_reader_demotions", "readers", "Readers at the tail that fell behind what memory keeps and went back to the segments");
        _leasesLate = _meter.CreateCounter<long>("woodpecker_reader_leases_late", "times", "Times that the leases of this process's readers could not be renewed in their turn; the next turn tries again");
    }

    public long FromTail => Interlocked.Read(ref _fromTail);

    public long FromSegments => Interlocked.Read(ref _fromSegments);

    public long Demotions => Interlocked.Read(ref _demoted);

    public void Tail()
    {
        Interlocked.Increment(ref _fromTail);
        _blocks.Add(1, s_tail);
    }

    /// <param name="wasAtTail">The reader's last block came from memory.</param>
    public void Segment(bool wasAtTail)
    {
        Interlocked.Increment(ref _fromSegments);
        _blocks.Add(1, s_segment);
        if (wasAtTail)
        {
            Interlocked.Increment(ref _demoted);
            _demotions.Add(1);
        }
    }

    public void LeaseNotRenewed() => _leasesLate.Add(1);

    public void Dispose() => _meter.Dispose();
}
