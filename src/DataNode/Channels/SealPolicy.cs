using MiniMilvus.DataNode.Flush;

namespace MiniMilvus.DataNode.Channels;

/// <summary>
/// Why a growing segment should be sealed now, beyond its size, which the owner of the channel watches: age, idleness, memory, and the part of the log
/// that it holds back (S3). Null = let it grow.
/// </summary>
internal sealed class SealPolicy(DataNodeOptions options, TimeProvider time)
{
    public string? Reason(WriteBuffer buffer, long logBytes, long now) =>
        time.GetElapsedTime(buffer.CreatedAt, now) >= options.SealAgeMax ? "age"
        : options.SealIdle > TimeSpan.Zero && time.GetElapsedTime(buffer.LastRowAt, now) >= options.SealIdle ? "idle"
        : logBytes - buffer.LogBytesAtStart >= options.SealBacklogBytes ? "holds the log back"
        : buffer.IsEvicted ? "memory"
        : null;

    /// <summary>How long until <see cref="Reason"/> may change by the clock alone.</summary>
    public TimeSpan Until(WriteBuffer buffer, long now)
    {
        var age = options.SealAgeMax - time.GetElapsedTime(buffer.CreatedAt, now);
        var idle = options.SealIdle > TimeSpan.Zero ? options.SealIdle - time.GetElapsedTime(buffer.LastRowAt, now) : age;
        var left = idle < age ? idle : age;
        return left > TimeSpan.Zero ? left : options.SealRequestInterval; // Due already: ask again after a while.
    }
}
