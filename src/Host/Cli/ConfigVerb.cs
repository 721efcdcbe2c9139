using MiniMilvus.Host.Configuration;

namespace MiniMilvus.Host.Cli;

/// <summary><c>minimilvus config</c>: every effective value with its source.</summary>
internal static class ConfigVerb
{
    public static int Print(Settings settings)
    {
        var keys = settings.Effective.Max(s => s.Key.Length);
        var values = settings.Effective.Max(s => s.Value.Length);
        foreach (var setting in settings.Effective)
        {
            Console.WriteLine($"{setting.Key.PadRight(keys)}  {setting.Value.PadRight(values)}  {setting.Source}");
        }

        return 0;
    }
}
