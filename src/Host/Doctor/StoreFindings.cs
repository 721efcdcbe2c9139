using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Etcd;
using MiniMilvus.Storage.S3;

namespace MiniMilvus.Host.Doctor;

/// <summary>What a bucket does with conditional puts, how etcd's members do, whose clock is off.</summary>
internal static class StoreFindings
{
    private static readonly TimeSpan ClockWarning = TimeSpan.FromSeconds(5);

    /// <summary>S3 servers refuse what is signed a quarter of an hour away from their own time.</summary>
    private static readonly TimeSpan SignatureLimit = TimeSpan.FromMinutes(15);

    public static Finding OfProbe(StoreCapabilities found)
    {
        const string What = "conditional puts";
        try
        {
            found.RequireSafe();
        }
        catch (MiniMilvusException e)
        {
            return Finding.Problem(What, e.Message, $"'{found.Condition}' to be honoured", "use another store, or the profile of this one (Minio:CloudProvider)");
        }

        return found.NeedsLock
            ? Finding.Ok(What, $"'{found.Condition}' is not known to it ({found.Evidence}): a lock in the metadata shuts older writers out, and each group passes it; reads show the last write")
            : Finding.Ok(What, $"honoured: '{found.Condition}', {found.Evidence}; reads show the last write");
    }

    /// <summary>The answer of the first start, which decided how logs are fenced, against that of today.</summary>
    public static Finding OfFence(StoreCapabilities decided, StoreCapabilities found) => decided.ConditionalPuts == found.ConditionalPuts
        ? Finding.Ok("fence of logs", decided.NeedsLock ? "the lock in the metadata, as at the first start" : "conditional puts, as at the first start")
        : Finding.Problem("fence of logs", $"{found.Store}: {found.Evidence}", $"the answer of the first start ({decided.Store}: {decided.Evidence})", "use the object store that the logs were begun on: a streaming node will not start on this one");

    public static IEnumerable<Finding> OfMembers(IReadOnlyList<EtcdMember> members)
    {
        foreach (var member in members)
        {
            var what = $"etcd {member.Endpoint}";
            var found = $"answers in {FindingText.Milliseconds(member.Latency)}, version {member.Version}, database {FindingText.Bytes(member.DatabaseBytes)}";
            yield return !member.HasLeader ? Finding.Problem(what, $"{found}, sees no leader", "a cluster with a leader", "start the other members: without a majority nothing is written")
                : !member.Errors.IsEmpty ? Finding.Problem(what, $"{found}, alarms: {string.Join("; ", member.Errors)}", "no alarms", "NOSPACE: compact and defragment etcd, then etcdctl alarm disarm")
                : Finding.Ok(what, found);
            if (OfClock($"clock of {member.Endpoint}", member.ClockAhead, isSigned: false) is { } clock)
            {
                yield return clock;
            }
        }

        if (members.Select(m => m.Cluster).Distinct().Count() > 1)
        {
            yield return Finding.Problem(
                "etcd cluster", string.Join(", ", members.Select(m => $"{m.Endpoint} in {m.Cluster}")), "members of one cluster", "name endpoints of one cluster only (Etcd:Endpoints)");
        }
    }

    /// <param name="ahead">Null when it could not be had: then there is nothing to say.</param>
    /// <param name="isSigned">Requests carry a signed time.</param>
    public static Finding? OfClock(string what, TimeSpan? ahead, bool isSigned)
    {
        if (ahead is not { } difference)
        {
            return null;
        }

        var found = FormattableString.Invariant($"{difference.Duration().TotalSeconds:0} s {(difference < TimeSpan.Zero ? "behind" : "ahead of")} ours (to about a second)");
        return difference.Duration() >= SignatureLimit && isSigned
            ? Finding.Problem(what, found, "less than 15 min, or every request is refused", "set the clocks by NTP")
            : difference.Duration() >= ClockWarning
                ? Finding.Warning(what, found, FormattableString.Invariant($"less than {ClockWarning.TotalSeconds:0} s"), "set the clocks by NTP")
                : Finding.Ok(what, found);
    }
}
