using MiniMilvus.Host.Cli;

return await CommandLine.Build().Parse(args).InvokeAsync(new() { EnableDefaultExceptionHandler = true, ProcessTerminationTimeout = null });
