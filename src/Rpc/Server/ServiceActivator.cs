using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace MiniMilvus.Rpc.Server;

/// <summary>Finds the service of a call: a singleton once, a registered one in the call's scope, any other created for the call and disposed after it.</summary>
internal sealed class ServiceActivator<TService>(IServiceProvider root, bool isSingleton)
    where TService : class
{
    private readonly Lazy<ObjectFactory<TService>> _factory = new(() => ActivatorUtilities.CreateFactory<TService>([]));
    private TService? _singleton;

    internal TService Get(HttpContext http, out bool created)
    {
        created = false;
        if (isSingleton)
        {
            return _singleton ??= root.GetRequiredService<TService>();
        }

        if (http.RequestServices.GetService<TService>() is { } registered)
        {
            return registered;
        }

        created = true;
        return _factory.Value(http.RequestServices, null);
    }

    internal static async Task<T> ThenReleaseAsync<T>(Task<T> running, TService service)
    {
        try
        {
            return await running;
        }
        finally
        {
            await ReleaseAsync(service);
        }
    }

    internal static async Task ThenReleaseAsync(Task running, TService service)
    {
        try
        {
            await running;
        }
        finally
        {
            await ReleaseAsync(service);
        }
    }

    private static async ValueTask ReleaseAsync(TService service)
    {
        if (service is IAsyncDisposable asynchronous)
        {
            await asynchronous.DisposeAsync();
        }
        else if (service is IDisposable disposable)
        {
            disposable.Dispose();
        }
    }
}
