using System.Collections.Concurrent;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Storage.Catalog;

namespace MiniMilvus.Host.Wiring;

/// <summary>Finds the owner of a pchannel in the catalogue: this process's own streaming node, or one behind gRPC.</summary>
internal sealed class AssignmentResolver(CatalogView catalog, string ownAddress, Func<string, IStreamingHandler> connect, TimeProvider time) : IAssignmentResolver
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<string, IStreamingHandler> _remote = new();

    /// <summary>This process's streaming node, once it runs.</summary>
    public IStreamingHandler? Local { get; set; }

    public async ValueTask<(ChannelAssignment Assignment, IStreamingHandler Handler)> ResolveAsync(PChannel channel, CancellationToken ct)
    {
        var assignment = await WaitAsync(channel, Term.None, ct);
        var handler = assignment.Address == ownAddress && Local is { } local ? local : _remote.GetOrAdd(assignment.Address, connect);
        return (assignment, handler);
    }

    public async ValueTask InvalidateAsync(ChannelAssignment assignment, CancellationToken ct) => await WaitAsync(assignment.Channel, assignment.Term, ct);

    private async ValueTask<ChannelAssignment> WaitAsync(PChannel channel, Term above, CancellationToken ct)
    {
        using var timeout = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, timeout.Token);
        while (true)
        {
            var snapshot = catalog.Current;
            if (snapshot.AssignmentOf(channel) is { } assignment && assignment.Term > above)
            {
                return assignment;
            }

            try
            {
                await catalog.ChangedAsync(snapshot.Revision, either.Token);
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                throw MiniMilvusException.Unavailable($"pchannel {channel}: no owner in a term above {above} within {Patience.TotalSeconds:0} s");
            }
        }
    }
}
