namespace MiniMilvus.Host.Doctor;

/// <summary>Who owns the metadata and the log's folder: the lock of a folder, the lease in an etcd.</summary>
internal static class OwnerFindings
{
    /// <param name="owner">Who holds the lock, "process 17"; null when nobody does.</param>
    public static Finding OfFolder(string folder, string? owner) => Finding.Ok(
        $"lock of {folder}", owner is null ? "free: no server runs on it, the next one may take it" : $"held by {owner}");

    /// <param name="owner">What the key says, machine/process/start; null when there is no such key.</param>
    /// <param name="isAlive">False only when that process is known to have ended.</param>
    public static Finding OfLease(string? owner, bool isAlive, TimeSpan timeToLive) => owner switch
    {
        null => Finding.Ok("owner lease", "free: no coordinator runs, the next one may take it"),
        _ when isAlive => Finding.Ok("owner lease", $"held by {owner} (machine/process/start), its lease is alive"),
        _ => Finding.Warning(
            "owner lease", $"held by {owner}, a process that has ended", "a living owner or none",
            FormattableString.Invariant($"start the server: on this machine it need not wait; elsewhere the lease runs out within {timeToLive.TotalSeconds:0} s")),
    };
}
