using System.Runtime.CompilerServices;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Backups;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.Host.Backups;

/// <summary>
/// Merges segments, each in the order of its ticks, into one such order: where a key is there more than once, the newest row wins after a restore as
/// before. Segments are open only while their ticks overlap; vectors stay where they lie.
/// </summary>
internal sealed class TickOrder(IEnumerable<BackupSegment> segments, Func<BackupSegment, CancellationToken, ValueTask<SegmentReader>> open, long batchBytes)
{
    private readonly Queue<BackupSegment> _waiting = new(segments.OrderBy(s => s.MinTick));
    private readonly List<Cursor> _open = [];

    public async IAsyncEnumerable<RowBatch> ReadAsync([EnumeratorCancellation] CancellationToken ct)
    {
        var (parts, bytes) = (new List<RowBatch>(), 0L);
        try
        {
            while (await NextAsync(ct) is { } first)
            {
                var until = _open.Where(c => c != first).Select(c => c.Tick).Append(_waiting.TryPeek(out var next) ? next.MinTick : Timestamp.Max).Min();
                var part = first.Take(until, batchBytes - bytes);
                parts.Add(part);
                bytes += part.Bytes;
                if (first.IsAtEnd)
                {
                    first.Dispose();
                    _open.Remove(first);
                }

                if (bytes >= batchBytes)
                {
                    yield return Columns.Concat(parts);
                    (parts, bytes) = ([], 0);
                }
            }

            if (parts.Count > 0)
            {
                yield return Columns.Concat(parts);
            }
        }
        finally
        {
            _open.ForEach(c => c.Dispose());
        }
    }

    private async ValueTask<Cursor?> NextAsync(CancellationToken ct)
    {
        while (_waiting.TryPeek(out var next) && !_open.Exists(c => c.Tick < next.MinTick))
        {
            _open.Add(await Cursor.OpenAsync(await open(_waiting.Dequeue(), ct), ct));
        }

        return _open.MinBy(c => c.Tick);
    }

    private sealed class Cursor(RowBatch rows, ReadOnlyMemory<long> ticks, List<FileView> views) : IDisposable
    {
        private readonly long _rowBytes = Math.Max(1, rows.Bytes / rows.Count);
        private int _at;

        public Timestamp Tick => new((ulong)ticks.Span[_at]);

        public bool IsAtEnd => _at == rows.Count;

        public static async ValueTask<Cursor> OpenAsync(SegmentReader reader, CancellationToken ct)
        {
            var views = new List<FileView>();
            try
            {
                return new Cursor(await reader.ReadRowsAsync(ct, views), await reader.ReadTicksAsync(ct), views);
            }
            catch
            {
                views.ForEach(v => v.Dispose());
                throw;
            }
        }

        /// <summary>A copy of the next rows up to a tick, inclusive; at least one.</summary>
        public RowBatch Take(Timestamp until, long bytes)
        {
            var most = Math.Max(1, Math.Min(rows.Count - _at, bytes / _rowBytes));
            var taken = new List<int>();
            do
            {
                taken.Add(_at++);
            }
            while (taken.Count < most && Tick <= until);

            return rows.Take([.. taken]);
        }

        public void Dispose() => views.ForEach(v => v.Dispose());
    }
}
