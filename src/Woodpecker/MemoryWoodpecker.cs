using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker.Metadata;
using MiniMilvus.Woodpecker.Objects;

namespace MiniMilvus.Woodpecker;

/// <summary>
/// The log over objects in memory: the whole contract without a disk, for tests and for trying things out. Blocks are put as on object
/// storage: several at once, acked in order. Instances over the same stores are as processes over the same bucket.
/// </summary>
public sealed class MemoryWoodpecker : IWoodpecker
{
    private readonly WoodpeckerEngine _engine;

    public MemoryWoodpecker(IObjectStore objects, IMetaStore meta, WoodpeckerOptions options, TimeProvider time, IStationSink stations, string writerId)
    {
        var metadata = new LogMetadata(meta, options, time, writerId);
        _engine = new WoodpeckerEngine(new ObjectBackend(objects, metadata, options, time), metadata, options, time, stations);
    }

    public ValueTask CreateAsync(string log, CancellationToken ct) => _engine.CreateAsync(log, ct);

    public ValueTask<bool> ExistsAsync(string log, CancellationToken ct) => _engine.ExistsAsync(log, ct);

    public ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken ct) => _engine.ListAsync(ct);

    public ValueTask DeleteAsync(string log, CancellationToken ct) => _engine.DeleteAsync(log, ct);

    public ValueTask<ILogWriter> OpenWriterAsync(string log, Term term, CancellationToken ct) => _engine.OpenWriterAsync(log, term, ct);

    public IAsyncEnumerable<LogEntry> ReadAsync(string log, LogPosition from, LogPosition until, CancellationToken ct) => _engine.ReadAsync(log, from, until, ct);

    public ValueTask TruncateAsync(string log, LogPosition until, CancellationToken ct) => _engine.TruncateAsync(log, until, ct);

    public ValueTask<LogWatermarks> GetWatermarksAsync(string log, CancellationToken ct) => _engine.GetWatermarksAsync(log, ct);

    public ValueTask DisposeAsync() => _engine.DisposeAsync();
}
