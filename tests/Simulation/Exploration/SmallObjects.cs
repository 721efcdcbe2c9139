using System.Buffers;
using System.Runtime.CompilerServices;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Simulation.Exploration;

/// <summary>Objects as small as their contract allows; a store that knows no conditions refuses them.</summary>
internal sealed class SmallObjects(bool knowsConditions)
{
    private readonly SortedDictionary<string, byte[]> _objects = new(StringComparer.Ordinal);

    public ulong State => _objects.Aggregate(Fold.Start, (hash, o) => Fold.Of(hash, Fold.Of(Fold.Of(o.Key), Fold.Of(o.Value))));

    public IEnumerable<string> Keys => _objects.Keys;

    /// <summary>A bit flips where the object lies.</summary>
    public void Flip(string key, Random random)
    {
        var bytes = _objects[key].ToArray();
        bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
        _objects[key] = bytes;
    }

    public IObjectStore For(Actor actor) => new Client(this, actor);

    private ObjectInfo Put(string key, byte[] content, PutCondition condition)
    {
        if (condition is not PutCondition.None && !knowsConditions)
        {
            throw MiniMilvusException.Invalid(ErrorReason.NotSupported, $"put of {key}: 501");
        }

        if (condition is PutCondition.IfMatch || (condition is PutCondition.IfAbsent && _objects.ContainsKey(key)))
        {
            throw MiniMilvusException.Conflict(ErrorReason.Unspecified, $"put of {key}: it is there");
        }

        _objects[key] = content;
        return Info(key, content);
    }

    private byte[] Get(string key) => _objects.GetValueOrDefault(key) ?? throw MiniMilvusException.NotFound(ErrorReason.Unspecified, $"{key} is absent");

    private static ObjectInfo Info(string key, byte[] content) => new(key, content.Length, $"{Fold.Of(content):x}");

    private sealed class Client(SmallObjects store, Actor actor) : IObjectStore
    {
        public ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct)
        {
            var bytes = content.ToArray();
            return StepAsync($"put {key} {Fold.Of(bytes):x}", changes: true, () => store.Put(key, bytes, condition), _ => 1);
        }

        public ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct) =>
            StepAsync($"get {key}", changes: false, () => (ReadOnlyMemory<byte>)store.Get(key), m => Fold.Of(m.Span));

        public ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct) => StepAsync(
            $"get {key} from {offset}",
            changes: false,
            () => (ReadOnlyMemory<byte>)store.Get(key).AsMemory()[(int)Math.Min(offset, store.Get(key).Length)..(int)Math.Min(offset + bytes, store.Get(key).Length)],
            m => Fold.Of(m.Span));

        public ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct) =>
            StepAsync($"head {key}", changes: false, () => store._objects.TryGetValue(key, out var found) ? Info(key, found) : null, i => i is null ? 0 : Fold.Of(i.ETag));

        public async IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken ct)
        {
            var found = await StepAsync(
                $"list {prefix}",
                changes: false,
                () => store._objects.Where(o => o.Key.StartsWith(prefix, StringComparison.Ordinal)).Select(o => Info(o.Key, o.Value)).ToList(),
                list => list.Aggregate(Fold.Start, (hash, i) => Fold.Of(hash, Fold.Of(i.Key))));
            foreach (var info in found)
            {
                yield return info;
            }
        }

        public async ValueTask DeleteAsync(string key, CancellationToken ct) => await StepAsync($"delete {key}", changes: true, () => store._objects.Remove(key), r => r ? 1UL : 0);

        private ValueTask<T> StepAsync<T>(string what, bool changes, Func<T> call, Func<T, ulong> seen) =>
            actor.StepAsync(what, canBreak: true, changes, () => new ValueTask<T>(call()), seen);
    }
}
