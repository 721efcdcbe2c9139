using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Streaming;
using MiniMilvus.DataNode.Channels;

namespace MiniMilvus.DataNode.Flush;

/// <summary>Reads the rows of one sealed segment again from the log, for a buffer that was let go: the log is the database.</summary>
internal sealed class SegmentReplay(ILogReader log, Retry retry)
{
    /// <summary>Every row of the segment, in log order, as the first reading had them (S1, T4).</summary>
    public async ValueTask<List<BufferedRows>> CollectAsync(VChannel channel, WriteBuffer buffer, CancellationToken ct)
    {
        var batches = await retry.RunAsync($"reading segment {buffer.Segment} again", token => ReadAsync(channel, buffer, token), ct);
        var rows = batches.Sum(b => (long)b.Rows.Count);
        return rows == buffer.Rows
            ? batches
            : throw MiniMilvusException.Corrupted($"segment {buffer.Segment} of {channel}: expected {buffer.Rows} rows between {buffer.Hold.Position} and {buffer.End}, found {rows} on reading again (T4)");
    }

    private async ValueTask<List<BufferedRows>> ReadAsync(VChannel channel, WriteBuffer buffer, CancellationToken ct)
    {
        var batches = new List<BufferedRows>();
        await foreach (var next in log.ReadAsync(channel.PChannel, buffer.Hold.Position, ct).WithCancellation(ct))
        {
            if (next.Message is not { } message)
            {
                continue;
            }

            if (message.Position >= buffer.End)
            {
                return batches;
            }

            if (message.Channel == channel && message.Body is InsertBody insert && insert.Segment == buffer.Segment)
            {
                batches.Add(new BufferedRows(insert.Rows, message.CommitTick));
            }
        }

        ct.ThrowIfCancellationRequested();
        throw MiniMilvusException.Unavailable($"the read of {channel.PChannel} ended before {buffer.End}");
    }
}
