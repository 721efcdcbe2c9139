using System.Runtime.CompilerServices;
using MiniMilvus.Storage.Segments;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Host.Verifying;

/// <summary>One thing that was read. <paramref name="Problem"/> is null when it verifies.</summary>
internal readonly record struct Verified(long Bytes, string? Problem);

/// <summary>Reads every block of every log and every object of segments and deletes, beside their owner or without it, and changes nothing.</summary>
internal sealed class Verification(LogInspector logs, ObjectCheck objects)
{
    public long Logs { get; private set; }

    public long Segments { get; private set; }

    public long Blocks { get; private set; }

    public long Entries { get; private set; }

    public long TornTails { get; private set; }

    public long Objects { get; private set; }

    public long ObjectBytes { get; private set; }

    public async IAsyncEnumerable<Verified> RunAsync([EnumeratorCancellation] CancellationToken ct)
    {
        await foreach (var log in logs.InspectAllAsync(ct))
        {
            Logs++;
            foreach (var problem in log.Problems)
            {
                yield return new Verified(0, problem);
            }

            foreach (var segment in log.Segments)
            {
                Segments++;
                await foreach (var block in logs.BlocksAsync(log, segment, payloads: true, ct))
                {
                    (Blocks, Entries) = (Blocks + 1, Entries + block.Entries.Count);
                    TornTails += block.Verdict == BlockVerdict.TornTail ? 1 : 0;
                    yield return new Verified(block.PayloadBytes, block.Verdict == BlockVerdict.Damaged ? $"{block.Where}: {block.Problem}" : null);
                }
            }
        }

        await foreach (var found in objects.CheckAsync(ct))
        {
            (Objects, ObjectBytes) = (Objects + 1, ObjectBytes + found.Bytes);
            yield return new Verified(found.Bytes, found.Problem);
        }
    }
}
