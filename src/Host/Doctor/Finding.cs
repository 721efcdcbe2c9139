namespace MiniMilvus.Host.Doctor;

internal enum FindingLevel
{
    Ok,
    /// <summary>Nothing is refused yet, or it passes by itself.</summary>
    Warning,
    /// <summary>Something does not work, or will not.</summary>
    Problem,
}

/// <summary>One thing that the doctor looked at.</summary>
/// <param name="What">The thing: "channel by-dev_0".</param>
/// <param name="Found">What it is like.</param>
/// <param name="Expected">What it should be like; null when that is what was found.</param>
/// <param name="Advice">What to do; null when there is nothing to do.</param>
internal sealed record Finding(FindingLevel Level, string What, string Found, string? Expected = null, string? Advice = null)
{
    public static Finding Ok(string what, string found) => new(FindingLevel.Ok, what, found);

    public static Finding Warning(string what, string found, string expected, string advice) => new(FindingLevel.Warning, what, found, expected, advice);

    public static Finding Problem(string what, string found, string expected, string advice) => new(FindingLevel.Problem, what, found, expected, advice);
}
