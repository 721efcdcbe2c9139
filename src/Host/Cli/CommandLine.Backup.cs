using System.CommandLine;
using MiniMilvus.Host.Configuration;

namespace MiniMilvus.Host.Cli;

/// <content>Backup and restore.</content>
internal static partial class CommandLine
{
    private static Command Backup(Func<ParseResult, Settings> load)
    {
        var collection = new Argument<string>("collection") { Description = "The collection, or an alias of it" };
        var to = new Option<string>("--to") { Description = "A folder that is empty or not there yet", Required = true };
        var at = new Option<string?>("--at") { Description = "Up to where: a tick (470621567287558144), a time (2026-11-30T12:00:00Z) or an entry of a log (0/17, LOG@0/17); default: all that is there" };
        var database = Database("The collection's database (default 'default')");
        var backup = new Command("backup", "Write a collection as it was at one position of its log to a folder; changes nothing, the server may be up or down. Exit code 0; 1 something is damaged or the disk is full; 2 bad arguments, no such collection; 3 the place does not answer")
        {
            collection, to, at, database,
        };
        backup.TreatUnmatchedTokensAsErrors = false;
        backup.SetAction((parsed, ct) => GuardAsync(() => BackupVerb.BackupAsync(
            load(parsed).Options,
            new BackupRequest(parsed.GetValue(database) ?? "default", parsed.GetValue(collection)!, parsed.GetValue(to)!, parsed.GetValue(at)),
            Console.Out,
            TimeProvider.System,
            ct), Unreachable));
        return backup;
    }

    private static Command Restore(Func<ParseResult, Settings> load)
    {
        var from = new Option<string>("--from") { Description = "The folder of a backup", Required = true };
        var to = new Option<string?>("--to") { Description = "HOST:PORT of the server (default: the one of the settings)" };
        var collection = new Option<string?>("--collection") { Description = "Its name there (default: the one it had)" };
        var database = Database("The database there (default: the one it was in)");
        var check = new Option<bool>("--check") { Description = "Only read the whole backup and say whether it verifies" };
        var restore = new Command("restore", "Make a collection of a backup, through a running server; it gets its name when it is whole. Exit code 0; 1 something is damaged; 2 bad arguments, the name is taken; 3 the server does not answer")
        {
            from, to, collection, database, check,
        };
        restore.TreatUnmatchedTokensAsErrors = false;
        restore.SetAction((parsed, ct) => GuardAsync(() =>
        {
            var options = load(parsed).Options;
            var server = parsed.GetValue(to) ?? FormattableString.Invariant($"{options.Listen}:{options.GrpcPort}");
            return BackupVerb.RestoreAsync(
                new RestoreRequest(parsed.GetValue(from)!, server, parsed.GetValue(database), parsed.GetValue(collection), parsed.GetValue(check)), Console.Out, TimeProvider.System, ct);
        }, Unreachable));
        return restore;
    }

    private static Option<string?> Database(string description) => new("--database") { Description = description };
}
