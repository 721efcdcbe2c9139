using Microsoft.Extensions.Logging.Abstractions;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Host.Verifying;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;
using MiniMilvus.Woodpecker;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Host.Tests;

/// <summary>The scrub reads everything each round, no faster than told, and says what is damaged.</summary>
public sealed class ScrubTests : IDisposable
{
    private const int Entries = 400;
    private const int EntryBytes = 16 * 1024;
    private static readonly CancellationToken Never = CancellationToken.None;
    private readonly TemporaryFolder _folder = new();
    private readonly ManualTime _time = new();
    private readonly MemoryMetaStore _meta = new(TimeProvider.System);

    public void Dispose()
    {
        _meta.Dispose();
        _folder.Delete();
    }

    [Fact]
    public async Task A_flipped_bit_is_found_in_the_next_round_and_no_round_is_faster_than_the_pace()
    {
        var options = new ScrubOptions { Interval = TimeSpan.FromHours(1), BytesPerSecond = 1024 * 1024 };
        await WriteAsync();
        using var scrub = new Scrub(Begin, options, _time, NullLogger.Instance);
        using var stop = new CancellationTokenSource();
        var running = scrub.RunAsync(stop.Token);
        Assert.InRange(await RoundAsync(scrub, 1), 3600 + 5, 3600 + 10); // 6.25 MiB at 1 MiB/s
        Assert.Equal(0, scrub.Damaged);

        Flip(Directory.EnumerateFiles(_folder.Path, "*.wal", SearchOption.AllDirectories).First());
        await RoundAsync(scrub, 2);
        Assert.Equal(1, scrub.Damaged);
        await RoundAsync(scrub, 3);
        Assert.Equal(1, scrub.Damaged);
        stop.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    [Fact]
    public async Task An_interval_of_zero_is_no_scrub()
    {
        using var scrub = new Scrub(Begin, new ScrubOptions { Interval = TimeSpan.Zero }, _time, NullLogger.Instance);
        await scrub.RunAsync(Never);
        Assert.Equal(0, scrub.Rounds);
    }

    /// <summary>Moves the clock until a round has ended; the virtual seconds that took.</summary>
    private async Task<int> RoundAsync(Scrub scrub, long round)
    {
        for (var seconds = 0; ; seconds++)
        {
            // In real time a round takes milliseconds; virtual time waits for it only where the scrub rests.
            for (var look = 0; look < (seconds < 3600 ? 0 : 30) && scrub.Rounds < round; look++)
            {
                await Task.Delay(10);
            }

            if (scrub.Rounds >= round)
            {
                return seconds;
            }

            Assert.True(seconds < 4000, "the round does not end");
            _time.Advance(TimeSpan.FromSeconds(1));
        }
    }

    private async Task WriteAsync()
    {
        await using var log = new LocalWoodpecker(new RealDisk(_folder.Path), _meta, new WoodpeckerOptions { DiskFreeBytesMin = 0, DiskUsedFractionMax = 1 }, TimeProvider.System, NoStations.Instance, "writer");
        await log.CreateAsync("by-dev_0", Never);
        var writer = await log.OpenWriterAsync("by-dev_0", new Term(1), Never);
        for (var i = 0; i < Entries; i++)
        {
            await (await writer.EnqueueAsync(new byte[EntryBytes], Never)).Durable;
        }
    }

    private Verification Begin()
    {
        var disk = new ReadOnlyDisk(new RealDisk(_folder.Path));
        return new Verification(new LogInspector(disk, MetadataAsync), new ObjectCheck(LocalObjectStore.View(disk, "objects"), MetadataAsync));
    }

    private async ValueTask<MetaRange?> MetadataAsync(CancellationToken ct) => await _meta.RangeAsync("", ct);

    private static void Flip(string path)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        var one = new byte[1];
        RandomAccess.Read(file, one, 100_000);
        one[0] ^= 1;
        RandomAccess.Write(file, one, 100_000);
    }
}
