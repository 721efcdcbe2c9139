using System.Diagnostics;
using System.Globalization;
using System.Text;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Host.Wiring;

/// <summary>
/// Being the one owner of a deployment whose metadata lies in a shared store: a key that lives as long as a lease. Another owner that is
/// alive is refused to; one of this machine whose process is gone is replaced at once, so that a restart never waits for its own old lease.
/// An owner that cannot keep its lease ends.
/// </summary>
internal sealed class OwnerLease : IAsyncDisposable
{
    /// <summary>Where the coordinator's ownership of a shared store lies.</summary>
    public const string CoordinatorKey = "session/coordinator";

    /// <summary>The system derives a process's start from its own, which two processes read a little differently; a number is not given again that soon.</summary>
    private static readonly TimeSpan StartTimeTolerance = TimeSpan.FromSeconds(2);

    private readonly IMetaStore _meta;
    private readonly long _lease;
    private readonly TimeSpan _timeToLive;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private Task _keeping = Task.CompletedTask;

    private readonly string _key;
    private readonly long _revision;

    private OwnerLease(IMetaStore meta, string key, long lease, long revision, TimeSpan timeToLive, TimeProvider time) =>
        (_meta, _key, _lease, _revision, _timeToLive, _time) = (meta, key, lease, revision, timeToLive, time);

    /// <param name="lost">Told once when the lease could not be kept.</param>
    /// <exception cref="MiniMilvusException">Conflict: another owner lives.</exception>
    public static async Task<OwnerLease> AcquireAsync(IMetaStore meta, string key, TimeSpan timeToLive, TimeProvider time, Action<Exception> lost, CancellationToken ct)
    {
        var lease = await meta.GrantLeaseAsync(timeToLive, ct);
        var self = Describe(Process.GetCurrentProcess());
        while (true)
        {
            var found = await meta.GetAsync(key, ct);
            if (found is not null && IsAlive(Encoding.UTF8.GetString(found.Value.Span)))
            {
                await meta.RevokeLeaseAsync(lease, ct);
                throw new MiniMilvusException(ErrorKind.Conflict, ErrorReason.NotReady,
                    $"the metadata belongs to {Encoding.UTF8.GetString(found.Value.Span)} (machine/process/start): expected to be its only owner; stop that process, wait {timeToLive.TotalSeconds:0} s for its lease, or use another root path");
            }

            var result = await meta.TransactAsync([new MetaCompare.ModRevision(key, found?.ModRevision ?? 0)], [new MetaOperation.Put(key, Encoding.UTF8.GetBytes(self), lease)], ct);
            if (result.Succeeded)
            {
                var owner = new OwnerLease(meta, key, lease, result.Revision, timeToLive, time);
                owner._keeping = owner.KeepAsync(lost);
                return owner;
            }
        }
    }

    /// <summary>Gives the ownership back, so that the next owner need not wait.</summary>
    public async ValueTask DisposeAsync()
    {
        _stop.Cancel();
        await _keeping;
        try
        {
            using var limit = new CancellationTokenSource(_timeToLive, _time);
            await _meta.RevokeLeaseAsync(_lease, limit.Token);
        }
        catch (Exception e) when (e is MiniMilvusException or OperationCanceledException)
        {
            // The store is away: the lease runs out by itself.
        }

        _stop.Dispose();
    }

    private async Task KeepAsync(Action<Exception> lost)
    {
        var kept = _time.GetTimestamp();
        while (true)
        {
            try
            {
                await Task.Delay(_timeToLive / 4, _time, _stop.Token);
                await _meta.KeepAliveAsync(_lease, _stop.Token);
                if (await _meta.GetAsync(_key, _stop.Token) is not { } found || found.ModRevision != _revision)
                {
                    throw MiniMilvusException.Fenced($"expected {_key} to be ours, found another owner");
                }

                kept = _time.GetTimestamp();
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (MiniMilvusException e) when (e.Kind != ErrorKind.Unavailable || _time.GetElapsedTime(kept) > _timeToLive)
            {
                lost(MiniMilvusException.Unavailable($"the ownership of the metadata was lost: {e.Message}", e));
                return;
            }
            catch (MiniMilvusException)
            {
                // Unavailable, and the lease may still live: again at the next turn.
            }
        }
    }

    private static string Describe(Process process) =>
        string.Create(CultureInfo.InvariantCulture, $"{Environment.MachineName}/{process.Id}/{process.StartTime.ToUniversalTime():O}");

    /// <summary>False only for a process of this machine that has ended.</summary>
    public static bool IsAlive(string owner)
    {
        if (owner.Split('/') is not [var machine, var id, var start] || machine != Environment.MachineName || !int.TryParse(id, CultureInfo.InvariantCulture, out var number)
            || !DateTime.TryParse(start, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out var began))
        {
            return true;
        }

        try
        {
            using var process = Process.GetProcessById(number);
            return (process.StartTime.ToUniversalTime() - began).Duration() < StartTimeTolerance;
        }
        catch (ArgumentException)
        {
            return false; // no such process
        }
    }
}
