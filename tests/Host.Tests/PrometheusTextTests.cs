using MiniMilvus.Host.Http;

namespace MiniMilvus.Host.Tests;

public sealed class PrometheusTextTests
{
    [Fact]
    public void The_runtimes_own_figures_are_told_too()
    {
        using var text = new PrometheusText();
        GC.Collect(0);
        var lines = text.Render().Split('\n');
        Assert.Contains("# TYPE dotnet_gc_pause_time counter", lines);
        Assert.Contains(lines, l => l.StartsWith("dotnet_gc_collections{gc_heap_generation=\"gen0\"} ", StringComparison.Ordinal) && !l.EndsWith(" 0", StringComparison.Ordinal));
    }
}
