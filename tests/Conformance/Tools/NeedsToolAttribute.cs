using Xunit.Abstractions;

namespace MiniMilvus.Conformance.Tools;

/// <summary>The tests of a class, inherited ones too, run a program of the operating system; without it they are skipped by name.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class NeedsToolAttribute(string tool) : Attribute
{
    public string Tool => tool;

    /// <summary>Why the tests of a class are skipped, or null.</summary>
    internal static string? MissingFor(ITypeInfo type)
        => type.GetCustomAttributes(typeof(NeedsToolAttribute).AssemblyQualifiedName!).Select(a => a.GetNamedArgument<string>(nameof(Tool))).FirstOrDefault(tool => !IsOnPath(tool)) is { } missing
            ? $"{missing} is not installed (./test.sh --install installs it)"
            : null;

    private static bool IsOnPath(string tool)
        => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => folder.Length > 0 && File.Exists(Path.Combine(folder, tool)));
}
