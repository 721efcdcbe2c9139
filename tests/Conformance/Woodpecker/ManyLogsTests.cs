using System.Buffers.Binary;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Conformance.Woodpecker;

/// <summary>Any number of logs: no limit on topics, none shared as a workaround. Each is created, appended to, reopened in the next term, read and deleted.</summary>
public sealed class ManyLogsTests
{
    private const int Logs = 10_000;
    private static readonly CancellationToken Never = CancellationToken.None;

    private static WoodpeckerOptions Options => new() { PreallocateBytesFirst = 4096, DiskUsedFractionMax = 1, DiskFreeBytesMin = 0 };

    [Fact]
    public async Task Ten_thousand_logs_live_in_one_folder()
    {
        var folder = new TemporaryFolder();
        try
        {
            var disk = new RealDisk(folder.Path);
            await using var meta = await EmbeddedMetaStore.OpenAsync(disk, "meta", TimeProvider.System, new EmbeddedMetaStoreOptions(), Never);
            await LiveAsync(id => new LocalWoodpecker(disk, meta, Options, TimeProvider.System, NoStations.Instance, id));
            Assert.Empty(Directory.EnumerateFiles(folder.Path, "*.wal", SearchOption.AllDirectories));
        }
        finally
        {
            folder.Delete();
        }
    }

    [Fact]
    public async Task Ten_thousand_logs_live_on_objects()
    {
        var (objects, meta) = (new MemoryObjectStore(), new MemoryMetaStore(TimeProvider.System));
        await LiveAsync(id => new ObjectWoodpecker(objects, meta, Options, TimeProvider.System, NoStations.Instance, id));
        await foreach (var left in objects.ListAsync("", Never))
        {
            Assert.Fail($"object '{left.Key}' is left");
        }
    }

    private static async Task LiveAsync(Func<string, IWoodpecker> start)
    {
        await using (var first = start("first"))
        {
            await EachAsync(async i =>
            {
                await first.CreateAsync(Name(i), Never);
                var writer = await first.OpenWriterAsync(Name(i), new Term(1), Never);
                await AppendAsync(writer, i);
            });
            Assert.Equal(Logs, (await first.ListAsync(Never)).Count);
        }

        await using var second = start("second");
        await EachAsync(async i => await AppendAsync(await second.OpenWriterAsync(Name(i), new Term(2), Never), -i));
        await EachAsync(async i =>
        {
            var read = new List<int>();
            await foreach (var entry in second.ReadAsync(Name(i), LogPosition.Beginning, new LogPosition(1, 1), Never))
            {
                read.Add(BinaryPrimitives.ReadInt32LittleEndian(entry.Bytes.Span));
            }

            Assert.Equal([i, -i], read);
            await second.DeleteAsync(Name(i), Never);
        });
        Assert.Empty(await second.ListAsync(Never));
    }

    private static async Task AppendAsync(ILogWriter writer, int number)
    {
        var entry = new byte[100];
        BinaryPrimitives.WriteInt32LittleEndian(entry, number);
        await (await writer.EnqueueAsync(entry, Never)).Durable;
    }

    private static Task EachAsync(Func<int, Task> work) => Task.WhenAll(Enumerable.Range(0, 64).Select(async lane =>
    {
        await Task.Yield();
        for (var i = lane; i < Logs; i += 64)
        {
            await work(i);
        }
    }));

    private static string Name(int i) => $"tenant-{i}";
}
