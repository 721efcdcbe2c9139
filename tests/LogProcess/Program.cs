using System.Buffers.Binary;
using System.Globalization;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Etcd;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.S3;
using MiniMilvus.Woodpecker;

// One real process that writes a log, or reads all of it, for tests that kill it or stop it (tests/EndToEnd/LogProcessTests.cs):
//   LogProcess write|read TERM folder PATH
//   LogProcess write|read TERM bucket S3-ENDPOINT ACCESS-KEY SECRET-KEY BUCKET ETCD-ENDPOINT
// write appends until it is killed or shut out and prints "acked TERM NUMBER PLACE" for each ack; read opens the log as the next writer and prints
// "read TERM NUMBER PLACE" for each entry. Both print "opened PLACE" first and, when the log refuses to go on, "ended KIND MESSAGE", exit code 3.
const string Name = "fight";
const int EntryBytes = 200;
const int InFlightMax = 16;

var term = new Term(long.Parse(args[1], CultureInfo.InvariantCulture));
var stores = new Stack<IAsyncDisposable>();
FolderLock? owner = null;
try
{
    var log = await OpenAsync(args[2..]);
    stores.Push(log);
    try
    {
        await log.CreateAsync(Name, default);
    }
    catch (MiniMilvusException e) when (e.Kind == ErrorKind.Conflict)
    {
        // A process before this one has made it.
    }

    var writer = await log.OpenWriterAsync(Name, term, default);
    Say($"opened {writer.Confirmed}");
    if (args[0] == "read")
    {
        await foreach (var entry in log.ReadAsync(Name, LogPosition.Beginning, writer.Confirmed, default))
        {
            Say($"read {BinaryPrimitives.ReadInt64LittleEndian(entry.Bytes.Span)} {BinaryPrimitives.ReadInt64LittleEndian(entry.Bytes.Span[8..])} {entry.Position}");
        }
    }
    else
    {
        await WriteAsync(writer);
    }

    return 0;
}
catch (MiniMilvusException e)
{
    Say($"ended {e.Kind} {e.Message}");
    return 3;
}
finally
{
    while (stores.TryPop(out var store))
    {
        await store.DisposeAsync();
    }

    owner?.Dispose();
}

async Task WriteAsync(ILogWriter writer)
{
    var pending = new Queue<(long Number, PendingAppend Append)>();
    for (var number = 1L; ; number++)
    {
        var bytes = new byte[EntryBytes];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, term.Value);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), number);
        pending.Enqueue((number, await writer.EnqueueAsync(bytes, default)));
        while (pending.Count > InFlightMax || (pending.TryPeek(out var first) && first.Append.Durable.IsCompleted))
        {
            var (acked, append) = pending.Dequeue();
            await append.Durable;
            Say($"acked {term} {acked} {append.Position}");
        }
    }
}

async Task<IWoodpecker> OpenAsync(string[] place)
{
    var options = new WoodpeckerOptions { SegmentBlocksMax = 40, SyncIntervalMax = TimeSpan.Zero };
    var self = $"process {Environment.ProcessId}";
    if (place is ["folder", var path])
    {
        var disk = new RealDisk(path);
        owner = FolderLock.Acquire(Path.Combine(path, "meta"));
        var embedded = await EmbeddedMetaStore.OpenAsync(disk, "meta", TimeProvider.System, new EmbeddedMetaStoreOptions(), default);
        stores.Push(embedded);
        return new LocalWoodpecker(disk, embedded, options, TimeProvider.System, NoStations.Instance, self);
    }

    if (place is not ["bucket", var s3, var access, var secret, var bucket, var etcd])
    {
        throw MiniMilvusException.Invalid($"place: expected folder PATH, or bucket with its five settings, found '{string.Join(' ', place)}'");
    }

    var meta = await EtcdMetaStore.OpenAsync(new EtcdOptions { Endpoints = [etcd] }, TimeProvider.System, default);
    var objects = await S3ObjectStore.OpenAsync(
        new S3Options { Profile = S3Profile.Minio, Bucket = bucket, Endpoint = new Uri(s3), Credentials = new S3Credentials(access, secret) }, TimeProvider.System, default);
    var found = await new ConditionalPutProbe(objects, new Random(Environment.ProcessId)).RunAsync(default);
    return new ObjectWoodpecker(objects, meta, options, TimeProvider.System, NoStations.Instance, self, await ObjectFences.DecideAsync(meta, found, default));
}

static void Say(string line)
{
    Console.Out.WriteLine(line);
    Console.Out.Flush();
}
