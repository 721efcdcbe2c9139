using System.CommandLine;
using System.Globalization;
using MiniMilvus.Recovery;

var output = new Option<string>("--output") { Description = "Folder for recovery.csv.", DefaultValueFactory = _ => "out" };
var rows = new Option<string>("--rows") { Description = "Acknowledged rows before the kill, separated by commas.", DefaultValueFactory = _ => "1000,10000,50000" };
var root = new RootCommand("Kills a server with SIGKILL in the middle of inserts, restarts it, and counts: every acknowledged row must be found exactly once.");
root.Options.Add(output);
root.Options.Add(rows);
root.SetAction((parsed, ct) => RecoveryExperiment.RunAsync(
    [.. parsed.GetValue(rows)!.Split(',').Select(r => int.Parse(r, CultureInfo.InvariantCulture))], parsed.GetValue(output)!, ct));
return await root.Parse(args).InvokeAsync();
