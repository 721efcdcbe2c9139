using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Waiting;

namespace MiniMilvus.Storage.Catalog;

/// <summary>
/// An eventually consistent picture of the catalogue, kept by one listing and one watch. Reading it costs nothing; who needs more than
/// "eventually" waits for a revision (after a DDL) or calls <see cref="RefreshAsync"/> (a linearizable read).
/// </summary>
public sealed class CatalogView(IMetaStore store, TimeProvider time)
{
    private static readonly TimeSpan RetryFirst = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan RetryMax = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan SilenceMax = TimeSpan.FromSeconds(1);
    private readonly LevelWaiters _reached = new(0);
    private readonly LevelWaiters _changed = new(0);
    private volatile CatalogSnapshot _current = CatalogSnapshot.Empty;
    private volatile CancellationTokenSource? _watch;

    /// <summary>The newest picture; revision 0 until the first listing.</summary>
    public CatalogSnapshot Current => _current;

    public long Revision => _current.Revision;

    /// <summary>
    /// Keeps the picture until cancelled. Goes on through outages (Unavailable) and compactions (lists again); anything else, such as a record that
    /// does not decode, ends it and every wait with it.
    /// </summary>
    public async Task RunAsync(CancellationToken ct)
    {
        var retry = RetryFirst;
        try
        {
            while (true)
            {
                try
                {
                    await FollowAsync(() => retry = RetryFirst, ct);
                }
                catch (MiniMilvusException e) when (e.Kind == ErrorKind.Conflict)
                {
                    // Compacted below our revision: list again.
                }
                catch (MiniMilvusException e) when (e.IsRetriable)
                {
                    await Task.Delay(retry, time, ct);
                    retry = retry * 2 < RetryMax ? retry * 2 : RetryMax;
                }
                catch (OperationCanceledException) when (!ct.IsCancellationRequested)
                {
                    // A refresh found the watch silent: list again.
                }
            }
        }
        catch (Exception e)
        {
            var failure = e is OperationCanceledException ? MiniMilvusException.Unavailable("the catalogue view has stopped", e) : e;
            _reached.Fail(failure);
            _changed.Fail(failure);
            throw;
        }
    }

    /// <summary>Returns when the picture shows <paramref name="revision"/> or a later one.</summary>
    public ValueTask WaitForRevisionAsync(long revision, CancellationToken ct) => _reached.WaitAsync(revision, ct);

    /// <summary>A linearizable read: returns a picture that shows everything that was there when the call began.</summary>
    public async ValueTask<CatalogSnapshot> RefreshAsync(CancellationToken ct)
    {
        var revision = (await store.RangeAsync(CatalogKeys.Tso, ct)).Revision;
        while (Revision < revision)
        {
            using var silence = new CancellationTokenSource(SilenceMax, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, silence.Token);
            try
            {
                await _reached.WaitAsync(revision, either.Token);
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                // The store moved on by keys that the watch does not carry (etcd shared with others), or the watch hangs.
                Relist();
            }
        }

        return _current;
    }

    /// <summary>Waits for any change of the catalogue above a revision; returns the picture that shows it.</summary>
    public async ValueTask<CatalogSnapshot> ChangedAsync(long afterRevision, CancellationToken ct)
    {
        await _changed.WaitAsync(afterRevision + 1, ct);
        return _current;
    }

    private async Task FollowAsync(Action connected, CancellationToken ct)
    {
        using var watch = CancellationTokenSource.CreateLinkedTokenSource(ct);
        _watch = watch;
        try
        {
            var listed = CatalogSnapshot.Of(await store.RangeAsync("", watch.Token));
            Show(listed, changed: true);
            await foreach (var batch in store.WatchAsync("", listed.Revision + 1, watch.Token))
            {
                connected();
                if (batch.Revision > _current.Revision)
                {
                    Show(_current.Apply(batch), batch.Events.Any(e => CatalogKeys.KindOf(e.Entry.Key) is not (CatalogKeyKind.Other or CatalogKeyKind.Tso or CatalogKeyKind.Ids)));
                }
            }
        }
        finally
        {
            _watch = null;
        }
    }

    private void Show(CatalogSnapshot snapshot, bool changed)
    {
        if (snapshot.Revision < _current.Revision)
        {
            throw MiniMilvusException.Internal($"catalogue view: revision {snapshot.Revision} after {_current.Revision}: the metadata store went back");
        }

        _current = snapshot;
        if (changed)
        {
            _changed.RaiseTo(snapshot.Revision);
        }

        _reached.RaiseTo(snapshot.Revision);
    }

    private void Relist()
    {
        try
        {
            _watch?.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It ended by itself just now, and RunAsync lists again anyway.
        }
    }
}
