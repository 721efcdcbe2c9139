using System.Text;
using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Woodpecker;

// dotnet run -c Release --project samples/Log -- [FOLDER]
var folder = args is [var given] ? given : Directory.CreateTempSubdirectory("woodpecker-").FullName;
var disk = new RealDisk(folder);
using var owner = FolderLock.Acquire(Path.Combine(folder, "meta"));
await using var meta = await EmbeddedMetaStore.OpenAsync(disk, "meta", TimeProvider.System, new EmbeddedMetaStoreOptions(), default);
LocalWoodpecker Open(string writer) => new(disk, meta, new WoodpeckerOptions(), TimeProvider.System, NoStations.Instance, writer);

await using (var log = Open("first"))
{
    await log.DeleteAsync("orders", default);
    await log.CreateAsync("orders", default);
    await using var writer = await log.OpenWriterAsync("orders", new Term(1), default);
    var tail = TailAsync(log, LogPosition.Beginning, new LogPosition(0, 3)); // waits for what is not there yet
    foreach (var order in new[] { "one coffee", "two teas", "a cake" })
    {
        var pending = await writer.EnqueueAsync(Encoding.UTF8.GetBytes(order), default);
        await pending.Durable; // written, flushed, still the newest writer: acked
        Console.WriteLine($"acked  {pending.Position}");
    }
    await tail;
}

await using (var log = Open("second")) // as after a crash: a new term goes on behind what was acked
{
    await using var writer = await log.OpenWriterAsync("orders", new Term(2), default);
    await (await writer.EnqueueAsync("the bill"u8.ToArray(), default)).Durable;
    await log.TruncateAsync("orders", new LogPosition(0, 2), default);
    await TailAsync(log, LogPosition.Beginning, writer.Confirmed); // Beginning: the earliest there is
    Console.WriteLine($"{await log.GetWatermarksAsync("orders", default)}\nminimilvus inspect log orders --data {folder}");
}

static async Task TailAsync(LocalWoodpecker log, LogPosition from, LogPosition until)
{
    await foreach (var entry in log.ReadAsync("orders", from, until, default))
    {
        Console.WriteLine($"read   {entry.Position}  {Encoding.UTF8.GetString(entry.Bytes.Span)}");
    }
}
