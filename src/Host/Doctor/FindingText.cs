using System.Text;
using System.Text.Json;

namespace MiniMilvus.Host.Doctor;

/// <summary>Findings as lines for people, and as JSON for programs.</summary>
internal static class FindingText
{
    private static readonly JsonWriterOptions s_indented = new() { Indented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static IEnumerable<string> Lines(IReadOnlyList<Finding> findings)
    {
        var width = findings.Count == 0 ? 0 : findings.Max(f => f.What.Length);
        foreach (var finding in findings)
        {
            var line = new StringBuilder($"{Name(finding.Level).PadRight(7)}  {finding.What.PadRight(width)}  {finding.Found}");
            if (finding.Expected is { } expected)
            {
                line.Append(" (expected ").Append(expected).Append(')');
            }

            if (finding.Advice is { } advice)
            {
                line.Append("  -> ").Append(advice);
            }

            yield return line.ToString();
        }

        int Count(FindingLevel level) => findings.Count(f => f.Level == level);
        yield return FormattableString.Invariant($"{Count(FindingLevel.Ok)} ok, {Count(FindingLevel.Warning)} warnings, {Count(FindingLevel.Problem)} problems");
    }

    /// <summary>{"findings": [{"level", "what", "found", "expected", "advice"}], "warnings": n, "problems": n}; expected and advice may be null.</summary>
    public static string Json(IReadOnlyList<Finding> findings)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, s_indented))
        {
            json.WriteStartObject();
            json.WriteStartArray("findings");
            foreach (var finding in findings)
            {
                json.WriteStartObject();
                json.WriteString("level", Name(finding.Level));
                json.WriteString("what", finding.What);
                json.WriteString("found", finding.Found);
                json.WriteString("expected", finding.Expected);
                json.WriteString("advice", finding.Advice);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteNumber("warnings", findings.Count(f => f.Level == FindingLevel.Warning));
            json.WriteNumber("problems", findings.Count(f => f.Level == FindingLevel.Problem));
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(bytes.ToArray());
    }

    /// <summary>"812 MB", for people: 1024 a step, three digits.</summary>
    public static string Bytes(long bytes)
    {
        string[] units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
        double value = bytes;
        var unit = 0;
        while (value >= 1000 && unit < units.Length - 1)
        {
            (value, unit) = (value / 1024, unit + 1);
        }

        return FormattableString.Invariant($"{(unit == 0 || value >= 100 ? Math.Round(value) : Math.Round(value, value >= 10 ? 1 : 2))} {units[unit]}");
    }

    public static string Milliseconds(TimeSpan time) => FormattableString.Invariant($"{time.TotalMilliseconds:0.0} ms");

    private static string Name(FindingLevel level) => level switch
    {
        FindingLevel.Ok => "ok",
        FindingLevel.Warning => "warning",
        _ => "problem",
    };
}
