using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>A simulated disk with metadata beside it, and processes over both.</summary>
internal sealed class Simulated(int seed = 1)
{
    private int _started;

    public SimulatedDisk Disk { get; } = new(TimeProvider.System, seed);

    public IMetaStore Meta { get; } = new DeafMetaStore(new MemoryMetaStore(TimeProvider.System));

    public static string SegmentPath(long number) => $"logs/{TestLog.Name}/{number:D8}.wal";

    public LocalWoodpecker Start(WoodpeckerOptions? options = null, TimeProvider? time = null) =>
        new(Disk.Mount(), Meta, options ?? TestLog.Small, time ?? TimeProvider.System, NoStations.Instance, $"writer-{++_started}");

    public async Task<ILogWriter> CreateAsync(LocalWoodpecker log)
    {
        await log.CreateAsync(TestLog.Name, default);
        return await log.OpenWriterAsync(TestLog.Name, new Term(1), default);
    }

    /// <summary>A log with entries 0.. in one segment, whose process was killed: the segment is unfinished.</summary>
    public async Task<ILogWriter> KilledAfterAsync(int entries, int bytes = 100)
    {
        var log = Start();
        var writer = await CreateAsync(log);
        for (var i = 0; i < entries; i++)
        {
            await TestLog.AppendAsync(writer, i, bytes);
        }

        Disk.Kill();
        return writer;
    }

    public async Task<byte[]> BytesAsync(long segment)
    {
        await using var file = await Disk.Mount().OpenAsync(SegmentPath(segment), DiskOpenMode.Read, default);
        var bytes = new byte[file.Length];
        Assert.Equal(bytes.Length, await file.ReadAtAsync(0, bytes, default));
        return bytes;
    }
}
