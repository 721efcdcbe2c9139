using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>What a reader in another process makes of a segment that is still written (W10, W16): "not yet", damage, or an entry.</summary>
public sealed class ReaderTests
{
    private const int BlockBytes = BlockHeader.Bytes + BlockHeader.EntryPrefixBytes + 100;
    private static readonly CancellationToken Never = CancellationToken.None;
    private readonly SimulatedDisk _disk = new(TimeProvider.System, 1);
    private readonly WatchedMeta _meta = new();

    [Fact]
    public async Task A_block_that_is_half_written_is_waited_for()
    {
        await WriterAfterAsync(3);
        var half = SegmentHeader.Bytes + BlockBytes + BlockHeader.Bytes + 20;
        var rest = new byte[(2 * BlockBytes) - BlockHeader.Bytes - 20];
        await using var file = await _disk.Mount().OpenAsync(Simulated.SegmentPath(0), DiskOpenMode.ReadWrite, Never);
        Assert.Equal(rest.Length, await file.ReadAtAsync(half, rest, Never));
        await file.WriteAtAsync(half, new byte[rest.Length], Never);

        var seen = new List<int>();
        var reading = ReadElsewhereAsync(seen, 2);
        await Task.WhenAny(reading, LooksAsync());
        Assert.False(reading.IsCompleted, reading.Exception?.Message);
        await file.WriteAtAsync(half, rest, Never);
        await reading;
        Assert.Equal([0, 1], seen);
    }

    [Fact]
    public async Task An_entry_that_is_written_but_not_confirmed_is_not_served()
    {
        var writer = await WriterAfterAsync(1);
        _disk.OnStep = step => step.Kind == DiskStepKind.Flush ? new DiskFault.FailBefore() : null;
        var lost = await writer.EnqueueAsync(TestLog.Entry(1, 100), Never);
        await Assert.ThrowsAsync<MiniMilvusException>(() => lost.Durable);
        _disk.OnStep = null;

        // It lies there whole; nothing says that it is anything but a write under way.
        var seen = new List<int>();
        using var stop = new CancellationTokenSource();
        var reading = ReadElsewhereAsync(seen, 2, stop.Token);
        await Task.WhenAny(reading, LooksAsync());
        stop.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        Assert.Equal([0], seen);
    }

    [Fact]
    public async Task Damage_below_confirmed_is_told_and_not_waited_for()
    {
        await WriterAfterAsync(5);
        _disk.Damage(Simulated.SegmentPath(0), SegmentHeader.Bytes + BlockBytes + 70, 1);
        var reading = ReadElsewhereAsync([], 5);
        await Task.WhenAny(reading, LooksAsync());
        Assert.True(reading.IsFaulted, "it still waits");
        Assert.Equal(ErrorKind.Corrupted, (await Assert.ThrowsAsync<MiniMilvusException>(() => reading)).Kind);
    }

    /// <summary>A reader that waits looks at the metadata now and then: after so many looks it has seen what there is to see.</summary>
    private Task LooksAsync() => _meta.LookedAtAsync(LogKeys.Segment(TestLog.Name, 0), 8);

    private LocalWoodpecker Start(string id) => new(_disk.Mount(), _meta, TestLog.Small, TimeProvider.System, NoStations.Instance, id);

    private async Task<ILogWriter> WriterAfterAsync(int entries)
    {
        var log = Start("writer");
        await log.CreateAsync(TestLog.Name, Never);
        var writer = await log.OpenWriterAsync(TestLog.Name, new Term(1), Never);
        for (var i = 0; i < entries; i++)
        {
            await TestLog.AppendAsync(writer, i, 100);
        }

        return writer;
    }

    private async Task ReadElsewhereAsync(List<int> seen, int entries, CancellationToken ct = default)
    {
        await Task.Yield();
        await foreach (var entry in Start("reader").ReadAsync(TestLog.Name, LogPosition.Beginning, LogPosition.Max, ct))
        {
            seen.Add(TestLog.Number(entry));
            if (seen.Count == entries)
            {
                return;
            }
        }
    }
}
