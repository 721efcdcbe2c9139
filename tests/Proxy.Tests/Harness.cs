using System.Collections.Concurrent;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Proxy.Grpc;
using MiniMilvus.Proxy.Reading;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Proxy.Tests;

/// <summary>A whole proxy over fakes: metadata in memory, a log in memory, a query node that answers from that log.</summary>
internal sealed class Harness : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _view;
    private readonly ProxyRole _role;

    public Harness(ProxyOptions? options = null, Func<Harness, IQueryRouter>? router = null)
    {
        Meta = new MemoryMetaStore(Time);
        Coordinator = new FakeCoordinator(Meta, Time);
        Log = new FakeLog(Coordinator);
        Catalog = new CatalogView(Meta, Time);
        Node = new FakeQueryNode(Log, id => Catalog.Current.FindCollection(id)!);
        _view = Catalog.RunAsync(_stop.Token);
        _role = new ProxyRole(new ProxyDependencies(
            Coordinator, Catalog, Log, router?.Invoke(this) ?? new SingleQueryNode(Node), Time, Stations, LoggerFactory.Create(b => b.SetMinimumLevel(LogLevel.Trace).AddProvider(Lines)), options ?? new ProxyOptions()));
    }

    public ManualTime Time { get; } = new();
    public MemoryMetaStore Meta { get; }
    public FakeCoordinator Coordinator { get; }
    public FakeLog Log { get; }
    public CatalogView Catalog { get; }
    public FakeQueryNode Node { get; }
    public RecordedStations Stations { get; } = new();
    public RecordedLines Lines { get; } = new();
    public MilvusGrpcService Service => _role.Service;

    public ServerCallContext Call(string? database = null, CancellationToken ct = default) => new TestCall(database, ct);

    public async ValueTask DisposeAsync()
    {
        _stop.Cancel();
        try
        {
            await _view;
        }
        catch (OperationCanceledException)
        {
            // That is how a view ends.
        }

        _role.Dispose();
        Meta.Dispose();
        _stop.Dispose();
    }
}

internal sealed class RecordedStations : IStationSink
{
    public ConcurrentQueue<StationEvent> Events { get; } = [];

    public bool IsEnabled => true;

    public void Emit(in StationEvent value) => Events.Enqueue(value);
}

internal sealed class RecordedLines : ILoggerProvider, ILogger
{
    public ConcurrentQueue<(LogLevel Level, string Text)> Lines { get; } = [];

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Lines.Enqueue((logLevel, formatter(state, exception)));

    public void Dispose()
    {
    }
}

internal sealed class TestCall(string? database, CancellationToken ct) : ServerCallContext
{
    private readonly Metadata _headers = database is null ? [] : new Metadata { { "dbname", database } };

    protected override string MethodCore => "test";
    protected override string HostCore => "test";
    protected override string PeerCore => "test";
    protected override DateTime DeadlineCore => DateTime.MaxValue;
    protected override Metadata RequestHeadersCore => _headers;
    protected override CancellationToken CancellationTokenCore => ct;
    protected override Metadata ResponseTrailersCore { get; } = [];
    protected override Status StatusCore { get; set; }
    protected override WriteOptions? WriteOptionsCore { get; set; }
    protected override AuthContext AuthContextCore => throw new NotSupportedException();

    protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => Task.CompletedTask;

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) => throw new NotSupportedException();
}
