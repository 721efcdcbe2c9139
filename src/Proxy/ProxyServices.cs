using MiniMilvus.Proxy.Compaction;
using MiniMilvus.Proxy.Ddl;
using MiniMilvus.Proxy.Delete;
using MiniMilvus.Proxy.Flush;
using MiniMilvus.Proxy.Grpc;
using MiniMilvus.Proxy.Insert;
using MiniMilvus.Proxy.Query;
using MiniMilvus.Proxy.Reading;
using MiniMilvus.Proxy.Search;

namespace MiniMilvus.Proxy;

/// <summary>Wires the proxy from what it is given.</summary>
internal static class ProxyServices
{
    public static ProxyHandlers Compose(ProxyDependencies given, ProxyMetrics metrics)
    {
        var (coordinator, streaming, options, time) = (given.Coordinator, given.Streaming, given.Options, given.Time);
        var catalogue = new Catalogue(coordinator, given.Catalog, options, time);
        var guarantee = new Guarantee(coordinator, options, time);
        var reader = new GuaranteedReader(given.QueryNodes, streaming, options, time, given.Loggers.CreateLogger<GuaranteedReader>());
        var retriever = new Retriever(reader);
        var searcher = new Searcher(reader, metrics);
        var rowRouter = new RowRouter(options);
        var writer = new ShardWriter(streaming);
        var schemas = new SchemaValidator(options);
        var counter = new RowCounter(catalogue, guarantee, retriever);
        return new ProxyHandlers(
            new RpcGuard(time, metrics, given.Loggers.CreateLogger<MilvusGrpcService>()),
            new SystemHandler(coordinator, catalogue, options),
            new CollectionHandler(catalogue, schemas, options),
            new PartitionHandler(catalogue, schemas, counter, options),
            new AliasHandler(catalogue, schemas),
            new DatabaseHandler(catalogue, schemas),
            new IndexHandler(catalogue, options),
            new LoadHandler(catalogue, given.QueryNodes),
            counter,
            new SegmentHandler(catalogue, given.QueryNodes),
            new InsertHandler(catalogue, coordinator, new RowValidator(options), rowRouter, writer, metrics, given.Stations),
            new DeleteHandler(catalogue, coordinator, guarantee, retriever, rowRouter, writer, metrics, options),
            new SearchHandler(catalogue, guarantee, searcher, options),
            new HybridSearchHandler(catalogue, guarantee, searcher, options),
            new QueryHandler(catalogue, guarantee, retriever, options),
            new FlushHandler(catalogue, streaming, coordinator, time),
            new CompactionHandler(catalogue, coordinator));
    }
}
