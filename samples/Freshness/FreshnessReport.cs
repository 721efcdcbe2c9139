using System.Globalization;
using System.Text;
using Spectre.Console;

namespace MiniMilvus.Freshness;

/// <summary>The table for people and the CSV for plots.</summary>
internal static class FreshnessReport
{
    public static void Print(IReadOnlyList<Measurement> rows, string server)
    {
        var table = new Table().Border(TableBorder.Rounded).Title($"[bold]Freshness: ack → first hit on another connection[/]").Caption(Markup.Escape(server));
        table.AddColumn(new TableColumn("load, rows/s").RightAligned());
        table.AddColumn("level");
        foreach (var column in new[] { "p50 ms", "p99 ms", "max ms", "found at 1st look", "ack p50 ms" })
        {
            table.AddColumn(new TableColumn(column).RightAligned());
        }
        foreach (var row in rows)
        {
            table.AddRow(
                row.RowsPerSecond == 0 ? "idle" : Number(row.RowsPerSecond, "N0"), row.Level.ToString(),
                Number(row.P50, "F2"), Number(row.P99, "F2"), Number(row.Max, "F2"), Number(row.FoundAtFirstLook * 100, "F0") + " %", Number(row.AckP50, "F2"));
        }
        Output.Console.Write(table);
    }

    public static async Task<string> WriteCsvAsync(IReadOnlyList<Measurement> rows, string folder, CancellationToken ct)
    {
        Directory.CreateDirectory(folder);
        var csv = new StringBuilder("rows_per_second,level,probes,visible_p50_ms,visible_p99_ms,visible_max_ms,found_at_first_look,ack_p50_ms\n");
        foreach (var r in rows)
        {
            csv.Append(CultureInfo.InvariantCulture, $"{r.RowsPerSecond},{r.Level},{r.Probes},{r.P50:F3},{r.P99:F3},{r.Max:F3},{r.FoundAtFirstLook:F3},{r.AckP50:F3}\n");
        }
        var path = Path.Combine(folder, "freshness.csv");
        await File.WriteAllTextAsync(path, csv.ToString(), ct);
        return path;
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
