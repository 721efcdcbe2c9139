using Microsoft.Extensions.Logging;
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
public sealed class LocalWoodpecker(IDisk disk, IMetaStore meta, WoodpeckerOptions options, TimeProvider time, IStationSink stations, string writerId, ILogger? logger = null)
    : WoodpeckerEngine(new LogMetadata(meta, options, time, writerId), metadata => new LocalBackend(disk, metadata, options, time), options, time, stations, logger);
