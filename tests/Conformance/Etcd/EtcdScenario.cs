using System.Text;
using MiniMilvus.Storage.Etcd;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Conformance.Etcd;

/// <summary>Short ways to open stores, write, and follow watches; what was opened is closed with the test.</summary>
public abstract class EtcdScenario : IAsyncDisposable, IAsyncLifetime
{
    private readonly List<EtcdServer> _servers = [];
    private readonly List<EtcdMetaStore> _stores = [];
    private readonly CancellationTokenSource _soon = new(TimeSpan.FromSeconds(60));

    protected CancellationToken Soon => _soon.Token;

    public Task InitializeAsync() => Task.CompletedTask;

    Task IAsyncLifetime.DisposeAsync() => DisposeAsync().AsTask();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        foreach (var store in _stores)
        {
            store.Dispose();
        }

        foreach (var server in _servers)
        {
            await server.DisposeAsync();
        }

        _soon.Dispose();
    }

    protected async Task<EtcdServer> StartAsync(string scheme = "http", params string[] more)
    {
        var server = await EtcdServer.StartAsync(scheme, more);
        _servers.Add(server);
        return server;
    }

    protected async Task<EtcdMetaStore> OpenAsync(EtcdOptions options, TimeProvider? time = null)
    {
        var store = await EtcdMetaStore.OpenAsync(options, time ?? TimeProvider.System, Soon);
        _stores.Add(store);
        return store;
    }

    protected static ReadOnlyMemory<byte> Bytes(string text) => Encoding.UTF8.GetBytes(text);

    protected static string Text(MetaEntry? entry) => Encoding.UTF8.GetString(entry!.Value.Span);

    protected async Task<long> PutAsync(IMetaStore store, string key, ReadOnlyMemory<byte> value) =>
        (await store.TransactAsync([], [new MetaOperation.Put(key, value)], Soon)).Revision;

    protected Task<long> PutAsync(IMetaStore store, string key, string value = "") => PutAsync(store, key, Bytes(value));

    /// <summary>A watch that stands.</summary>
    protected async Task<IAsyncEnumerator<MetaWatchBatch>> WatchAsync(IMetaStore store, string prefix, long fromRevision)
    {
        var watch = store.WatchAsync(prefix, fromRevision, Soon).GetAsyncEnumerator(Soon);
        Assert.True(await watch.MoveNextAsync());
        return watch;
    }

    /// <summary>The next batch that has changes.</summary>
    protected static async Task<MetaWatchBatch> NextAsync(IAsyncEnumerator<MetaWatchBatch> watch)
    {
        do
        {
            Assert.True(await watch.MoveNextAsync());
        }
        while (watch.Current.Events.IsEmpty);

        return watch.Current;
    }
}
