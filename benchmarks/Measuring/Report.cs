using System.Globalization;
using System.Text.Json;

namespace MiniMilvus.Benchmarks.Measuring;

/// <summary>A table for people, or one JSON object a line.</summary>
internal sealed class Report(bool isJson)
{
    private readonly List<Measurement> _all = [];
    private readonly List<string> _notes = [];

    /// <summary>Every target that there is was met.</summary>
    public bool Holds => _all.All(m => m.Holds != false);

    public void Add(Measurement measurement)
    {
        _all.Add(measurement);
        if (isJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(measurement, MeasurementJson.Default.Measurement));
        }
    }

    /// <summary>A check of the data that was written; a failed one fails the run.</summary>
    public void Check(string what, bool holds, string found) =>
        Add(new Measurement($"check: {what}", holds ? 1 : 0, found, null, "", null, "must hold", holds));

    /// <summary>A figure that was measured; null when it was not.</summary>
    public Measurement? Find(string name) => _all.LastOrDefault(m => m.Name == name);

    public bool Noted(string beginning) => _notes.Any(n => n.StartsWith(beginning, StringComparison.Ordinal));

    public void Note(string text)
    {
        _notes.Add(text);
        (isJson ? Console.Error : Console.Out).WriteLine(text);
    }

    public void Print()
    {
        if (isJson)
        {
            return;
        }

        Console.WriteLine();
        Console.WriteLine($"{"",-2}{"figure",-52}{"value",14} {"unit",-12}{"reference",12} {"ratio",7}  target");
        foreach (var m in _all)
        {
            var mark = m.Holds switch { true => "+ ", false => "- ", null => "  " };
            var reference = m.Reference is { } r ? Number(r) : "";
            var ratio = m.Ratio is { } q ? q.ToString("0.00", CultureInfo.InvariantCulture) : "";
            Console.WriteLine($"{mark}{m.Name,-52}{Number(m.Value),14} {m.Unit,-12}{reference,12} {ratio,7}  {m.Target}{(m.ReferenceName.Length > 0 ? $"  (reference: {m.ReferenceName})" : "")}");
        }
    }

    private static string Number(double value) => value.ToString(Math.Abs(value) >= 100 ? "N0" : "0.###", CultureInfo.InvariantCulture);
}
