namespace MiniMilvus.Client;

/// <summary>Writing filter expressions.</summary>
public static class Filter
{
    /// <summary>A string literal, so that text from elsewhere can't change the meaning of a filter.</summary>
    public static string Quote(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)}\"";
    }
}
