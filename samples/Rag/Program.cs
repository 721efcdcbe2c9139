using System.Text;
using Grpc.Core;
using MiniMilvus.Client;
using MiniMilvus.Core.Errors;
using MiniMilvus.Rag;
using MiniMilvus.Rag.Documents;
using MiniMilvus.Rag.Terminal;
using Spectre.Console;

var dataFolder = Path.Combine(ShippedDocuments.FindProjectFolder() ?? Directory.GetCurrentDirectory(), "data", "rag");
return await RagOptions.Command(dataFolder, RunAsync).Parse(args).InvokeAsync();

static async Task<int> RunAsync(RagOptions options, CancellationToken ct)
{
    var plain = options.Plain || Console.IsOutputRedirected || Console.IsInputRedirected;
    if (plain)
    {
        Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
    }
    IScreen screen = plain ? new PlainScreen(Console.Out, Console.In) : new RichScreen(AnsiConsole.Console);
    try
    {
        return await new RagApplication(options, screen).RunAsync(ct);
    }
    catch (OperationCanceledException) when (ct.IsCancellationRequested)
    {
        return 130;
    }
    catch (Exception e) when (e is MilvusException or MiniMilvusException or RpcException or IOException or InvalidOperationException or HttpRequestException or TimeoutException or InvalidDataException)
    {
        screen.Error(e.Message);
        return 1;
    }
}
