using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Streaming;
using MiniMilvus.DataNode.Checkpoints;

namespace MiniMilvus.DataNode.Channels;

/// <summary>
/// Station 13 as this node uses it: one read of a pchannel that opens again where it was when the log is unavailable, and gives each message once (T4).
/// </summary>
internal sealed class ChannelReader(ILogReader log, PChannel channel, LogPosition from, DataNodeOptions options, TimeProvider time, Retry retry, ILogger logger) : IAsyncDisposable
{
    private ReadProgress _progress = new(new HoldPoint(from, default));
    private LogPosition? _seen;
    private IAsyncEnumerator<LogEvent>? _events;
    private TimeSpan _pause = options.RetryDelayMin;

    /// <summary>The next message or tick. One call at a time.</summary>
    public async ValueTask<LogEvent> NextAsync(CancellationToken ct)
    {
        while (true)
        {
            try
            {
                _events ??= log.ReadAsync(channel, _progress.Point.Position, ct).GetAsyncEnumerator(ct);
                while (await _events.MoveNextAsync())
                {
                    var next = _events.Current;
                    if (next.Message is { } message && Repeats(message.Position))
                    {
                        continue;
                    }

                    _pause = options.RetryDelayMin;
                    _progress.Advance(next);
                    return next;
                }

                ct.ThrowIfCancellationRequested();
                Log.WillRetry(logger, $"reading {channel}", _pause, "the read ended");
            }
            catch (MiniMilvusException e) when (e.IsRetriable)
            {
                Log.WillRetry(logger, $"reading {channel}", _pause, e.Message);
            }

            await DisposeAsync();
            _seen = _progress.Last;
            await Task.Delay(_pause, time, ct);
            _pause = retry.Longer(_pause);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_events is { } events)
        {
            _events = null;
            await events.DisposeAsync();
        }
    }

    private bool Repeats(LogPosition position)
    {
        if (_progress.Last is not { } last || position > last)
        {
            return false;
        }

        return position <= _seen
            ? true // Read again after an interruption, with the whole of its transaction.
            : throw MiniMilvusException.Corrupted($"{channel}: expected a message above {last}, found one at {position} (T4)");
    }
}
