using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Host.Cli;

/// <summary><c>minimilvus verify</c>: reads every block and every object, says what is damaged, changes nothing. 1 when anything is.</summary>
internal static class VerifyVerb
{
    public static async Task<int> RunAsync(string folder, TextWriter output, CancellationToken ct)
    {
        var data = DataFolder.Open(folder, output);
        var inspector = new LogInspector(data.Disk, data.ReadMetadataAsync);
        long logs = 0, segments = 0, blocks = 0, entries = 0, torn = 0, objects = 0, bytes = 0, damages = 0;
        foreach (var name in await inspector.ListAsync(ct))
        {
            var log = await inspector.InspectAsync(name, ct);
            logs++;
            damages += log.Problem is null ? 0 : 1;
            await SayAsync(log.Problem);
            foreach (var segment in log.Segments)
            {
                segments++;
                await foreach (var block in inspector.BlocksAsync(log, segment, payloads: true, ct))
                {
                    (blocks, entries) = (blocks + 1, entries + block.Entries.Count);
                    torn += block.Verdict == BlockVerdict.TornTail ? 1 : 0;
                    damages += block.Verdict == BlockVerdict.Damaged ? 1 : 0;
                    await SayAsync(block.Verdict == BlockVerdict.Damaged ? $"{block.Where}: {block.Problem}" : null);
                }
            }
        }

        await foreach (var found in new ObjectCheck(LocalObjectStore.View(data.Disk, "objects"), data.ReadMetadataAsync).CheckAsync(ct))
        {
            (objects, bytes) = (objects + 1, bytes + found.Bytes);
            damages += found.Problem is null ? 0 : 1;
            await SayAsync(found.Problem);
        }

        damages += data.MetadataDamage is null ? 0 : 1;
        await SayAsync(data.MetadataDamage);
        await output.WriteLineAsync(FormattableString.Invariant(
            $"verified {logs} logs, {segments} log segments, {blocks} blocks, {entries} entries, {torn} torn tails; {objects} objects, {bytes} bytes; {damages} damaged"));
        return damages > 0 ? 1 : 0;

        async ValueTask SayAsync(string? problem)
        {
            if (problem is not null)
            {
                await output.WriteLineAsync($"DAMAGED {problem}");
            }
        }
    }
}
