using Microsoft.Extensions.Logging.Abstractions;
using MiniMilvus.Coordinator.Segments;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.DataNode.Tests.Support;

/// <summary>A coordinator over a metadata store in memory: terms, ids and segment commits as the contract says, one at a time.</summary>
internal sealed class FakeCoordinator(IMetaStore meta) : ICoordinator
{
    private readonly Lock _lock = new();
    private readonly Dictionary<PChannel, long> _terms = [];
    private readonly Core.Concurrency.AsyncGate _gate = new();
    private readonly CompactionCatalog _compactions = new(meta, new TermFence(meta), NullLogger.Instance);
    private long _id = 1000;

    /// <summary>Every commit that changed something, in order.</summary>
    public List<SegmentCommit> Applied { get; } = [];

    public async ValueTask CommitAsync(SegmentCommit commit, CancellationToken ct)
    {
        using var turn = await _gate.EnterAsync(ct);
        lock (_lock)
        {
            if (_terms.GetValueOrDefault(commit.Channel.PChannel) != commit.Term.Value)
            {
                throw MiniMilvusException.Fenced($"{commit.Channel}: term {commit.Term} is not the newest");
            }
        }

        var changed = commit switch
        {
            CommitFlush c => await ChangeAsync(CatalogKeys.Segment(c.Segment.Collection, c.Segment.Id), e => e is not null && CatalogCodec.Segment(e).State != SegmentState.Growing ? (ReadOnlyMemory<byte>?)null
                : e is null ? throw MiniMilvusException.NotFound(ErrorReason.SegmentNotFound, $"segment {c.Segment.Id}") : CatalogCodec.Encode(c.Segment)),
            CommitIndex c => await ChangeAsync(CatalogKeys.Segment(Owner(c), c.Segment), e => CatalogCodec.Segment(e!) is var s && s.Indexes.Any(i => i.IndexId == c.Index.IndexId)
                ? (ReadOnlyMemory<byte>?)null : CatalogCodec.Encode(s with { Indexes = s.Indexes.Add(c.Index) })),
            DiscardIndex c => await ChangeAsync(CatalogKeys.Segment(c.Collection, c.Segment), e => CatalogCodec.Segment(e!) is var s && s.Indexes.FirstOrDefault(i => i.IndexId == c.IndexId && i.Path == c.Path) is { } named
                ? CatalogCodec.Encode(s with { Indexes = s.Indexes.Remove(named) }) : (ReadOnlyMemory<byte>?)null),
            CommitDeletes c => await ChangeAsync(CatalogKeys.DeleteFile(c.File.Collection, c.Channel, c.File.Id), e => e is null ? CatalogCodec.Encode(c.File) : (ReadOnlyMemory<byte>?)null),
            AdvanceCheckpoint c => await ChangeAsync(CatalogKeys.Checkpoint(c.Channel), e => e is null || Forward(CatalogCodec.Checkpoint(e), c)
                ? CatalogCodec.Encode(new ChannelCheckpoint(c.Channel, c.Position, c.Tick, c.Term)) : (ReadOnlyMemory<byte>?)null),
            ConfirmTerm => false,
            BeginCompaction c => await DoneAsync(_compactions.BeginAsync(c, ct)),
            CommitCompaction c => await DoneAsync(_compactions.CommitAsync(c, ct)),
            EndCompactionPlan c => await DoneAsync(_compactions.EndPlanAsync(c, ct)),
            ForgetSegments c => await DoneAsync(_compactions.ForgetAsync(c, ct)),
            DiscardDeletes c => await DoneAsync(_compactions.DiscardDeletesAsync(c, ct)),
            _ => throw MiniMilvusException.Internal($"{commit}"),
        };
        if (changed)
        {
            lock (_lock)
            {
                Applied.Add(commit);
            }
        }
    }

    public ValueTask<long> RegisterAsync(string role, string address, CancellationToken ct)
    {
        Assert.Equal("datanode", role);
        return AllocateIdAsync(1);
    }

    public async ValueTask<Term> AcquireDataChannelAsync(long nodeId, PChannel channel, CancellationToken ct)
    {
        using var turn = await _gate.EnterAsync(ct);
        long term;
        lock (_lock)
        {
            term = _terms[channel] = _terms.GetValueOrDefault(channel) + 1;
        }

        await PutAsync(CatalogKeys.Term("data", channel.Name), CatalogCodec.Encode(term));
        return new Term(term);
    }

    public ValueTask ReportReaderPositionAsync(long nodeId, PChannel channel, LogPosition position, CancellationToken ct) => default;

    public ValueTask<long> ExecuteAsync(DdlCommand command, CancellationToken ct) => throw new NotSupportedException();

    public ValueTask<TimestampRange> AllocateTicksAsync(PChannel channel, Term term, int count, CancellationToken ct) => throw new NotSupportedException();

    public ValueTask<long> AllocateIdsAsync(int count, CancellationToken ct) => AllocateIdAsync(count);

    public ValueTask<TimestampRange> AllocateTimestampsAsync(int count, CancellationToken ct) => throw new NotSupportedException();

    public async Task PutAsync(string key, ReadOnlyMemory<byte> value) => await meta.TransactAsync([], [new MetaOperation.Put(key, value)], CancellationToken.None);

    public async Task RemoveAsync(string key) => await meta.TransactAsync([], [new MetaOperation.Delete(key)], CancellationToken.None);

    private ValueTask<long> AllocateIdAsync(int count)
    {
        lock (_lock)
        {
            _id += count;
            return new(_id - count);
        }
    }

    private static async ValueTask<bool> DoneAsync(ValueTask step)
    {
        await step;
        return true;
    }

    private static bool Forward(ChannelCheckpoint old, AdvanceCheckpoint next)
    {
        Assert.True(next.Position >= old.Position, $"the checkpoint of {next.Channel} goes back from {old.Position} to {next.Position}");
        Assert.True(next.Tick >= old.Tick, $"the checkpoint tick of {next.Channel} goes back");
        return next.Position > old.Position || next.Tick > old.Tick;
    }

    private static CollectionId Owner(SegmentCommit commit) => new(long.Parse(commit.Channel.Name.Split('_')[^1].Split('v')[0], System.Globalization.CultureInfo.InvariantCulture));

    private async ValueTask<bool> ChangeAsync(string key, Func<MetaEntry?, ReadOnlyMemory<byte>?> change)
    {
        if (change(await meta.GetAsync(key, CancellationToken.None)) is not { } value)
        {
            return false;
        }

        await PutAsync(key, value);
        return true;
    }
}
