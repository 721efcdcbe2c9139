using MiniMilvus.Core.Errors;
using MiniMilvus.Host.Verifying;
using MiniMilvus.Storage.Catalog;

namespace MiniMilvus.Host.Cli;

/// <summary>
/// <c>minimilvus verify</c>: reads every block, every object and every record, says what is damaged, and what of the sealed segments differs from the
/// log that they were made from; changes nothing. 1 when anything is or does; 3 when nothing is in what could be read, and something could not.
/// </summary>
internal static class VerifyVerb
{
    public static async Task<int> RunAsync(HostOptions options, bool againstLog, TextWriter output, TimeProvider time, CancellationToken ct)
    {
        await using var place = await DataPlace.OpenAsync(options, output, time, ct);
        var (run, damages) = (new Verification(place.Logs, place.Objects), 0L);
        var said = new HashSet<string>(StringComparer.Ordinal);
        await SayAsync(await FindDamagedRecordAsync(place, ct));
        await foreach (var found in run.RunAsync(ct))
        {
            await SayAsync(found.Problem);
        }

        var comparison = new LogComparison(place.Logs, place.Store, place.Metadata.ReadAsync);
        if (againstLog)
        {
            await foreach (var line in comparison.RunAsync(ct))
            {
                await output.WriteLineAsync(line);
            }
        }

        // A folder's own metadata lies beside its log: it is lost, not out of reach.
        var isLost = place.IsLocal && options is { MetaType: MetaType.Embedded, CoordinatorAddress: "" } && run.Logs + run.Objects > 0;
        await SayAsync(place.Metadata.Damage ?? (isLost ? place.Metadata.Unreachable : null));
        await output.WriteLineAsync(FormattableString.Invariant(
            $"verified {run.Logs} logs, {run.Segments} log segments, {run.Blocks} blocks, {run.Entries} entries, {run.TornTails} torn tails; {run.Objects} objects, {run.ObjectBytes} bytes; {damages} damaged"));
        if (comparison.HasCatalog)
        {
            await output.WriteLineAsync(FormattableString.Invariant(
                $"{comparison.Segments} segments compared with the log, {comparison.Older} older than what the log still holds, {comparison.Compacted} made by compactions, {comparison.Obstructed} not compared for damage; {comparison.DeleteFiles} delete files compared; {comparison.Differences} differ"));
        }

        damages += comparison.Differences + comparison.Obstructed;
        if (damages == 0 && place.Metadata.Unreachable is { } unreachable)
        {
            await output.WriteLineAsync($"INCOMPLETE without metadata nothing tells what should be there: {unreachable}");
            return 3;
        }

        return damages > 0 ? 1 : 0;

        async ValueTask SayAsync(string? problem)
        {
            // A column's damage shows at the column and at the manifest that vouches for it.
            if (problem is not null && said.Add(problem))
            {
                damages++;
                await output.WriteLineAsync($"DAMAGED {problem}");
            }
        }
    }

    private static async ValueTask<string?> FindDamagedRecordAsync(DataPlace place, CancellationToken ct)
    {
        try
        {
            if (await place.Metadata.ReadAsync(ct) is { } known)
            {
                CatalogSnapshot.Of(known);
            }

            return null;
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
        {
            return e.Message;
        }
    }
}
