using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Storage.S3;

/// <summary>
/// Turns the order of servers (UTF-8 bytes) into ordinal order (UTF-16 units). The two differ only among keys that are equal up to a
/// character from U+D800 on, and such keys come in one run in both orders: a run is held back and sorted, all else passes through.
/// </summary>
internal sealed class OrdinalRuns
{
    private readonly List<ObjectInfo> _run = [];
    private string _stem = "";

    /// <summary>What may be handed on now that this key has come.</summary>
    public IEnumerable<ObjectInfo> Add(ObjectInfo next)
    {
        var high = next.Key.AsSpan().IndexOfAnyInRange('\uD800', '\uFFFF');
        var joins = _run.Count > 0 && high == _stem.Length && next.Key.StartsWith(_stem, StringComparison.Ordinal);
        if (!joins)
        {
            foreach (var info in Flush())
            {
                yield return info;
            }
        }

        if (high < 0)
        {
            yield return next;
            yield break;
        }

        _stem = next.Key[..high];
        _run.Add(next);
    }

    /// <summary>What was held back.</summary>
    public IEnumerable<ObjectInfo> Flush()
    {
        var run = _run.OrderBy(o => o.Key, StringComparer.Ordinal).ToList();
        _run.Clear();
        return run;
    }
}
