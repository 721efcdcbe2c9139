using System.Globalization;
using System.Text.RegularExpressions;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Woodpecker.Metadata;

/// <summary>Where a log's records lie in the metadata store. Names are checked here, once.</summary>
internal static partial class LogKeys
{
    public const string Logs = "woodpecker/logs/";

    /// <summary>Nothing lies here: to read it asks for the store's revision and nothing else.</summary>
    public const string Revision = "woodpecker/revision";

    public static string Log(string log) => Logs + log;

    public static string Segments(string log) => $"{Logs}{log}/segments/";

    public static string Segment(string log, long segment) => Segments(log) + segment.ToString("D8", CultureInfo.InvariantCulture);

    /// <summary>Of a log whose store cannot fence.</summary>
    public static string Lock(string log) => $"{Logs}{log}/lock";

    /// <summary>What processes read of a log without writing it. Apart from the logs themselves, for who watches those is not to hear of every renewal.</summary>
    public static string Readers(string log) => $"woodpecker/readers/{log}/";

    public static string Reader(string log, string process) => Readers(log) + Uri.EscapeDataString(process);

    /// <summary>The log's name when the key is a log's own, else null.</summary>
    public static string? NameOf(string key) => key.IndexOf('/', Logs.Length) < 0 ? key[Logs.Length..] : null;

    public static string Check(string log) => log.Length <= 200 && Allowed().IsMatch(log) && log is not "." and not ".."
        ? log
        : throw MiniMilvusException.Invalid($"log name: expected 1 to 200 letters, digits, '.', '_' or '-', found '{log}'");

    [GeneratedRegex(@"\A[A-Za-z0-9._-]+\z")]
    private static partial Regex Allowed();
}
