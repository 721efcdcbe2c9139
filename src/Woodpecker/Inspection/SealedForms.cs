using System.Globalization;
using MiniMilvus.Core.Errors;
using MiniMilvus.Woodpecker.Compaction;
using BlockPaths = MiniMilvus.Woodpecker.Objects.ObjectPaths;

namespace MiniMilvus.Woodpecker.Inspection;

/// <summary>The objects below one segment: its small blocks, and the tries to seal it. A try without an index did not come to its end and counts for nothing.</summary>
internal sealed class SealedForms(string log, long segment)
{
    private readonly SortedDictionary<string, Dictionary<int, long>> _parts = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _indexes = new(StringComparer.Ordinal);

    public SegmentObjects Blocks { get; } = new(log, segment);

    public IEnumerable<string> Names => _indexes;

    public IReadOnlyDictionary<int, long> PartsOf(string name) => _parts.TryGetValue(name, out var parts) ? parts : new Dictionary<int, long>();

    public void Add(string key, long bytes)
    {
        Blocks.Add(key, bytes);
        if (BlockPaths.ParseSealed(key) is { Name: BlockPaths.IndexName } form)
        {
            _indexes.Add(form.Copy);
        }
        else if (BlockPaths.ParseSealed(key) is { } part && int.TryParse(part.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            if (!_parts.TryGetValue(part.Copy, out var parts))
            {
                _parts[part.Copy] = parts = [];
            }

            parts[number] = bytes;
        }
    }

    /// <summary>The first whole form: every part that its index names lies there, of the size that it names. All whole ones hold the same.</summary>
    public async ValueTask<(string Name, SealedIndex Index, ReadOnlyMemory<byte> Bytes)?> FindWholeAsync(ObjectPlace place, CancellationToken ct)
    {
        foreach (var name in _indexes)
        {
            if (await place.TryGetAsync(BlockPaths.SealedIndex(log, segment, name), ct) is not { } bytes)
            {
                continue;
            }

            try
            {
                var index = SealedIndex.Decode(bytes.Span, log, segment, name);
                var sizes = index.Blocks.GroupBy(b => b.Part).ToDictionary(g => g.Key, g => g.Sum(b => (long)b.Bytes));
                if (sizes.All(s => PartsOf(name).TryGetValue(s.Key, out var size) && size == s.Value))
                {
                    return (name, index, bytes);
                }
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
            {
                continue; // then it proves nothing; where metadata names it, it is damage
            }
        }

        return null;
    }
}
