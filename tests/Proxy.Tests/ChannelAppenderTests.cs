using System.Collections.Immutable;
using Microsoft.Extensions.Logging.Abstractions;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;
using MiniMilvus.Proxy.Streaming;

namespace MiniMilvus.Proxy.Tests;

public sealed class ChannelAppenderTests
{
    private static readonly VChannel Shard = VChannel.Of(new PChannel("p0"), new CollectionId(1), 0);
    private static readonly ImmutableArray<MessageBody> Messages = [new DropCollectionBody(new CollectionId(1))];

    private readonly ManualTime _time = new();
    private readonly Owner _owner = new();
    private readonly RecordedStations _stations = new();

    private ChannelAppender Appender => new(_owner, new ProxyOptions { AppendAttemptsMax = 3 }, _time, _stations, NullLoggerFactory.Instance);

    [Fact]
    public async Task An_append_goes_to_the_owner_in_its_term_and_the_station_reports_it()
    {
        var result = await Appender.AppendAsync(Shard, Messages, default);
        Assert.Equal(new Timestamp(9), result.Tick);
        Assert.Equal([1L], _owner.Terms);
        Assert.Equal(4, (int)Assert.Single(_stations.Events).Station);
    }

    [Fact]
    public async Task A_refusal_because_the_owner_moved_is_sent_again_to_the_next_owner()
    {
        _owner.Fate = term => term == 1 ? MiniMilvusException.Fenced("not mine") : null;
        await Appender.AppendAsync(Shard, Messages, default);
        Assert.Equal([1L, 2L], _owner.Terms);
        Assert.Equal([1L], _owner.Invalidated);
    }

    [Fact]
    public async Task An_append_with_an_unknown_outcome_is_reported_and_never_sent_again()
    {
        _owner.Fate = _ => MiniMilvusException.Unavailable("connection lost");
        var failure = await Assert.ThrowsAsync<MiniMilvusException>(() => Appender.AppendAsync(Shard, Messages, default).AsTask());
        Assert.True(failure.IsRetriable);
        Assert.Equal([1L], _owner.Terms);
    }

    [Fact]
    public async Task Refusals_without_end_are_given_up()
    {
        _owner.Fate = _ => MiniMilvusException.Fenced("not mine");
        var failure = await Assert.ThrowsAsync<MiniMilvusException>(() => Appender.AppendAsync(Shard, Messages, default).AsTask());
        Assert.Equal(ErrorKind.Unavailable, failure.Kind);
        Assert.Contains("nothing was written", failure.Message, StringComparison.Ordinal);
        Assert.Equal(3, _owner.Terms.Count);
    }

    [Fact]
    public async Task An_owner_that_does_not_reply_in_time_leaves_the_outcome_unknown()
    {
        _owner.Stalls = true;
        var append = Appender.AppendAsync(Shard, Messages, default).AsTask();
        await _owner.Asked.Task;
        _time.Advance(TimeSpan.FromSeconds(16));
        var failure = await Assert.ThrowsAsync<MiniMilvusException>(() => append);
        Assert.Contains("unknown", failure.Message, StringComparison.Ordinal);
        Assert.True(failure.IsRetriable);
    }

    [Fact]
    public async Task A_caller_that_gives_up_cancels_the_append()
    {
        _owner.Stalls = true;
        using var caller = new CancellationTokenSource();
        var append = Appender.AppendAsync(Shard, Messages, caller.Token).AsTask();
        await _owner.Asked.Task;
        caller.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => append);
    }

    [Fact]
    public async Task A_signal_is_sent_again_after_a_lost_reply()
    {
        var lost = true;
        _owner.Fate = _ =>
        {
            var failure = lost ? MiniMilvusException.Unavailable("connection lost") : null;
            lost = false;
            return failure;
        };
        var signal = Appender.SignalAsync(new PChannel("p0"), new Timestamp(5), default).AsTask();
        _time.Advance(TimeSpan.FromMilliseconds(60));
        Assert.Equal(new Timestamp(5), await signal);
        Assert.Equal(2, _owner.Terms.Count);
    }

    /// <summary>One channel whose term rises each time somebody reports it wrong.</summary>
    private sealed class Owner : IAssignmentResolver, IStreamingHandler
    {
        private long _term = 1;

        public List<long> Terms { get; } = [];
        public List<long> Invalidated { get; } = [];
        public Func<long, MiniMilvusException?> Fate { get; set; } = _ => null;
        public bool Stalls { get; set; }
        public TaskCompletionSource Asked { get; } = new();

        public ValueTask<(ChannelAssignment Assignment, IStreamingHandler Handler)> ResolveAsync(PChannel channel, CancellationToken ct) =>
            ValueTask.FromResult((new ChannelAssignment(channel, new Term(_term), 1, ""), (IStreamingHandler)this));

        public ValueTask InvalidateAsync(ChannelAssignment assignment, CancellationToken ct)
        {
            Invalidated.Add(assignment.Term.Value);
            _term++;
            return ValueTask.CompletedTask;
        }

        public async ValueTask<AppendResult> AppendAsync(PChannel pchannel, Term term, VChannel channel, ImmutableArray<MessageBody> messages, CancellationToken ct)
        {
            await AnswerAsync(term, ct);
            return new AppendResult(new Timestamp(9), LogPosition.Beginning, []);
        }

        public async ValueTask<Timestamp> SignalAsync(PChannel channel, Term term, Timestamp atLeast, CancellationToken ct)
        {
            await AnswerAsync(term, ct);
            return atLeast;
        }

        public ValueTask<TailSubscription> SubscribeAsync(PChannel channel, LogPosition from, CancellationToken ct) => throw new NotSupportedException();

        private async Task AnswerAsync(Term term, CancellationToken ct)
        {
            Terms.Add(term.Value);
            if (Fate(term.Value) is { } failure)
            {
                throw failure;
            }

            if (Stalls)
            {
                Asked.SetResult();
                await Task.Delay(Timeout.Infinite, ct);
            }
        }
    }
}
