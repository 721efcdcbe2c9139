using System.Globalization;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Woodpecker;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Host.Cli;

/// <summary>What <c>inspect log</c> was asked for.</summary>
internal sealed record InspectRequest(string? Log, long? Segment, bool Entries, bool Hex);

/// <summary><c>minimilvus inspect log</c>: what the log's files or objects hold, beside a running server or without one. 1 when confirmed data is damaged.</summary>
internal static class InspectVerb
{
    public static async Task<int> RunAsync(HostOptions options, InspectRequest request, TextWriter output, TimeProvider time, CancellationToken ct)
    {
        await using var place = await DataPlace.OpenAsync(options, output, time, ct);
        return request.Log is { } name
            ? await ShowAsync(place.Logs, await place.Logs.InspectAsync(name, ct), request, output, ct)
            : await ListAsync(place, output, ct);
    }

    /// <summary>One line for each log; headers only, so that it stays quick.</summary>
    private static async Task<int> ListAsync(DataPlace place, TextWriter output, CancellationToken ct)
    {
        var (logs, damages) = (0L, 0L);
        await foreach (var log in place.Logs.InspectAllAsync(ct))
        {
            logs++;
            damages += await HeadAsync(log, output);
            foreach (var segment in log.Segments)
            {
                damages += (await SegmentAsync(place.Logs, log, segment, false, null, output, ct)).Damages;
            }
        }

        if (logs == 0)
        {
            await output.WriteLineAsync($"no logs in {place.Name}");
        }

        return damages > 0 ? 1 : 0;
    }

    private static async Task<int> ShowAsync(LogInspector inspector, LogInspection log, InspectRequest request, TextWriter output, CancellationToken ct)
    {
        long damages = await HeadAsync(log, output);
        if (request.Segment is { } wanted && log.Segments.All(s => s.Number != wanted))
        {
            throw MiniMilvusException.NotFound(ErrorReason.Unspecified, $"log '{log.Name}': expected --segment to be one of {string.Join(", ", log.Segments.Select(s => s.Number))}, found {wanted}");
        }

        foreach (var segment in log.Segments.Where(s => request.Segment is null || s.Number == request.Segment))
        {
            damages += (await SegmentAsync(inspector, log, segment, true, request, output, ct)).Damages;
        }

        return damages > 0 ? 1 : 0;
    }

    private static async ValueTask<int> HeadAsync(LogInspection log, TextWriter output)
    {
        await output.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"log {log.Name}: {log.Segments.Count} segments, {log.FileBytes} bytes, epoch {Known(log.Epoch)}, truncated until {Known(log.TruncatedUntil)}, confirmed at least until {log.Confirmed}{(log.LockTerm is { } term ? $", lock of term {term}" : "")}{(log.IsDeleted ? ", being deleted" : "")}"));
        var waiting = log.Segments.Where(s => s.TruncatedAt is not null).ToList();
        if (waiting.Count > 0)
        {
            await output.WriteLineAsync(string.Create(
                CultureInfo.InvariantCulture,
                $"  not collected yet: {waiting.Count} truncated segments, {waiting.Sum(s => s.FileBytes ?? 0)} bytes, the oldest since {waiting.Min(s => s.TruncatedAt)!.Value.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z"));
        }

        foreach (var problem in log.Problems)
        {
            await output.WriteLineAsync($"DAMAGED {problem}");
        }

        return log.Problems.Count;
    }

    /// <summary>A segment's blocks, if they are wanted, and its line.</summary>
    private static async Task<SegmentTotals> SegmentAsync(
        LogInspector inspector, LogInspection log, SegmentInspection segment, bool payloads, InspectRequest? blocks, TextWriter output, CancellationToken ct)
    {
        var totals = new SegmentTotals();
        await foreach (var block in inspector.BlocksAsync(log, segment, payloads, ct))
        {
            totals.Add(block);
            if (blocks is not null)
            {
                await output.WriteLineAsync("    " + Line(block));
                await DetailAsync(block, blocks, output);
            }

            if (block.Verdict == BlockVerdict.Damaged)
            {
                await output.WriteLineAsync($"DAMAGED {block.Where}: {block.Problem}");
            }
        }

        await output.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"  segment {segment.Number}: {segment.State ?? (totals.HasFooter ? "finished" : "open")}{(segment.TruncatedAt is { } at ? $" at {at.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z" : "")}, {Known(segment.FileBytes)} bytes, {totals.Blocks} blocks, {totals.Entries} entries {totals.Range}, {(payloads ? "checksums" : "headers' checksums")} {(totals.Damages > 0 ? "DO NOT HOLD" : "hold")}{(totals.Torn > 0 ? ", torn tail" : "")}"));
        return totals;
    }

    private static string Line(BlockInspection block) => string.Create(
        CultureInfo.InvariantCulture,
        $"block {block.Number}{(block.Key is null ? $" at {block.Offset}" : "")}: {(block.IsFooter ? "footer" : "data")}, {block.PayloadBytes} bytes, {block.EntryCount} entries {Entries(block)}, epoch {block.Epoch}, confirmed {block.Confirmed}, {Verdict(block)}");

    private static string Entries(BlockInspection block) => block.EntryCount > 0
        ? $"{block.First}..{block.First with { Entry = block.First.Entry + block.EntryCount - 1 }}"
        : $"{(block.IsFooter ? "end" : "from")} {block.First}";

    private static string Verdict(BlockInspection block) => block.Verdict switch
    {
        BlockVerdict.Intact => "checksums hold",
        BlockVerdict.Damaged => "DAMAGED",
        _ => $"torn tail: {block.Problem}",
    };

    private static async ValueTask DetailAsync(BlockInspection block, InspectRequest request, TextWriter output)
    {
        for (var at = 0; request.Hex && at < block.Header.Length; at += 16)
        {
            var line = block.Header[at..Math.Min(at + 16, block.Header.Length)];
            await output.WriteLineAsync($"      {(block.Offset + at).ToString("x8", CultureInfo.InvariantCulture)}  {Convert.ToHexStringLower(line.Span)}");
        }

        foreach (var entry in request.Entries ? block.Entries : [])
        {
            await output.WriteLineAsync($"      {entry.Position}: {Message(entry)}");
        }
    }

    private static string Message(LogEntry entry)
    {
        try
        {
            var message = MessageCodec.Decode(entry.Bytes, entry.Position);
            var rows = message.Body switch
            {
                InsertBody insert => $", {insert.Rows.Count} rows",
                DeleteBody delete => $", {delete.Keys.Count} keys",
                _ => "",
            };
            return $"{message.Type}, tick {message.TimeTick.Value.ToString(CultureInfo.InvariantCulture)}, {message.Channel?.Name ?? "whole channel"}{rows}, {entry.Bytes.Length} bytes";
        }
        catch (MiniMilvusException e) when (e.Kind is ErrorKind.Corrupted or ErrorKind.Invalid)
        {
            return $"{entry.Bytes.Length} bytes, no message of MiniMilvus"; // the log serves others too; its checksums hold
        }
    }

    private static string Known<T>(T? value) => value?.ToString() ?? "unknown";

    private sealed class SegmentTotals
    {
        private LogPosition? _first;
        private LogPosition _last;

        public long Blocks { get; private set; }

        public long Entries { get; private set; }

        public long Damages { get; private set; }

        public long Torn { get; private set; }

        public bool HasFooter { get; private set; }

        public string Range => _first is { } first ? $"{first}..{_last}" : "(none)";

        public void Add(BlockInspection block)
        {
            Damages += block.Verdict == BlockVerdict.Damaged ? 1 : 0;
            Torn += block.Verdict == BlockVerdict.TornTail ? 1 : 0;
            HasFooter |= block is { IsFooter: true, Verdict: BlockVerdict.Intact };
            if (block is { Verdict: BlockVerdict.Intact, EntryCount: > 0 })
            {
                Blocks++;
                Entries += block.EntryCount;
                _first ??= block.First;
                _last = block.First with { Entry = block.First.Entry + block.EntryCount - 1 };
            }
        }
    }
}
