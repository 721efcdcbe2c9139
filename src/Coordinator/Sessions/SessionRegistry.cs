using System.Globalization;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Coordinator.Sessions;

/// <summary>
/// The nodes that are alive. A session ends with its registration (in process: the role's token; over gRPC: its stream), so a restarted node
/// never waits for its own old lease: a node that registers from an address replaces the older one there.
/// </summary>
internal sealed class SessionRegistry(IMetaStore meta)
{
    private readonly AsyncGate _gate = new();
    private readonly Dictionary<long, NodeSession> _sessions = [];

    /// <summary>No session outlives the coordinator that granted it: nodes register again.</summary>
    public async Task StartAsync(CancellationToken ct)
    {
        await DeleteAllAsync(CatalogKeys.SessionPrefix, ct);
        await DeleteAllAsync(CatalogKeys.ReaderPrefix, ct);
    }

    /// <returns>Sessions that the new one replaced.</returns>
    public async ValueTask<IReadOnlyList<NodeSession>> AddAsync(NodeSession session, CancellationToken ct)
    {
        using var turn = await _gate.EnterAsync(ct);
        var replaced = _sessions.Values.Where(s => s.Role == session.Role && s.Address == session.Address).ToList();
        foreach (var old in replaced)
        {
            await ForgetAsync(old.NodeId, ct);
        }

        await meta.TransactAsync([], [new MetaOperation.Put(CatalogKeys.Session(session.NodeId), CatalogCodec.Encode(session))], ct);
        _sessions[session.NodeId] = session;
        return replaced;
    }

    /// <returns>The session that ended, or null when it was replaced before.</returns>
    public async ValueTask<NodeSession?> RemoveAsync(long nodeId, CancellationToken ct)
    {
        using var turn = await _gate.EnterAsync(ct);
        if (!_sessions.TryGetValue(nodeId, out var session))
        {
            return null;
        }

        await ForgetAsync(nodeId, ct);
        return session;
    }

    public bool IsAlive(long nodeId) => _sessions.ContainsKey(nodeId);

    private async ValueTask ForgetAsync(long nodeId, CancellationToken ct)
    {
        _sessions.Remove(nodeId);
        var readers = await meta.RangeAsync(CatalogKeys.ReaderPrefix, ct);
        var suffix = string.Create(CultureInfo.InvariantCulture, $"/{nodeId}");
        var operations = readers.Entries.Where(e => e.Key.EndsWith(suffix, StringComparison.Ordinal))
            .Select(e => (MetaOperation)new MetaOperation.Delete(e.Key))
            .Append(new MetaOperation.Delete(CatalogKeys.Session(nodeId)));
        await meta.TransactAsync([], [.. operations], ct);
    }

    private async ValueTask DeleteAllAsync(string prefix, CancellationToken ct)
    {
        var entries = (await meta.RangeAsync(prefix, ct)).Entries;
        if (entries.Length > 0)
        {
            await meta.TransactAsync([], [.. entries.Select(e => (MetaOperation)new MetaOperation.Delete(e.Key))], ct);
        }
    }
}
