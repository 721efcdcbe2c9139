namespace MiniMilvus.Simulation.Model;

/// <summary>A filter as a client writes it, and what passes it by the model's own rule.</summary>
internal sealed record RowFilter(string Text, Func<long, long, bool> Passes)
{
    public static readonly RowFilter None = new("v >= 0", (_, _) => true);

    /// <summary>Broad and selective ones, over the key, the value and both.</summary>
    public static RowFilter Any(Random random)
    {
        var (a, b) = (random.Next(1, 60), random.Next(2, 7));
        return random.Next(6) switch
        {
            0 => new($"v % {b} == 1", (_, v) => v % b == 1),
            1 => new($"id < {a}", (k, _) => k < a),
            2 => new($"id in [{a}, {a + 1}, {a + 5}]", (k, _) => k == a || k == a + 1 || k == a + 5),
            3 => new($"v > {a * 5} and id % {b} != 0", (k, v) => v > a * 5 && k % b != 0),
            4 => new($"not (v % {b} == 0 or id >= {a})", (k, v) => !(v % b == 0 || k >= a)),
            _ => new($"{a} <= id < {a + 20} or v + 1 < {a * 3}", (k, v) => (a <= k && k < a + 20) || v + 1 < a * 3),
        };
    }
}
