using System.Text;
using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>docs/formats/log-block.md as a file: what is written today is these bytes, and these bytes are read for ever.</summary>
public sealed class FormatTests
{
    private const string Name = "golden";
    private const string Path = "logs/golden/00000000.wal";
    private static readonly CancellationToken Never = CancellationToken.None;

    /// <summary>Log "golden", term 3: a block with "first", a block with "second", the footer.</summary>
    private const string Golden = """
        0000  57505345470000010000000000000000
        0010  03000000000000000000000000000000
        0020  00000000000000000000000000000000
        0030  00000000000000000000000044e285e5
        0040  5750424b010100000900000001000000
        0050  03000000000000000000000000000000
        0060  00000000000000000000000000000000
        0070  0000000000000000bdab585eaaca507f
        0080  0500000066697273745750424b010100
        0090  000a0000000100000003000000000000
        00a0  00000000000000000001000000000000
        00b0  00000000000000000001000000000000
        00c0  00f5ec277e0d2a413706000000736563
        00d0  6f6e645750424b010200000000000000
        00e0  00000003000000000000000000000000
        00f0  00000002000000000000000000000000
        0100  00000002000000000000000000000068
        0110  001f9d
        """;

    [Fact]
    public async Task The_bytes_of_a_segment_are_those_of_the_format_page()
    {
        var disk = new SimulatedDisk(TimeProvider.System, 1);
        using var meta = new MemoryMetaStore(TimeProvider.System);
        var log = Start(disk, meta);
        await log.CreateAsync(Name, Never);
        var writer = await log.OpenWriterAsync(Name, new Term(3), Never);
        await (await writer.EnqueueAsync("first"u8.ToArray(), Never)).Durable;
        await (await writer.EnqueueAsync("second"u8.ToArray(), Never)).Durable;
        await writer.DisposeAsync();
        await using var file = await disk.Mount().OpenAsync(Path, DiskOpenMode.Read, Never);
        var bytes = new byte[file.Length];
        await file.ReadAtAsync(0, bytes, Never);
        Assert.Equal(Golden, Dump(bytes));
    }

    [Fact]
    public async Task A_file_of_version_1_is_read_as_long_as_this_project_lives()
    {
        var disk = new SimulatedDisk(TimeProvider.System, 1);
        using var meta = new MemoryMetaStore(TimeProvider.System);
        var before = Start(disk, meta);
        await before.CreateAsync(Name, Never);
        await before.OpenWriterAsync(Name, new Term(3), Never);
        disk.Kill();
        await using (var file = await disk.Mount().OpenAsync(Path, DiskOpenMode.ReadWrite, Never))
        {
            await file.SetLengthAsync(0, Never);
            await file.WriteAtAsync(0, Parse(Golden), Never);
        }

        var log = Start(disk, meta);
        var writer = await log.OpenWriterAsync(Name, new Term(4), Never);
        var read = new List<string>();
        await foreach (var entry in log.ReadAsync(Name, LogPosition.Beginning, writer.Confirmed, Never))
        {
            read.Add($"{entry.Position} {Encoding.UTF8.GetString(entry.Bytes.Span)}");
        }

        Assert.Equal(["0/0 first", "0/1 second"], read);
    }

    private static LocalWoodpecker Start(SimulatedDisk disk, MemoryMetaStore meta) => new(disk.Mount(), meta, TestLog.Small, TimeProvider.System, NoStations.Instance, $"w{disk.Steps}");

    /// <summary>16 bytes a line.</summary>
    private static string Dump(byte[] bytes) => string.Join('\n', bytes.Chunk(16).Select((line, i) => $"{i * 16:x4}  {Convert.ToHexStringLower(line)}"));

    private static byte[] Parse(string dump) => Convert.FromHexString(string.Concat(dump.Split('\n').Select(line => line[6..].Trim())));
}
