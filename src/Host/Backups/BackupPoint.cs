using System.Globalization;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Time;
using MiniMilvus.Woodpecker;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Host.Backups;

/// <summary>
/// Up to where a backup goes: all that is there (the default), a tick, a time, or the tick of one entry of a log. One tick cuts every shard, so that
/// what depends on a write is never there without it.
/// </summary>
internal abstract record BackupPoint
{
    private BackupPoint()
    {
    }

    public sealed record Latest : BackupPoint;

    public sealed record AtTick(Timestamp Tick) : BackupPoint;

    /// <param name="Log">Null: the collection has one log.</param>
    public sealed record AtEntry(string? Log, LogPosition Position) : BackupPoint;

    /// <summary><c>470621567287558144</c>, <c>2026-11-30T12:00:00Z</c>, <c>0/17</c> or <c>by-dev-rootcoord-dml_0@0/17</c>; null or "" = Latest.</summary>
    public static BackupPoint Parse(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return new Latest();
        }

        if (ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var tick))
        {
            return new AtTick(new Timestamp(tick));
        }

        var at = text.LastIndexOf('@');
        if (TryPosition(text[(at + 1)..]) is { } position && at != 0)
        {
            return new AtEntry(at < 0 ? null : text[..at], position);
        }

        // All of that millisecond.
        return DateTimeOffset.TryParseExact(text, ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? new AtTick(Timestamp.FromUnixMilliseconds(time.ToUnixTimeMilliseconds(), (uint)Timestamp.LogicalMask))
            : throw MiniMilvusException.Invalid($"--at '{text}': expected a tick (470621567287558144), a time (2026-11-30T12:00:00Z) or an entry of a log (0/17, or by-dev-rootcoord-dml_0@0/17)");
    }

    /// <summary>The tick of the entry at a position.</summary>
    public static async ValueTask<Timestamp> TickOfAsync(LogInspector logs, LogInspection log, LogPosition position, CancellationToken ct)
    {
        foreach (var segment in log.Segments.Where(s => s.Number == position.Segment))
        {
            await foreach (var block in logs.BlocksAsync(log, segment, payloads: true, ct))
            {
                foreach (var entry in block.Entries.Where(e => e.Position == position))
                {
                    return MessageCodec.Decode(entry.Bytes, entry.Position).TimeTick;
                }
            }
        }

        throw MiniMilvusException.NotFound(ErrorReason.Unspecified, $"log '{log.Name}': expected an entry {position}, found none; it holds entries from {log.TruncatedUntil ?? LogPosition.Beginning} on");
    }

    /// <summary>The tick of a log's last entry; zero when it holds none.</summary>
    public static async ValueTask<Timestamp> LastTickAsync(LogInspector logs, LogInspection log, CancellationToken ct)
    {
        foreach (var segment in log.Segments.Reverse())
        {
            LogEntry? last = null;
            await foreach (var block in logs.BlocksAsync(log, segment, payloads: true, ct))
            {
                last = block.Entries.Count > 0 ? block.Entries[^1] : last;
            }

            if (last is { } entry)
            {
                return MessageCodec.Decode(entry.Bytes, entry.Position).TimeTick;
            }
        }

        return Timestamp.Zero;
    }

    private static LogPosition? TryPosition(string text)
    {
        try
        {
            return LogPosition.Parse(text);
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
