using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Woodpecker.Local;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker;

/// <summary>
/// The log on a folder (a local disk, or a network file system that keeps its promises about flushes). Several processes may share the
/// folder and the metadata: one writes a log, the others read it. <c>writerId</c> is unique to this instance.
/// </summary>
public sealed class LocalWoodpecker : IWoodpecker
{
    private readonly WoodpeckerEngine _engine;

    public LocalWoodpecker(IDisk disk, IMetaStore meta, WoodpeckerOptions options, TimeProvider time, IStationSink stations, string writerId)
    {
        var metadata = new LogMetadata(meta, options, time, writerId);
        _engine = new WoodpeckerEngine(new LocalBackend(disk, metadata, options, time), metadata, options, time, stations);
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
