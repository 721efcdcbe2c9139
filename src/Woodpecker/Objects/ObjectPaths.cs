using System.Globalization;

namespace MiniMilvus.Woodpecker.Objects;

/// <summary>Keys of a log's blocks: one object for each block, numbered within its segment.</summary>
internal static class ObjectPaths
{
    public static string Log(string log) => $"logs/{log}/";

    public static string Segment(string log, long segment) => string.Create(CultureInfo.InvariantCulture, $"logs/{log}/{segment:D8}/");

    public static string Block(string log, long segment, long block) => string.Create(CultureInfo.InvariantCulture, $"logs/{log}/{segment:D8}/{block:D8}");
}
