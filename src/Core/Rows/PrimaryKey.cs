using System.Globalization;

namespace MiniMilvus.Core.Rows;

/// <summary>A primary key: an Int64 or, when <see cref="Text"/> is set, a VarChar.</summary>
public readonly record struct PrimaryKey(long Number, string? Text = null) : IComparable<PrimaryKey>
{
    public PrimaryKey(string text) : this(0, text)
    {
    }

    public int CompareTo(PrimaryKey other) =>
        Text is null || other.Text is null ? Number.CompareTo(other.Number) : string.CompareOrdinal(Text, other.Text);

    /// <summary>A hash that is the same on every machine and in every run: it routes rows to shards.</summary>
    public uint StableHash()
    {
        if (Text is null)
        {
            var x = (ulong)Number * 0x9E3779B97F4A7C15UL;
            return (uint)((x ^ (x >> 32)) >> 3);
        }

        var hash = 2166136261u;
        foreach (var c in Text)
        {
            hash = (hash ^ c) * 16777619u;
        }

        return hash;
    }

    public override string ToString() => Text ?? Number.ToString(CultureInfo.InvariantCulture);
}
