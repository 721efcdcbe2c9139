using System.Buffers.Binary;
using MiniMilvus.Fuzzing.Harness;
using MiniMilvus.Storage.Checksums;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Fuzzing.Files;

/// <summary>The embedded metadata store's snapshot and journal, opened by the store itself after a power cut.</summary>
public sealed class MetadataTests
{
    private const string Folder = "meta";
    private const int Records = 9;
    private static readonly EmbeddedMetaStoreOptions Options = new() { JournalBytesMax = 2048, DropLeasesAtOpen = false };

    [Fact]
    public async Task A_damaged_snapshot_is_refused_or_read_right()
    {
        const string snapshot = "snapshot-000000000002";
        var (files, _) = await WrittenAsync(0, restarts: 1);
        var (other, _) = await WrittenAsync(1, restarts: 1);
        var alone = files.Where(f => f.Key.EndsWith('2')).ToDictionary();
        await Fuzz.RunAsync(new Subject($"{Folder}/", [files[snapshot], other[snapshot]], bytes => new(OpenAsync(alone, snapshot, bytes)))
        {
            Reseal = bytes =>
            {
                if (bytes.Length >= 4)
                {
                    BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(bytes.Length - 4), Crc32C.Of(bytes.AsSpan(0, bytes.Length - 4)));
                }
            },
            AllocatedBytesMax = 1024 * 1024,
            Cases = 1000,
        });
    }

    [Fact]
    public async Task A_damaged_snapshot_with_the_generation_before_it_loses_nothing()
    {
        const string snapshot = "snapshot-000000000002";
        var (files, states) = await WrittenAsync(0, restarts: 1);
        for (var number = 0; number < 200; number++)
        {
            var random = new Random(number);
            var hurt = Mutator.Apply((Mutation)random.Next(6), files[snapshot], files[snapshot], random);
            Assert.Equal(states[^1], await OpenAsync(files, snapshot, hurt));
        }
    }

    [Fact]
    public async Task A_damaged_journal_is_refused_or_read_up_to_its_torn_tail()
    {
        const string journal = "journal-000000000001";
        var (files, states) = await WrittenAsync(0, restarts: 0);
        var (other, otherStates) = await WrittenAsync(1, restarts: 0);
        var samples = new[] { files[journal], other[journal] };
        var all = new[] { states, otherStates };
        await Fuzz.RunAsync(new Subject($"{Folder}/", samples, bytes => new(OpenAsync(files, journal, bytes)))
        {
            Reseal = bytes => Reseal(bytes, samples[0]),
            AllocatedBytesMax = 1024 * 1024,

            // Nobody vouches for the last records but a later one, which says how far the journal was durable: up to there all of them are there.
            IsRight = (sample, bytes, answer) => Array.LastIndexOf(all[sample], answer) is var kept and >= 0
                ? kept >= Unchanged(bytes, samples[sample]).Max(r => r.Durable)
                : all[1 - sample].Contains(answer),
        });
    }

    private static void Reseal(byte[] bytes, byte[] sample)
    {
        if (bytes.Length >= MetaJournalFormat.FileHeaderBytes)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(28), Crc32C.Of(bytes.AsSpan(0, 28)));
        }

        foreach (var (at, _, _) in Unchanged(sample, sample))
        {
            if (bytes.Length - at >= MetaJournalFormat.RecordHeaderBytes && BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at)) is var length and >= 0 && length <= bytes.Length - at - MetaJournalFormat.RecordHeaderBytes)
            {
                var crc = Crc32C.Append(Crc32C.Append(Crc32C.Start, bytes.AsSpan(at, 4)), bytes.AsSpan(at + 8, 16 + length));
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at + 4), Crc32C.Finish(crc));
            }
        }
    }

    /// <summary>Records of a whole journal that lie unchanged in other bytes; the header counts as a record that proves nothing.</summary>
    private static List<(int At, int Length, long Durable)> Unchanged(byte[] bytes, byte[] sample)
    {
        var found = new List<(int, int, long)> { (0, 0, 0) };
        for (var at = MetaJournalFormat.FileHeaderBytes; MetaJournalFormat.TryRead(sample.AsSpan(at)) is { } record;)
        {
            var length = MetaJournalFormat.RecordHeaderBytes + record.Length;
            if (bytes.Length >= at + length && bytes.AsSpan(at, length).SequenceEqual(sample.AsSpan(at, length)))
            {
                found.Add((at, length, record.Durable));
            }

            at += length;
        }

        return found;
    }

    /// <summary>The files of a store that was killed, and what it showed after each of its records.</summary>
    private static async Task<(Dictionary<string, byte[]> Files, string[] States)> WrittenAsync(int variant, int restarts)
    {
        var disk = new SimulatedDisk(TimeProvider.System, 1);
        var states = new List<string>();
        var store = await EmbeddedMetaStore.OpenAsync(disk.Mount(), Folder, TimeProvider.System, Options, default);
        states.Add(await ShownAsync(store));
        var lease = await store.GrantLeaseAsync(TimeSpan.FromHours(1), default);
        states.Add(await ShownAsync(store));
        for (var i = 2; i <= Records; i++)
        {
            var put = new MetaOperation.Put($"key-{i}", new byte[10 * (i + variant)], i == 4 ? lease : 0);
            await store.TransactAsync([], i % 3 == 0 ? [put, new MetaOperation.Delete($"key-{i - 1}")] : [put], default);
            states.Add(await ShownAsync(store));
        }

        for (var restart = 0; restart < restarts; restart++)
        {
            disk.Kill();
            store = await EmbeddedMetaStore.OpenAsync(disk.Mount(), Folder, TimeProvider.System, Options, default);
            Assert.Equal(states[^1], await ShownAsync(store));
        }

        disk.Kill();
        var files = new Dictionary<string, byte[]>();
        foreach (var name in await disk.Mount().ListFilesAsync(Folder, default))
        {
            files[name] = await MetaFiles.ReadAsync(disk.Mount(), $"{Folder}/{name}", default);
        }

        return (files, [.. states]);
    }

    private static async Task<string> OpenAsync(Dictionary<string, byte[]> files, string damaged, byte[] bytes)
    {
        var disk = new SimulatedDisk(TimeProvider.System, 1);
        var mount = disk.Mount();
        await mount.CreateFolderAsync(Folder, default);
        foreach (var (name, whole) in files)
        {
            await MetaFiles.WriteWholeAsync(mount, $"{Folder}/{name}", name == damaged ? bytes : whole, default);
        }

        // A look first: it must say the same as the store that opens.
        var looked = await EmbeddedMetaReader.ReadAsync(mount, Folder, default);
        await using var store = await EmbeddedMetaStore.OpenAsync(mount, Folder, TimeProvider.System, Options, default);
        var shown = await ShownAsync(store);
        Assert.Equal(shown, looked is null ? "" : Shown(looked));
        return shown;
    }

    private static async Task<string> ShownAsync(EmbeddedMetaStore store) => Shown(await store.RangeAsync("", default));

    private static string Shown(MetaRange range) =>
        $"{range.Revision}: {string.Join(' ', range.Entries.Select(e => $"{e.Key}={e.Value.Length}@{e.CreateRevision}/{e.ModRevision}/{e.Version}/{e.Lease}"))}";
}
