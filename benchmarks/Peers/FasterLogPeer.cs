using System.Diagnostics;
using FASTER.core;

namespace MiniMilvus.Benchmarks.Peers;

/// <summary>
/// FasterLog, called in this process as ours is: one thread adds records, a loop commits, and a record counts when the commit that covers it
/// has returned. A checksum for each entry, as ours verifies what it reads; fast commits, for which it needs one; pages of 4 MiB, 256 MiB of memory;
/// buffered files opened with O_SYNC (its device for Linux), so that what a commit waits for lies on the disk. The log begins anew behind each run.
/// </summary>
internal sealed class FasterLogPeer : IPeer
{
    private readonly FasterLogSettings _settings;
    private readonly FasterLog _log;

    public FasterLogPeer(string folder)
    {
        _settings = new FasterLogSettings
        {
            LogDevice = Devices.CreateLogDevice(Path.Combine(folder, "faster.log"), deleteOnClose: true), LogCommitDir = folder, LogChecksum = LogChecksumType.PerEntry,
            FastCommitMode = true, PageSize = 4L << 20, MemorySize = 256L << 20, SegmentSize = 256L << 20, RemoveOutdatedCommits = true,
        };
        _log = new FasterLog(_settings);
        Name = $"FasterLog {typeof(FasterLog).Assembly.GetName().Version?.ToString(3)}";
    }

    public string Name { get; }

    public string Driving => "in this process, one thread and a loop that commits";

    public long BytesFor(int recordBytes) => 256 << 20;

    public async Task<double> ThroughputAsync(int recordBytes, long bytes)
    {
        var record = RecordSet.Of(recordBytes, 1)[0];
        var records = bytes / recordBytes;
        var began = Stopwatch.GetTimestamp();
        var adding = Task.Run(() =>
        {
            for (var i = 0L; i < records; i++)
            {
                _log.Enqueue(record); // waits while its memory is full of what is not on the disk
            }
        });
        while (!adding.IsCompleted)
        {
            await _log.CommitAsync();
        }

        await adding;
        await _log.CommitAsync();
        await _log.WaitForCommitAsync(_log.TailAddress);
        var rate = (double)records * recordBytes / 1e6 / Stopwatch.GetElapsedTime(began).TotalSeconds;
        await ForgetAsync();
        return rate;
    }

    public async Task<List<double>> LoneAsync(int recordBytes, int count)
    {
        var record = RecordSet.Of(recordBytes, 1)[0];
        var times = await RecordSet.TimesAsync(count, async () =>
        {
            var address = _log.Enqueue(record);
            await _log.CommitAsync();
            if (_log.CommittedUntilAddress <= address)
            {
                throw new InvalidOperationException($"expected {address} to be committed, found {_log.CommittedUntilAddress}");
            }
        });
        await ForgetAsync();
        return times;
    }

    public ValueTask DisposeAsync()
    {
        _log.Dispose();
        _settings.LogDevice.Dispose();
        _settings.Dispose();
        return default;
    }

    private async ValueTask ForgetAsync()
    {
        _log.TruncateUntil(_log.CommittedUntilAddress);
        await _log.CommitAsync();
    }
}
