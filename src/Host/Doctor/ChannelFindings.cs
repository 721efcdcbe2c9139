using MiniMilvus.Core.Catalog;
using MiniMilvus.Storage.Catalog;

namespace MiniMilvus.Host.Doctor;

/// <summary>Who holds the term of each channel, whether that node is alive, and whether its log has been opened in that term.</summary>
internal static class ChannelFindings
{
    /// <param name="isUp">Whether a coordinator runs: sessions are its own, and outlive it in the metadata.</param>
    /// <param name="epochs">The epoch of each log that there is; null where its record does not say.</param>
    public static IEnumerable<Finding> Of(CatalogSnapshot catalog, bool isUp, IReadOnlyDictionary<string, long?> epochs)
    {
        foreach (var assignment in catalog.Assignments.Values)
        {
            yield return Of(assignment, catalog.Sessions.GetValueOrDefault(assignment.NodeId), isUp, epochs.GetValueOrDefault(assignment.Channel.Name));
        }

        if (isUp && catalog.Assignments.IsEmpty)
        {
            yield return Finding.Problem("channels", "none is assigned", "an owner for each", "start a streaming node: it gets them when it joins");
        }
    }

    private static Finding Of(ChannelAssignment assignment, NodeSession? session, bool isUp, long? epoch)
    {
        var what = $"channel {assignment.Channel.Name}";
        var holder = FormattableString.Invariant($"node {assignment.NodeId} at {Address(assignment.Address)} holds term {assignment.Term}");
        var log = epoch is { } e ? FormattableString.Invariant($"its log is at epoch {e}") : "its log has not been made";
        if (epoch > assignment.Term.Value)
        {
            return Finding.Problem(what, $"{holder}; {log}", $"an epoch up to {assignment.Term}", "the metadata is older than the log: whoever restored it must restore all of it; run minimilvus verify");
        }

        if (!isUp)
        {
            return Finding.Ok(what, FormattableString.Invariant($"node {assignment.NodeId} at {Address(assignment.Address)} held term {assignment.Term} last, nobody runs now; {log}"));
        }

        if (session is null)
        {
            return Finding.Problem(what, $"{holder}, its session has ended; {log}", "a node that is alive", "start a streaming node: the channel moves to it in a higher term");
        }

        return epoch == assignment.Term.Value
            ? Finding.Ok(what, $"{holder}, its session is alive; {log}")
            : Finding.Warning(what, $"{holder}, its session is alive; {log}", $"epoch {assignment.Term}", "the node has not opened the log yet: look again; if it stays so, read that node's log");
    }

    private static string Address(string address) => address.Length == 0 ? "(the coordinator's own process)" : address;
}
