namespace MiniMilvus.Host.Wiring;

/// <summary>What the process has opened, to be closed in reverse order.</summary>
internal sealed class Belongings : IAsyncDisposable
{
    private readonly Stack<object> _things = new();

    public T Add<T>(T thing)
        where T : class
    {
        if (thing is not (IAsyncDisposable or IDisposable))
        {
            throw new ArgumentException($"expected something to dispose of, found {typeof(T).Name}", nameof(thing));
        }

        _things.Push(thing);
        return thing;
    }

    public async ValueTask DisposeAsync()
    {
        while (_things.TryPop(out var thing))
        {
            if (thing is IAsyncDisposable closing)
            {
                await closing.DisposeAsync();
            }
            else
            {
                ((IDisposable)thing).Dispose();
            }
        }
    }
}
