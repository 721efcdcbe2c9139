using Spectre.Console;

namespace MiniMilvus.Recovery;

/// <summary>The console: colours at a terminal, bare and wide text in a pipe or file.</summary>
internal static class Output
{
    private const int RedirectedWidth = 160;

    public static IAnsiConsole Console { get; } = Create();

    private static IAnsiConsole Create()
    {
        if (!System.Console.IsOutputRedirected)
        {
            return AnsiConsole.Console;
        }
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors });
        console.Profile.Width = RedirectedWidth;
        return console;
    }
}
