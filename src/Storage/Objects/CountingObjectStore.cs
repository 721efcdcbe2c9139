using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace MiniMilvus.Storage.Objects;

/// <summary>
/// Counts what passes to a store: as metrics, and as totals by class of key (<see cref="ClassOf"/>), so that the bill of one log can be told.
/// A list counts one request a page. The stores send one request a call, so the counts are the server's.
/// </summary>
public sealed class CountingObjectStore : IObjectStore, IDisposable
{
    /// <summary>Classes beyond this are counted together, under <see cref="Others"/>.</summary>
    public const int ClassesMax = 20_000;
    public const string Others = "(others)";

    /// <summary>So many classes, the first that were seen, have metrics of their own; the others share one.</summary>
    public const int MeasuredClassesMax = 100;
    private readonly IObjectStore _inner;
    private readonly int _listPageKeys;
    private readonly ObjectStoreTariff _tariff;
    private readonly ConcurrentDictionary<string, Tally> _classes = new(StringComparer.Ordinal);
    private readonly ObjectStoreMetrics _metrics;
    private int _count;

    /// <param name="inner">The store that answers.</param>
    /// <param name="listPageKeys">How many keys the store gets with one list request.</param>
    /// <param name="tariff">What the metrics reckon with; else the default one.</param>
    public CountingObjectStore(IObjectStore inner, int listPageKeys = 1000, ObjectStoreTariff? tariff = null)
    {
        (_inner, _listPageKeys, _tariff) = (inner, listPageKeys, tariff ?? new ObjectStoreTariff());
        _metrics = new ObjectStoreMetrics(Bill);
    }

    public ObjectRequestTotals Totals => _classes.Values.Aggregate(default(ObjectRequestTotals), (sum, tally) => sum + tally.Read());

    public IReadOnlyDictionary<string, ObjectRequestTotals> ByClass => _classes.ToDictionary(c => c.Key, c => c.Value.Read());

    /// <summary>All zero for a class that saw no request.</summary>
    public ObjectRequestTotals TotalsOf(string keyClass) => _classes.TryGetValue(keyClass, out var tally) ? tally.Read() : default;

    /// <summary>The first two parts of a key that has three or more (logs/NAME, segments/COLLECTION), else the first.</summary>
    public static string ClassOf(string key)
    {
        var first = key.IndexOf('/', StringComparison.Ordinal);
        var second = first < 0 ? -1 : key.IndexOf('/', first + 1);
        return second >= 0 ? key[..second] : first >= 0 ? key[..first] : key;
    }

    public async ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct)
    {
        using var call = Begin(ObjectRequest.Put, key);
        return call.Done(await _inner.PutAsync(key, content, condition, ct), content.Length);
    }

    public async ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct)
    {
        using var call = Begin(ObjectRequest.Get, key);
        var bytes = await _inner.GetAsync(key, ct);
        return call.Done(bytes, bytes.Length);
    }

    public async ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct)
    {
        using var call = Begin(ObjectRequest.Get, key);
        var found = await _inner.GetRangeAsync(key, offset, bytes, ct);
        return call.Done(found, found.Length);
    }

    public async ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct)
    {
        using var call = Begin(ObjectRequest.Head, key);
        return call.Done(await _inner.HeadAsync(key, ct), 0);
    }

    public async IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken ct)
    {
        await using var list = _inner.ListAsync(prefix, ct).GetAsyncEnumerator(ct);
        for (var found = 0L; await NextAsync(list, prefix, found); found++)
        {
            yield return list.Current;
        }
    }

    public async ValueTask DeleteAsync(string key, CancellationToken ct)
    {
        using var call = Begin(ObjectRequest.Delete, key);
        await _inner.DeleteAsync(key, ct);
        call.Done(true, 0);
    }

    public void Dispose() => _metrics.Dispose();

    private IEnumerable<(string KeyClass, ObjectRequestTotals Totals, decimal Price)> Bill()
    {
        ObjectRequestTotals rest = default;
        var inOrder = _classes.OrderBy(c => c.Value.Number).ThenBy(c => c.Key, StringComparer.Ordinal).ToList();
        foreach (var (name, tally) in inOrder.Where(c => c.Key != Others).Take(MeasuredClassesMax))
        {
            var totals = tally.Read();
            yield return (name, totals, _tariff.OfRequests(totals));
        }

        rest = inOrder.Where(c => c.Key != Others).Skip(MeasuredClassesMax).Select(c => c.Value).Append(_classes.GetValueOrDefault(Others)).Aggregate(rest, (sum, tally) => sum + (tally?.Read() ?? default));
        if (rest.Requests > 0)
        {
            yield return (Others, rest, _tariff.OfRequests(rest));
        }
    }

    /// <summary>Counts a request for the first page, and for each further one that there turns out to be.</summary>
    private async ValueTask<bool> NextAsync(IAsyncEnumerator<ObjectInfo> list, string prefix, long found)
    {
        if (found == 0)
        {
            using var first = Begin(ObjectRequest.List, prefix);
            return first.Done(await list.MoveNextAsync(), 0);
        }

        if (!await list.MoveNextAsync())
        {
            return false;
        }

        if (found % _listPageKeys == 0)
        {
            using var page = Begin(ObjectRequest.List, prefix);
            page.Done(true, 0);
        }

        return true;
    }

    private Call Begin(ObjectRequest request, string key)
    {
        var name = ClassOf(key);
        if (!_classes.TryGetValue(name, out var tally))
        {
            var isFull = Volatile.Read(ref _count) >= ClassesMax;
            tally = _classes.GetOrAdd(isFull ? Others : name, static (_, number) => new Tally(number), Volatile.Read(ref _count));
            if (!isFull)
            {
                Volatile.Write(ref _count, _classes.Count); // locks the whole table, so it is not asked once that is full
            }
        }

        tally.Add(request, 1);
        _metrics.Requested(request);
        return new Call(this, tally, request);
    }

    /// <summary>A request that has failed unless it is done when it is disposed.</summary>
    private sealed class Call(CountingObjectStore owner, Tally tally, ObjectRequest request) : IDisposable
    {
        private bool _done;

        public T Done<T>(T result, long bytes)
        {
            _done = true;
            if (bytes > 0)
            {
                tally.AddBytes(request, bytes);
                owner._metrics.Carried(request, bytes);
            }

            return result;
        }

        public void Dispose()
        {
            if (!_done)
            {
                tally.AddFailed();
                owner._metrics.Failed(request);
            }
        }
    }

    private sealed class Tally(int number)
    {
        /// <summary>How many classes there were before.</summary>
        public int Number => number;

        private readonly long[] _requests = new long[5];
        private long _failed, _putBytes, _getBytes;

        public void Add(ObjectRequest request, long count) => Interlocked.Add(ref _requests[(int)request], count);

        public void AddFailed() => Interlocked.Increment(ref _failed);

        public void AddBytes(ObjectRequest request, long bytes) => Interlocked.Add(ref request == ObjectRequest.Put ? ref _putBytes : ref _getBytes, bytes);

        public ObjectRequestTotals Read() => new(
            Requests(ObjectRequest.Put), Requests(ObjectRequest.Get), Requests(ObjectRequest.Head), Requests(ObjectRequest.List), Requests(ObjectRequest.Delete),
            Interlocked.Read(ref _failed), Interlocked.Read(ref _putBytes), Interlocked.Read(ref _getBytes));

        private long Requests(ObjectRequest request) => Interlocked.Read(ref _requests[(int)request]);
    }
}
