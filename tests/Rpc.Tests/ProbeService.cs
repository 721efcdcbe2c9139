using Grpc.Core;
using MiniMilvus.Rpc.Tests.Contract;

namespace MiniMilvus.Rpc.Tests;

/// <summary>A service whose handlers are what the test says.</summary>
internal sealed class ProbeService : Probe.ProbeBase
{
    public Func<Note, ServerCallContext, Task<Note>> OnAsk { get; set; } = (note, _) => Task.FromResult(note);

    public Func<IAsyncStreamReader<Note>, ServerCallContext, Task<Note>> OnCollect { get; set; } = async (notes, _) =>
    {
        var sum = new Note();
        while (await notes.MoveNext())
        {
            sum.Number += notes.Current.Number;
        }

        return sum;
    };

    public Func<Note, IServerStreamWriter<Note>, ServerCallContext, Task> OnTell { get; set; } = async (note, writer, _) =>
    {
        for (int i = 0; i < note.Number; i++)
        {
            await writer.WriteAsync(new Note { Number = i });
        }
    };

    public Func<IAsyncStreamReader<Note>, IServerStreamWriter<Note>, ServerCallContext, Task> OnTalk { get; set; } = async (notes, writer, _) =>
    {
        await foreach (Note note in notes.ReadAllAsync())
        {
            await writer.WriteAsync(note);
        }
    };

    public override Task<Note> Ask(Note request, ServerCallContext context) => OnAsk(request, context);

    public override Task<Note> Collect(IAsyncStreamReader<Note> requestStream, ServerCallContext context) => OnCollect(requestStream, context);

    public override Task Tell(Note request, IServerStreamWriter<Note> responseStream, ServerCallContext context) => OnTell(request, responseStream, context);

    public override Task Talk(IAsyncStreamReader<Note> requestStream, IServerStreamWriter<Note> responseStream, ServerCallContext context) => OnTalk(requestStream, responseStream, context);
}
