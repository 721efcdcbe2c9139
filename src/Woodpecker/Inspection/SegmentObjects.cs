using MiniMilvus.Woodpecker.Objects;

namespace MiniMilvus.Woodpecker.Inspection;

/// <summary>
/// The objects of one segment, by the numbers of their blocks. Under a lock two may carry one number: the footer of a later term that ended
/// the segment, which counts, and a block of the writer that it shut out.
/// </summary>
internal sealed class SegmentObjects(string log, long segment)
{
    private readonly SortedDictionary<long, (string Key, long Bytes, long Revision)> _blocks = [];
    private readonly List<(long Number, string Key)> _shutOut = [];
    private (string Suffix, long Revision) _writer = ("", long.MaxValue);

    public int Count => _blocks.Count;

    public IEnumerable<long> Numbers => _blocks.Keys;

    /// <summary>Of blocks that lie under the number of a later term's footer.</summary>
    public IEnumerable<(long Number, string Key)> ShutOut => _shutOut;

    /// <summary>The latest term's first, and of each the highest number: it says the most.</summary>
    public IEnumerable<long> NumbersThatSayMost => _blocks.OrderByDescending(b => b.Value.Revision).ThenByDescending(b => b.Key).Select(b => b.Key);

    public void Add(string key, long bytes)
    {
        if (ObjectPaths.ParseBlock(key) is not { } block)
        {
            return;
        }

        if (block.LockRevision > 0 && block.LockRevision < _writer.Revision)
        {
            _writer = (key[key.IndexOf('.', key.LastIndexOf('/'))..], block.LockRevision);
        }

        if (!_blocks.TryGetValue(block.Number, out var other) || other.Revision < block.LockRevision)
        {
            _blocks[block.Number] = (key, bytes, block.LockRevision);
            if (other.Key is not null)
            {
                _shutOut.Add((block.Number, other.Key));
            }

            return;
        }

        _shutOut.Add((block.Number, key));
    }

    /// <summary>Also of a number that was not there yet: the segment's own writer would put it.</summary>
    public string KeyOf(long number) => _blocks.TryGetValue(number, out var block) ? block.Key : ObjectPaths.Block(log, segment, number) + _writer.Suffix;

    public long BytesOf(long number, long otherwise) => _blocks.TryGetValue(number, out var block) ? block.Bytes : otherwise;
}
