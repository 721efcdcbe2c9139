using System.Collections.Concurrent;
using MiniMilvus.Core;

namespace MiniMilvus.StreamingNode.Recovery;

/// <summary>
/// How long a channel rests before it is opened in another term: briefly after a first failure, twice as long after each that follows soon,
/// up to a bound. A term costs metadata writes and a fence, and a disk that is full stays full for a while.
/// </summary>
internal sealed class ReopenPause
{
    public static readonly TimeSpan First = TimeSpan.FromMilliseconds(200);
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);
    private readonly ConcurrentDictionary<PChannel, TimeSpan> _next = new();

    /// <param name="reigned">How long the term that failed lasted; one that outlived the longest pause was a success.</param>
    public TimeSpan After(PChannel channel, TimeSpan reigned)
    {
        var pause = reigned < Longest && _next.TryGetValue(channel, out var next) ? next : First;
        _next[channel] = pause * 2 < Longest ? pause * 2 : Longest;
        return pause;
    }
}
