using MiniMilvus.Host.Cli;

return await CommandLine.RunAsync(args);
