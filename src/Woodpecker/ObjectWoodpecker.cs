using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker.Metadata;
using MiniMilvus.Woodpecker.Objects;

namespace MiniMilvus.Woodpecker;

/// <summary>
/// The log on object storage, or on objects in memory: no disk. Blocks are buffered in memory and put several at once, acked in order; the
/// store's conditional put is the fence, so it must be one that honours it (<c>ConditionalPutProbe</c>). Instances over the same stores are
/// as processes over the same bucket. <c>writerId</c> is unique to this instance.
/// </summary>
public sealed class ObjectWoodpecker : IWoodpecker
{
    private readonly WoodpeckerEngine _engine;

    public ObjectWoodpecker(IObjectStore objects, IMetaStore meta, WoodpeckerOptions options, TimeProvider time, IStationSink stations, string writerId)
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
