using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Simulation.World;

/// <summary>Where a script may stand between the query node or the data node and what they work with. Here nothing stands between them.</summary>
internal class SimSeams
{
    public static readonly SimSeams None = new();

    public virtual ILogReader QueryNodeLog(ILogReader log) => log;

    public virtual IObjectStore QueryNodeObjects(IObjectStore objects) => objects;

    public virtual IComputePool Searches(IComputePool pool) => pool;

    public virtual IObjectStore DataNodeObjects(IObjectStore objects) => objects;
}
