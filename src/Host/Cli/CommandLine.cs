using System.CommandLine;
using MiniMilvus.Core.Errors;
using MiniMilvus.Host.Configuration;

namespace MiniMilvus.Host.Cli;

/// <summary>The verbs of <c>minimilvus</c>: run (the default), config, inspect, verify, doctor, backup and restore.</summary>
internal static partial class CommandLine
{
    /// <summary>What a verb that only looks ends with when it could not look.</summary>
    private const int Unreachable = 3;

    private static readonly (string Option, string Key, string Help)[] Known =
    [
        ("--data", "DataFolder", "The folder that holds the log, the metadata and the segments"),
        ("--listen", "Listen", "The address to listen on (default 127.0.0.1)"),
        ("--grpc-port", "GrpcPort", "The Milvus gRPC port (default 19530; 0 = any free one)"),
        ("--http-port", "HttpPort", "Health and metrics (default 9091; 0 = any free one)"),
        ("--roles", "Roles", "Which roles to run, separated by commas (default all)"),
        ("--coordinator", "CoordinatorAddress", "HOST:PORT of the coordinator, when it runs in another process"),
        ("--log-level", "LogLevel", "Trace, Debug, Information, Warning, Error, Critical or None"),
    ];

    /// <summary>
    /// Parses and runs. Settings by their own keys (<c>--section.key VALUE</c>) are taken out first: the parser does not know them, and would
    /// take their values for a verb's arguments.
    /// </summary>
    public static Task<int> RunAsync(string[] args)
    {
        var (settings, rest) = TakeSettings(args);
        var parsed = Build(settings).Parse(rest);
        return parsed.Errors.Count > 0 && !rest.Any(t => t is "--help" or "-h" or "-?" or "--version")
            ? RefuseAsync(parsed)
            : parsed.InvokeAsync(new() { EnableDefaultExceptionHandler = true, ProcessTerminationTimeout = null });
    }

    private static async Task<int> RefuseAsync(ParseResult parsed)
    {
        foreach (var error in parsed.Errors)
        {
            await Console.Error.WriteLineAsync($"minimilvus: {error.Message}");
        }

        await Console.Error.WriteLineAsync($"minimilvus {parsed.CommandResult.Command.Name} --help says what it takes");
        return 2;
    }

    internal static (IReadOnlyList<string> Settings, IReadOnlyList<string> Others) TakeSettings(IReadOnlyList<string> args)
    {
        var (settings, rest) = (new List<string>(), new List<string>());
        for (var i = 0; i < args.Count; i++)
        {
            var equals = args[i].IndexOf('=', StringComparison.Ordinal);
            var option = equals < 0 ? args[i] : args[i][..equals];
            var isSetting = option.StartsWith("--", StringComparison.Ordinal) && Known.All(k => k.Option != option) && Settings.Keys.ContainsKey(option[2..].Replace('.', ':'));
            (isSetting ? settings : rest).Add(args[i]);
            if (isSetting && equals < 0 && i + 1 < args.Count)
            {
                settings.Add(args[++i]);
            }
        }

        return (settings, rest);
    }

    private static RootCommand Build(IReadOnlyList<string> settings)
    {
        var root = new RootCommand("MiniMilvus: a vector database in which the log is the database. Any setting is also --section.key VALUE; see `config`.");
        var file = new Option<string?>("--config") { Description = "A settings file instead of ./appsettings.json", Recursive = true };
        root.Add(file);
        var options = Known.Select(k => (k.Key, Option: new Option<string?>(k.Option) { Description = k.Help, Recursive = true })).ToArray();
        foreach (var (_, option) in options)
        {
            root.Add(option);
        }

        Settings Load(ParseResult parsed)
        {
            var given = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
            foreach (var (key, option) in options)
            {
                if (parsed.GetValue(option) is { } value)
                {
                    given[key] = value;
                }
            }

            AddDotted([.. settings, .. parsed.UnmatchedTokens], given);
            return Settings.Load(given, parsed.GetValue(file));
        }

        var run = new Command("run", "Start the server (the default verb)") { TreatUnmatchedTokensAsErrors = false };
        run.SetAction((parsed, ct) => GuardAsync(() => RunVerb.RunAsync(Load(parsed).Options, ct)));
        var config = new Command("config", "Print every setting with its effective value and where it comes from") { TreatUnmatchedTokensAsErrors = false };
        config.SetAction((parsed, _) => GuardAsync(() => Task.FromResult(ConfigVerb.Print(Load(parsed)))));
        root.Add(run);
        root.Add(config);
        root.Add(Inspect(Load));
        root.Add(Verify(Load));
        root.Add(Doctor(Load));
        root.Add(Backup(Load));
        root.Add(Restore(Load));
        root.TreatUnmatchedTokensAsErrors = false;
        root.SetAction((parsed, ct) => GuardAsync(() => RunVerb.RunAsync(Load(parsed).Options, ct)));
        return root;
    }

    private static Command Inspect(Func<ParseResult, Settings> load)
    {
        var name = new Argument<string?>("name") { Description = "One log; without it all are listed", Arity = ArgumentArity.ZeroOrOne };
        var segment = new Option<long?>("--segment") { Description = "One segment of the log" };
        var entries = new Option<bool>("--entries") { Description = "The messages of each block" };
        var hex = new Option<bool>("--hex") { Description = "The bytes of each block's header" };
        var log = new Command("log", "Print what the log holds: segments, blocks, entries. Exit code 0; 1 confirmed data is damaged; 2 bad arguments, no such log; 3 the place does not answer")
        {
            name, segment, entries, hex,
        };
        log.TreatUnmatchedTokensAsErrors = false;
        log.SetAction((parsed, ct) => GuardAsync(() => InspectVerb.RunAsync(
            load(parsed).Options,
            new InspectRequest(CheckName(parsed.GetValue(name)), parsed.GetValue(segment), parsed.GetValue(entries), parsed.GetValue(hex)),
            Console.Out,
            TimeProvider.System,
            ct), Unreachable));
        return new Command("inspect", "Look at a data folder or a bucket; changes nothing, the server may be up or down") { log };
    }

    private static Command Verify(Func<ParseResult, Settings> load)
    {
        var againstLog = new Option<bool>("--against-log") { Description = "Also compare sealed segments and delete files with what the log still holds (default true)", DefaultValueFactory = _ => true };
        var verify = new Command("verify", "Read every block and every object of a data folder or a bucket, compare segments with the log, and name what is damaged or differs; changes nothing. Exit code 0; 1 something is damaged or differs; 2 bad arguments; 3 not all could be read")
        {
            againstLog,
        };
        verify.TreatUnmatchedTokensAsErrors = false;
        verify.SetAction((parsed, ct) => GuardAsync(() => VerifyVerb.RunAsync(load(parsed).Options, parsed.GetValue(againstLog), Console.Out, TimeProvider.System, ct), Unreachable));
        return verify;
    }

    private static Command Doctor(Func<ParseResult, Settings> load)
    {
        var json = new Option<bool>("--json") { Description = "Print the findings as JSON" };
        var doctor = new Command("doctor", "Say who owns what, what holds the log back, and whether everything that the settings name answers; the server may be up or down. Exit code 0; 1 there are problems; 2 bad arguments")
        {
            json,
        };
        doctor.TreatUnmatchedTokensAsErrors = false;
        doctor.SetAction((parsed, ct) => GuardAsync(() => DoctorVerb.RunAsync(load(parsed).Options, parsed.GetValue(json), Console.Out, TimeProvider.System, ct)));
        return doctor;
    }

    private static string? CheckName(string? name) =>
        name?.StartsWith('-') == true ? throw MiniMilvusException.Invalid($"command line: expected the name of a log, found '{name}', which is no option of this verb and no setting") : name;

    /// <summary><c>--streamingnode.segmentRowsMax 5</c> → <c>StreamingNode:SegmentRowsMax = 5</c>.</summary>
    private static void AddDotted(IReadOnlyList<string> tokens, Dictionary<string, string?> given)
    {
        for (var i = 0; i < tokens.Count; i++)
        {
            if (!tokens[i].StartsWith("--", StringComparison.Ordinal))
            {
                throw MiniMilvusException.Invalid($"command line: expected an option, found '{tokens[i]}'");
            }

            var equals = tokens[i].IndexOf('=', StringComparison.Ordinal);
            var name = equals < 0 ? tokens[i][2..] : tokens[i][2..equals];
            var value = equals >= 0 ? tokens[i][(equals + 1)..]
                : i + 1 < tokens.Count ? tokens[++i]
                : throw MiniMilvusException.Invalid($"command line: '--{name}' needs a value");
            given[name.Replace('.', ':')] = value;
        }
    }

    private static async Task<int> GuardAsync(Func<Task<int>> verb, int unavailable = 1)
    {
        try
        {
            return await verb();
        }
        catch (MiniMilvusException e)
        {
            await Console.Error.WriteLineAsync($"minimilvus: {e.Message}");
            return e.Kind switch { ErrorKind.Invalid or ErrorKind.NotFound => 2, ErrorKind.Unavailable => unavailable, _ => 1 };
        }
    }
}
