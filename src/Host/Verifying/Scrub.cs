using System.Diagnostics.Metrics;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Host.Verifying;

/// <summary>
/// Runs a <see cref="Verification"/> now and then, at a pace that leaves the disk to others. Damage is logged, each once, and counted in
/// <c>/metrics</c>; nothing is repaired here.
/// </summary>
internal sealed class Scrub : IDisposable
{
    /// <summary>It rests after so many bytes, for as long as the pace asks.</summary>
    private const long RestBytes = 1024 * 1024;

    private readonly Func<Verification> _begin;
    private readonly ScrubOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Meter _meter = new("MiniMilvus.Host");
    private readonly Counter<long> _rounds;
    private readonly Counter<long> _bytes;
    private readonly HashSet<string> _said = new(StringComparer.Ordinal);
    private long _damaged;
    private long _ended;

    public Scrub(Func<Verification> begin, ScrubOptions options, TimeProvider time, ILogger logger)
    {
        (_begin, _options, _time, _logger) = (begin, options, time, logger);
        _rounds = _meter.CreateCounter<long>("minimilvus_scrub_rounds", "rounds", "Rounds of the scrub that came to their end");
        _bytes = _meter.CreateCounter<long>("minimilvus_scrub_bytes", "bytes", "Bytes of blocks and objects that the scrub has read");
        _meter.CreateObservableGauge("minimilvus_scrub_damaged", () => Volatile.Read(ref _damaged), "things", "Damaged blocks, objects and records in the newest round");
    }

    /// <summary>Damaged things that the newest round has found.</summary>
    public long Damaged => Volatile.Read(ref _damaged);

    /// <summary>Rounds that came to their end.</summary>
    public long Rounds => Volatile.Read(ref _ended);

    public async Task RunAsync(CancellationToken ct)
    {
        while (_options.Interval > TimeSpan.Zero)
        {
            await Task.Delay(_options.Interval, _time, ct);
            try
            {
                await RunOnceAsync(ct);
            }
            catch (MiniMilvusException e) when (e.Kind is ErrorKind.Unavailable or ErrorKind.Corrupted)
            {
                Log.ScrubEndedEarly(_logger, e.Message);
            }
        }
    }

    public void Dispose() => _meter.Dispose();

    private async Task RunOnceAsync(CancellationToken ct)
    {
        var verification = _begin();
        var (damaged, unrested) = (new HashSet<string>(StringComparer.Ordinal), 0L);
        await foreach (var found in verification.RunAsync(ct))
        {
            if (found.Problem is { } problem && damaged.Add(problem) && _said.Add(problem))
            {
                Log.Damaged(_logger, problem);
            }

            _bytes.Add(found.Bytes);
            unrested += found.Bytes;
            if (unrested >= RestBytes && _options.BytesPerSecond > 0)
            {
                await Task.Delay(TimeSpan.FromSeconds((double)unrested / _options.BytesPerSecond), _time, ct);
                unrested = 0;
            }
        }

        Volatile.Write(ref _damaged, damaged.Count);
        _said.IntersectWith(damaged);
        _rounds.Add(1);
        Interlocked.Increment(ref _ended);
        Log.Scrubbed(_logger, verification.Blocks, verification.Objects, damaged.Count);
    }
}
