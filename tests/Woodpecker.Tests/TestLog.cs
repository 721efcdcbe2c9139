using System.Buffers.Binary;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>A folder and a metadata store that outlive the processes (instances) which a test starts over them.</summary>
internal sealed class TestLog : IAsyncDisposable
{
    public const string Name = "by-dev_0";
    private readonly List<LocalWoodpecker> _instances = [];
    private readonly TemporaryFolder _folder = new();
    private int _started;

    public TestLog() => Disk = new RealDisk(Root);

    public IDisk Disk { get; init; }

    public string Root => _folder.Path;

    public IMetaStore Meta { get; init; } = new DeafMetaStore(new MemoryMetaStore(TimeProvider.System));

    public static WoodpeckerOptions Small => new()
    {
        PreallocateBytesFirst = 4096, PreallocateBytesMax = 64 * 1024, RetentionTime = TimeSpan.Zero, CollectionPause = TimeSpan.Zero, DiskUsedFractionMax = 1, DiskFreeBytesMin = 0,
        ForeignPollInterval = TimeSpan.FromMilliseconds(5), ForeignPollsPerMetadataLook = 3, SyncIntervalMax = TimeSpan.Zero, CompactsSegments = false,
    };

    public LocalWoodpecker Start(WoodpeckerOptions? options = null, IStationSink? stations = null, IDisk? disk = null)
    {
        var instance = new LocalWoodpecker(disk ?? Disk, Meta, options ?? Small, TimeProvider.System, stations ?? NoStations.Instance, $"writer-{++_started}");
        _instances.Add(instance);
        return instance;
    }

    public static byte[] Entry(int number, int bytes = 16)
    {
        var entry = new byte[Math.Max(bytes, 4)];
        for (var i = 0; i < entry.Length; i++)
        {
            entry[i] = (byte)(number + i);
        }

        BinaryPrimitives.WriteInt32LittleEndian(entry, number);
        return entry;
    }

    public static int Number(LogEntry entry) => BinaryPrimitives.ReadInt32LittleEndian(entry.Bytes.Span);

    public static async Task<LogPosition> AppendAsync(ILogWriter writer, int number, int bytes = 16)
    {
        var pending = await writer.EnqueueAsync(Entry(number, bytes), default);
        await pending.Durable;
        return pending.Position;
    }

    public static async Task<List<int>> ReadAsync(IWoodpecker log, LogPosition from, LogPosition until)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var found = new List<int>();
        await foreach (var entry in log.ReadAsync(Name, from, until, limit.Token))
        {
            found.Add(Number(entry));
        }

        return found;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var instance in _instances)
        {
            await instance.DisposeAsync();
        }

        _folder.Delete();
    }
}
