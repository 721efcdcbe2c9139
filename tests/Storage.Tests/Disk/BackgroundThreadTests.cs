using System.Globalization;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Storage.Tests.Disk;

public sealed class BackgroundThreadTests
{
    [Theory]
    [InlineData(BackgroundThread.Graphs, "10")]
    [InlineData(BackgroundThread.Files, "15")]
    public void A_background_thread_is_nice_and_gives_a_processor_up_after_the_shortest_slice(int nice, string shown)
    {
        var (stat, sched) = ("", "");
        var failure = default(Exception);
        var thread = new Thread(() =>
        {
            try
            {
                BackgroundThread.Enter(nice);
                if (OperatingSystem.IsLinux())
                {
                    stat = File.ReadAllText("/proc/thread-self/stat");
                    sched = File.Exists("/proc/thread-self/sched") ? File.ReadAllText("/proc/thread-self/sched") : "";
                }
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        Assert.Null(failure);
        if (!OperatingSystem.IsLinux())
        {
            return; // there it is a priority of .NET, which says nothing of itself to others
        }

        Assert.Equal(shown, stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[16]);
        if (sched.Split('\n').FirstOrDefault(l => l.StartsWith("se.slice", StringComparison.Ordinal)) is { } slice && OperatingSystem.IsOSPlatformVersionAtLeast("linux", 6, 12))
        {
            Assert.Equal(100_000, long.Parse(slice.Split(':')[1], CultureInfo.InvariantCulture));
        }
    }
}
