using Microsoft.Extensions.Logging;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker.Metadata;
using MiniMilvus.Woodpecker.Objects;

namespace MiniMilvus.Woodpecker;

/// <summary>
/// The log on object storage, or on objects in memory: no disk. Blocks are buffered in memory and put several at once, acked in order; the
/// store's conditional put is the fence, so it must be one that honours it (<c>ConditionalPutProbe</c>); for one that answers 501 to it,
/// a lock in the metadata is (<see cref="ObjectFences"/> tells which). Instances over the same stores are as processes over the same bucket.
/// <c>writerId</c> is unique to this instance.
/// </summary>
public sealed class ObjectWoodpecker(
    IObjectStore objects, IMetaStore meta, WoodpeckerOptions options, TimeProvider time, IStationSink stations, string writerId, ObjectFence fence = ObjectFence.ConditionalPut,
    ILogger? logger = null)
    : WoodpeckerEngine(new LogMetadata(meta, options, time, writerId), metadata => new ObjectBackend(objects, metadata, options, time, fence), options, time, stations, logger);
