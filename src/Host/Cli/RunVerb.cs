using System.Runtime.InteropServices;

namespace MiniMilvus.Host.Cli;

/// <summary><c>minimilvus run</c>: starts the roles, says where they listen, stops on SIGTERM and Ctrl-C.</summary>
internal static class RunVerb
{
    public static async Task<int> RunAsync(HostOptions options, CancellationToken ct)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, s => Stop(s, stop));
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, s => Stop(s, stop));
        await using var server = await MiniMilvusServer.StartAsync(options, stop.Token);
        Console.WriteLine($"MiniMilvus is ready: gRPC {server.GrpcAddress}, HTTP {server.HttpAddress}, data in {options.DataPlace}");
        try
        {
            await server.Failed.WaitAsync(stop.Token);
            return 1;
        }
        catch (OperationCanceledException)
        {
            return 0;
        }
    }

    private static void Stop(PosixSignalContext signal, CancellationTokenSource stop)
    {
        signal.Cancel = true;
        stop.Cancel();
    }
}
