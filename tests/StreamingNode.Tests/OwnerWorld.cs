using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;
using MiniMilvus.StreamingNode.Append;

namespace MiniMilvus.StreamingNode.Tests;

/// <summary>Grants ticks and ids, in order; refuses stale terms.</summary>
internal sealed class CountingCoordinator : ICoordinator
{
    private ulong _tick = 1000;
    private long _id = 500;

    public Term Newest { get; set; } = new(1);

    public List<SegmentCommit> Commits { get; } = [];

    public ValueTask<TimestampRange> AllocateTimestampsAsync(int count, CancellationToken ct)
    {
        var first = _tick;
        _tick += (ulong)count;
        return new(new TimestampRange(new Timestamp(first), count));
    }

    public ValueTask<TimestampRange> AllocateTicksAsync(PChannel channel, Term term, int count, CancellationToken ct) =>
        term == Newest ? AllocateTimestampsAsync(count, ct) : throw MiniMilvusException.Fenced($"expected term {Newest}, found {term}");

    public ValueTask<long> AllocateIdsAsync(int count, CancellationToken ct) => new(_id += count);

    public ValueTask<long> ExecuteAsync(DdlCommand command, CancellationToken ct) => throw new NotSupportedException();

    public ValueTask CommitAsync(SegmentCommit commit, CancellationToken ct)
    {
        Commits.Add(commit);
        return default;
    }

    public ValueTask<long> RegisterAsync(string role, string address, CancellationToken ct) => throw new NotSupportedException();

    public ValueTask<Term> AcquireDataChannelAsync(long nodeId, PChannel channel, CancellationToken ct) => throw new NotSupportedException();

    public ValueTask ReportReaderPositionAsync(long nodeId, PChannel channel, LogPosition position, CancellationToken ct) => throw new NotSupportedException();
}

/// <summary>One owner of one channel over a scripted log, with one collection.</summary>
internal sealed class OwnerWorld : IAsyncDisposable
{
    public static readonly PChannel PChannel = new("p_0");
    public static readonly CollectionId Collection = new(7);
    public static readonly PartitionId Partition = new(8);
    public static readonly VChannel Channel = VChannel.Of(PChannel, Collection, 0);
    private readonly List<ChannelOwner> _owners = [];

    public ScriptedLog Log { get; } = new();

    public CountingCoordinator Coordinator { get; } = new();

    public StreamingNodeOptions Options { get; init; } = new() { SegmentRowsMax = 10 };

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public static CollectionSchema Schema { get; } = new()
    {
        Name = "c",
        Fields = [new FieldSchema { Id = new FieldId(100), Name = "id", Type = DataType.Int64, IsPrimaryKey = true }],
    };

    public async Task<ChannelOwner> OpenAsync(long term = 1, bool withCollection = true)
    {
        Coordinator.Newest = new Term(term);
        var owner = await ChannelOwner.OpenAsync(new ChannelAssignment(PChannel, new Term(term), 1, ""), Log, Coordinator, [], Options, Time, NoStations.Instance, default);
        _owners.Add(owner);
        if (withCollection)
        {
            await owner.AppendAsync(Channel, [new CreateCollectionBody(Collection, Schema)], default);
        }

        return owner;
    }

    public static InsertBody Rows(int first, int count, int schemaVersion = 1) => new(Collection, Partition, SegmentId.None, schemaVersion,
        new RowBatch(new FieldId(100), [new ScalarColumn<long>(new FieldId(100), DataType.Int64, Enumerable.Range(first, count).Select(i => (long)i).ToArray())]));

    public static DeleteBody Delete(params long[] keys) => new(Collection, Partition, new ScalarColumn<long>(new FieldId(100), DataType.Int64, keys));

    /// <summary>Every stored message, decoded.</summary>
    public async Task<List<LogMessage>> StoredAsync()
    {
        var stored = new List<LogMessage>();
        await foreach (var entry in Log.ReadAsync("", default, new LogPosition(0, Log.Durable), default))
        {
            stored.Add(MessageCodec.Decode(entry.Bytes, entry.Position));
        }

        return stored;
    }

    /// <summary>The reader that consumers use, over this log and <paramref name="owner"/>'s tail.</summary>
    public Reading.TailingLogReader Reader(ChannelOwner owner)
    {
        var service = new AppendService(TimeProvider.System);
        service.Add(owner);
        return new Reading.TailingLogReader(Log, new Fixed(owner.Assignment, service), TimeProvider.System, NoStations.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var owner in _owners)
        {
            await owner.DisposeAsync();
        }
    }

    private sealed class Fixed(ChannelAssignment assignment, IStreamingHandler handler) : IAssignmentResolver
    {
        public ValueTask<(ChannelAssignment Assignment, IStreamingHandler Handler)> ResolveAsync(PChannel channel, CancellationToken ct) => new((assignment, handler));

        public ValueTask InvalidateAsync(ChannelAssignment failed, CancellationToken ct) => default;
    }
}
