using System.Text;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Host.Doctor;

/// <summary>
/// What holds each log back from truncation (S3): the checkpoint of a shard (its rows and its deletes that are in no file yet; the lowest of
/// them is the owner's recovery position too), or a reader's leased position. And how much it holds.
/// </summary>
internal static class TruncationFindings
{
    private sealed record Consumer(string Name, LogPosition Position, string Why, string Advice, bool IsDead = false);

    /// <param name="known">The same metadata as the catalogue's, for the readers' positions.</param>
    /// <param name="isUp">Whether a coordinator runs: what readers hold, and their sessions, are its own.</param>
    /// <param name="backlog">Bytes above the lowest checkpoint from which the owner slows appends, and refuses them (Q8).</param>
    public static Finding Of(LogInspection log, CatalogSnapshot catalog, MetaRange known, bool isUp, Watermarks backlog)
    {
        var what = $"truncation of {log.Name}";
        var consumers = Shards(log, catalog).Concat(Readers(log, catalog, known, isUp)).ToList();
        if (consumers.Count == 0)
        {
            return Finding.Ok(what, $"nobody reads it; truncated until {log.TruncatedUntil}, confirmed at least until {log.Confirmed}");
        }

        var lowest = consumers.MinBy(c => c.Position)!;
        if (lowest.Position >= log.Confirmed)
        {
            return Finding.Ok(what, $"nothing holds it: every consumer has come to {lowest.Position}, all that is known to be confirmed");
        }

        // A segment goes whole, and the newest never.
        var held = log.Segments.SkipLast(1).Where(s => s.FileBytes is not null && s.Number >= lowest.Position.Segment).ToList();
        var bytes = held.Sum(s => s.FileBytes ?? 0) + (log.Segments.Count > 0 ? log.Segments[^1].FileBytes ?? 0 : 0);
        var found = $"held at {lowest.Position} of {log.Confirmed} by {lowest.Name}, {lowest.Why}: {Segments(held.Count)}, {FindingText.Bytes(bytes)}";
        return bytes >= backlog.High
            ? Finding.Problem(what, found, $"less than {FindingText.Bytes(backlog.High)}, where appends are refused", lowest.Advice)
            : bytes > backlog.Low
                ? Finding.Warning(what, found, $"at most {FindingText.Bytes(backlog.Low)}, above which appends are slowed; at {FindingText.Bytes(backlog.High)} they are refused", lowest.Advice)
            : bytes >= backlog.High / 2
                ? Finding.Warning(what, found, $"less than half of {FindingText.Bytes(backlog.High)}, where appends are refused", lowest.Advice)
                : lowest.IsDead
                    ? Finding.Warning(what, found, "a reader that is alive", lowest.Advice)
                    : Finding.Ok(what, found);
    }

    private static IEnumerable<Consumer> Shards(LogInspection log, CatalogSnapshot catalog)
    {
        foreach (var collection in catalog.Collections.Values.OrderBy(c => c.Id.Value))
        {
            foreach (var channel in collection.Channels.Where(c => c.PChannel.Name == log.Name))
            {
                var checkpoint = catalog.CheckpointOf(channel);
                var position = checkpoint?.Position ?? LogPosition.Beginning;
                var growing = catalog.SegmentsOf(collection.Id).Values.Where(s => s.Channel == channel && s.State == SegmentState.Growing).MinBy(s => s.Start);
                var (kind, why) = checkpoint is null
                    ? ("checkpoint", "none has been made yet")
                    : growing is not null
                        ? ("flush checkpoint", $"growing segment {growing.Id} (from {growing.Start}) is not flushed")
                        : ("flush and delete checkpoint", $"rows or deletes behind it are in no file yet, data node term {checkpoint.DataNodeTerm}");
                yield return new Consumer($"the {kind} of '{collection.Name}', shard {channel.Name}", position, why, $"flush collection '{collection.Name}', and see that a data node runs");
            }
        }
    }

    private static IEnumerable<Consumer> Readers(LogInspection log, CatalogSnapshot catalog, MetaRange known, bool isUp)
    {
        var prefix = CatalogKeys.Readers(new PChannel(log.Name));
        foreach (var entry in known.Entries.Where(e => e.Key.StartsWith(prefix, StringComparison.Ordinal)))
        {
            var node = long.TryParse(CatalogKeys.LastPart(entry.Key), out var number) ? number : -1;
            var session = catalog.Sessions.GetValueOrDefault(node);
            var (why, advice) = session is null
                ? ("whose session has ended", "restart the coordinator: it drops the positions of nodes that are gone")
                : isUp
                    ? ($"a {session.Role}{(session.Address.Length > 0 ? $" at {session.Address}" : "")} that has not read on", "see why that node lags: its log, its memory")
                    : ($"a {session.Role} of the last run", "start the server: it drops the positions of nodes that are gone");
            yield return new Consumer($"the reader of node {CatalogKeys.LastPart(entry.Key)}", LogPosition.Parse(Encoding.ASCII.GetString(entry.Value.Span)), why, advice, session is null);
        }
    }

    private static string Segments(int count) => count switch
    {
        0 => "the open segment",
        1 => "1 segment and the open one",
        _ => FormattableString.Invariant($"{count} segments and the open one"),
    };
}
