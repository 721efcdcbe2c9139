using Microsoft.Extensions.Logging;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.DataNode.Channels;

/// <summary>
/// Tries again what was Unavailable, with a pause that doubles up to a bound, until it succeeds, fails otherwise, or is cancelled (W13).
/// Only for idempotent steps: after Unavailable the step may have happened (W14).
/// </summary>
internal sealed class Retry(TimeProvider time, DataNodeOptions options, ILogger log)
{
    public async ValueTask<T> RunAsync<T>(string what, Func<CancellationToken, ValueTask<T>> step, CancellationToken ct)
    {
        for (var pause = options.RetryDelayMin; ; pause = Longer(pause))
        {
            try
            {
                return await step(ct);
            }
            catch (MiniMilvusException e) when (e.IsRetriable)
            {
                Log.WillRetry(log, what, pause, e.Message);
            }

            await Task.Delay(pause, time, ct);
        }
    }

    public TimeSpan Longer(TimeSpan pause) => pause * 2 < options.RetryDelayMax ? pause * 2 : options.RetryDelayMax;
}
