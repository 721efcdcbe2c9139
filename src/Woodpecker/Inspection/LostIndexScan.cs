using MiniMilvus.Core;

namespace MiniMilvus.Woodpecker.Inspection;

/// <summary>A sealed segment whose index is not there or does not verify: one damaged block, for nothing else says where its entries lie.</summary>
internal sealed class LostIndexScan(string log, long segment, string key, string problem, ReadOnlyMemory<byte> bytes) : ISegmentScan
{
    public async IAsyncEnumerable<BlockInspection> ReadAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        await ValueTask.CompletedTask;
        ct.ThrowIfCancellationRequested();
        yield return new BlockInspection(
            log, segment, 0, 0, BlockVerdict.Damaged, problem, true, 0, new LogPosition(segment, 0), 0, 0, LogPosition.Beginning, bytes[..Math.Min(bytes.Length, 64)], []) { Key = key };
    }

    public ValueTask DisposeAsync() => default;
}
