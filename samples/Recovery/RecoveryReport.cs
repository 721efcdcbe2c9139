using System.Globalization;
using System.Text;
using Spectre.Console;

namespace MiniMilvus.Recovery;

/// <summary>One run: rows acknowledged before the kill, bytes on disk then, and times counted from the start of the new process.</summary>
internal sealed record RecoveryResult(long AckedRows, long Bytes, TimeSpan Ready, TimeSpan FirstAnswer, TimeSpan AllVisible, RowCheck Check);

/// <summary>The table for people and the CSV for plots.</summary>
internal static class RecoveryReport
{
    public static void Print(IReadOnlyList<RecoveryResult> results)
    {
        var table = new Table().Border(TableBorder.Rounded).Title("[bold]Recovery after SIGKILL in the middle of inserts[/]");
        foreach (var column in new[] { "acked rows", "on disk, MB", "ready ms", "first answer ms", "all visible ms", "missing", "doubled", "wrong", "unacked found" })
        {
            table.AddColumn(new TableColumn(column).RightAligned());
        }
        foreach (var r in results)
        {
            var colour = r.Check.IsRight ? "green" : "red";
            table.AddRow(
                r.AckedRows.ToString("N0", CultureInfo.InvariantCulture), (r.Bytes / 1e6).ToString("F1", CultureInfo.InvariantCulture),
                Milliseconds(r.Ready), Milliseconds(r.FirstAnswer), Milliseconds(r.AllVisible),
                $"[{colour}]{r.Check.Missing}[/]", $"[{colour}]{r.Check.Doubled}[/]", $"[{colour}]{r.Check.Wrong}[/]", r.Check.Unacknowledged.ToString(CultureInfo.InvariantCulture));
        }
        Output.Console.Write(table);
    }

    public static async Task<string> WriteCsvAsync(IReadOnlyList<RecoveryResult> results, string folder, CancellationToken ct)
    {
        Directory.CreateDirectory(folder);
        var csv = new StringBuilder("acked_rows,bytes,ready_ms,first_answer_ms,all_visible_ms,found,missing,doubled,wrong,unacknowledged_found\n");
        foreach (var r in results)
        {
            csv.Append(CultureInfo.InvariantCulture, $"{r.AckedRows},{r.Bytes},{r.Ready.TotalMilliseconds:F0},{r.FirstAnswer.TotalMilliseconds:F0},{r.AllVisible.TotalMilliseconds:F0},")
                .Append(CultureInfo.InvariantCulture, $"{r.Check.Found},{r.Check.Missing},{r.Check.Doubled},{r.Check.Wrong},{r.Check.Unacknowledged}\n");
        }
        var path = Path.Combine(folder, "recovery.csv");
        await File.WriteAllTextAsync(path, csv.ToString(), ct);
        return path;
    }

    private static string Milliseconds(TimeSpan time) => time.TotalMilliseconds.ToString("N0", CultureInfo.InvariantCulture);
}
