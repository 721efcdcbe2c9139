using Microsoft.Extensions.Logging;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Streaming;
using MiniMilvus.DataNode.Flush;
using MiniMilvus.Storage.Catalog;

namespace MiniMilvus.DataNode.Channels;

/// <summary>What the channels of a node share.</summary>
internal sealed record NodeContext(
    ILogReader LogReader, CatalogView Catalog, SegmentFlusher Flusher, Deletes.DeleteFlusher DeleteFlusher, ISealRequester Seals,
    BufferBudget Budget, Retry Retry, TimeProvider Time, IStationSink Stations, Metrics Metrics, ILogger Log, DataNodeOptions Options);
