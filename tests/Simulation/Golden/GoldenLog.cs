using System.Globalization;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Rows;
using MiniMilvus.Simulation.World;

namespace MiniMilvus.Simulation.Golden;

/// <summary>Reads what has come into the logs since the last look, as it lies there: Begin, Commit and Rollback too, which no consumer is shown.</summary>
internal sealed class GoldenLog(SimWorld world, GoldenNames names, IReadOnlyList<PChannel> channels)
{
    private readonly SortedDictionary<string, LogPosition> _read = new(StringComparer.Ordinal);

    public IReadOnlyList<PChannel> Channels => channels;

    /// <summary>Where the log ends, for readers; null while nobody has opened it.</summary>
    public async Task<LogPosition?> EndAsync(SimCluster cluster, PChannel channel) => await cluster.Process.CallAsync<LogPosition?>(async () =>
    {
        try
        {
            return (await cluster.Log.GetWatermarksAsync(channel.Name, CancellationToken.None)).Confirmed;
        }
        catch (MiniMilvusException e) when (e.Kind is ErrorKind.NotFound or ErrorKind.Unavailable)
        {
            return null;
        }
    });

    /// <summary>Whether every log has a new log segment, as each life begins one, and nothing comes into it any more.</summary>
    public async Task<bool> IsAtRestAsync()
    {
        foreach (var channel in channels)
        {
            var before = await EndAsync(await world.ClusterAsync(), channel);
            await world.DelayAsync(TimeSpan.FromSeconds(1));
            if (before is not { } end || end.Segment <= _read.GetValueOrDefault(channel.Name).Segment || await EndAsync(await world.ClusterAsync(), channel) != before)
            {
                return false;
            }
        }

        return true;
    }

    public async Task<IReadOnlyList<string>> NewAsync(SimCluster cluster)
    {
        var lines = new List<string>();
        foreach (var channel in channels)
        {
            var from = _read.GetValueOrDefault(channel.Name, LogPosition.Beginning);
            if (await EndAsync(cluster, channel) is not { } end || end <= from)
            {
                continue;
            }

            var messages = await cluster.Process.CallAsync(async () =>
            {
                var read = new List<LogMessage>();
                await foreach (var entry in cluster.Log.ReadAsync(channel.Name, from, end, CancellationToken.None))
                {
                    read.Add(MessageCodec.Decode(entry.Bytes, entry.Position));
                }

                return read;
            });
            lines.AddRange(messages.Select(m => Line(channel, m)));
            _read[channel.Name] = end;
        }

        return lines;
    }

    private string Line(PChannel channel, LogMessage message)
    {
        var tick = names.AddTick(channel, message.TimeTick);
        var place = channels.Count > 1 ? $"{GoldenNames.Short(channel)} {message.Position}" : message.Position.ToString();
        return string.Create(CultureInfo.InvariantCulture, $"log {place,-6} {tick,-4} {Text(message)}");
    }

    private string Text(LogMessage message) => message.Body switch
    {
        TimeTickBody => $"first tick of term {message.Term}",
        InsertBody insert => $"insert {Rows(insert.Rows)} into {names.Segment(insert.Segment)}",
        DeleteBody delete => $"delete {string.Join(' ', Enumerable.Range(0, delete.Keys.Count).Select(i => GoldenNames.Letter(((ScalarColumn<long>)delete.Keys).Values.Span[i])))}",
        CreateSegmentBody create => $"create segment {names.Segment(create.Segment)}",
        FlushBody flush => $"seal segment {names.Segment(flush.Segment)}",
        ManualFlushBody => "flush",
        CreateCollectionBody => "create collection",
        BeginTransactionBody begin => $"begin, {begin.MessageCount} messages follow",
        CommitTransactionBody => "commit",
        RollbackTransactionBody => $"roll back what was begun {names.At(message.Channel!.Value.PChannel, message.Transaction)}, in term {message.Term}",
        _ => message.Type.ToString(),
    };

    private static string Rows(RowBatch rows)
    {
        var keys = (ScalarColumn<long>)rows.PrimaryKeyColumn;
        var values = rows.Columns.OfType<ScalarColumn<long>>().Single(c => c != keys);
        return string.Join(' ', Enumerable.Range(0, rows.Count).Select(i => GoldenNames.Row(keys.Values.Span[i], values.Values.Span[i])));
    }
}
