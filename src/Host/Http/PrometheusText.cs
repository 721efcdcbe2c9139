using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace MiniMilvus.Host.Http;

/// <summary>Every instrument of the MiniMilvus meters and of the runtime's own (collections, pauses, memory) as Prometheus text, for <c>/metrics</c>.</summary>
internal sealed class PrometheusText : IDisposable
{
    private static readonly double[] Buckets = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000];

    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<(string Name, string Labels), Series> _series = new();
    private readonly ConcurrentDictionary<string, Instrument> _instruments = new();

    public PrometheusText()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name.StartsWith("MiniMilvus.", StringComparison.Ordinal) || instrument.Meter.Name == "System.Runtime")
            {
                _instruments[instrument.Name] = instrument;
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((i, v, tags, _) => Record(i, v, tags));
        _listener.SetMeasurementEventCallback<int>((i, v, tags, _) => Record(i, v, tags));
        _listener.SetMeasurementEventCallback<double>((i, v, tags, _) => Record(i, v, tags));
        _listener.Start();
    }

    public string Render()
    {
        foreach (var series in _series.Values)
        {
            series.ForgetIfObserved();
        }

        _listener.RecordObservableInstruments();
        var text = new StringBuilder();
        foreach (var group in _series.Where(s => s.Value.IsSet).GroupBy(s => s.Key.Name).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            var instrument = _instruments[group.Key];
            var name = Clean(group.Key);
            text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {instrument.Description} ({instrument.Unit})\n# TYPE {name} {TypeOf(instrument)}\n");
            foreach (var (key, series) in group.OrderBy(s => s.Key.Labels, StringComparer.Ordinal))
            {
                series.Render(text, name, key.Labels);
            }
        }

        return text.ToString();
    }

    public void Dispose() => _listener.Dispose();

    private static string Clean(string name) => name.Replace('.', '_').Replace('-', '_');

    private static bool IsHistogram(Instrument i) => i.GetType().Name.StartsWith("Histogram", StringComparison.Ordinal);

    private static bool IsGauge(Instrument i) => i.GetType().Name.Contains("Gauge", StringComparison.Ordinal) || i.GetType().Name.Contains("UpDown", StringComparison.Ordinal);

    private static string TypeOf(Instrument i) => IsHistogram(i) ? "histogram" : IsGauge(i) ? "gauge" : "counter";

    private void Record(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var labels = new StringBuilder();
        foreach (var tag in tags)
        {
            labels.Append(labels.Length == 0 ? "" : ",").Append(Clean(tag.Key)).Append("=\"")
                .Append(Convert.ToString(tag.Value, CultureInfo.InvariantCulture)?.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)).Append('"');
        }

        _series.GetOrAdd((instrument.Name, labels.ToString()), _ => new Series(IsHistogram(instrument), instrument.IsObservable)).Add(value, isSet: IsGauge(instrument) || instrument.IsObservable);
    }

    private sealed class Series(bool isHistogram, bool isObservable)
    {
        private readonly Lock _lock = new();
        private readonly long[] _counts = new long[Buckets.Length + 1];
        private double _sum;
        private long _count;

        public bool IsSet { get; private set; }

        public void ForgetIfObserved() => IsSet &= !isObservable;

        public void Add(double value, bool isSet)
        {
            lock (_lock)
            {
                IsSet = true;
                _count++;
                _sum = isSet ? value : _sum + value;
                if (isHistogram)
                {
                    var bucket = Array.FindIndex(Buckets, b => value <= b);
                    _counts[bucket < 0 ? Buckets.Length : bucket]++;
                }
            }
        }

        public void Render(StringBuilder text, string name, string labels)
        {
            lock (_lock)
            {
                var braces = labels.Length == 0 ? "" : $"{{{labels}}}";
                if (!isHistogram)
                {
                    text.Append(CultureInfo.InvariantCulture, $"{name}{braces} {_sum}\n");
                    return;
                }

                long seen = 0;
                var comma = labels.Length == 0 ? "" : ",";
                for (var i = 0; i <= Buckets.Length; i++)
                {
                    seen += _counts[i];
                    var le = i < Buckets.Length ? Buckets[i].ToString(CultureInfo.InvariantCulture) : "+Inf";
                    text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{{{labels}{comma}le=\"{le}\"}} {seen}\n");
                }

                text.Append(CultureInfo.InvariantCulture, $"{name}_sum{braces} {_sum}\n{name}_count{braces} {_count}\n");
            }
        }
    }
}
