using System.CommandLine;
using MiniMilvus.Freshness;

var output = new Option<string>("--output") { Description = "Folder for freshness.csv.", DefaultValueFactory = _ => "out" };
var address = new Option<string?>("--address") { Description = "HOST:PORT of a running server; without it one is started in a temporary folder." };
var probes = new Option<int>("--probes") { Description = "Measurements for each rate and level.", DefaultValueFactory = _ => 200 };
var root = new RootCommand("Measures freshness: from the acknowledgement of a row to the first search, on another connection, that finds it.");
root.Options.Add(output);
root.Options.Add(address);
root.Options.Add(probes);
root.SetAction((parsed, ct) => FreshnessRun.RunAsync(
    parsed.GetValue(address), parsed.GetValue(output)!, Math.Clamp(parsed.GetValue(probes), 1, 10_000), ct));
return await root.Parse(args).InvokeAsync();
