using Microsoft.Extensions.Logging;
using MiniMilvus.Simulation.Scheduling;

namespace MiniMilvus.Simulation.World;

/// <summary>The last lines that the world logged, with simulated times, for the dump of a failing run.</summary>
internal sealed class SimLog(SimScheduler scheduler) : ILoggerFactory
{
    private const int LinesMax = 4000;
    private readonly Queue<string> _lines = new();
    private string _generation = "world";

    public IEnumerable<string> Lines => _lines;

    public string Generation
    {
        set => _generation = value;
    }

    public void Add(string line)
    {
        _lines.Enqueue($"{scheduler.Now / 10_000.0,12:0.000} ms {_generation}: {line}");
        if (_lines.Count > LinesMax)
        {
            _lines.Dequeue();
        }
    }

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName[(categoryName.LastIndexOf('.') + 1)..]);

    public void Dispose()
    {
    }

    private sealed class Logger(SimLog log, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Debug;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            Happened.Shared.Logged(eventId.Name);
            if (IsEnabled(logLevel))
            {
                log.Add($"{logLevel} {category}: {formatter(state, exception)}{(exception is null ? "" : " <- " + Flat(exception))}");
            }
        }

        private static string Flat(Exception e) => e.InnerException is null ? $"{e.GetType().Name}: {e.Message}" : $"{e.GetType().Name}: {e.Message} <- {Flat(e.InnerException)}";
    }
}
