using System.Diagnostics;
using System.Globalization;

namespace MiniMilvus.Benchmarks.IndexAlone;

/// <summary>hnswlib (Debian's libhnswlib-dev), compiled here with -O3 -march=native, as a child process that waits for its turn.</summary>
internal sealed class HnswlibPeer : IDisposable
{
    private readonly Process _process;

    private HnswlibPeer(Process process) => _process = process;

    /// <summary>Null, with the reason, where the compiler or the library is missing.</summary>
    public static HnswlibPeer? Start(IndexData data, int m, int efConstruction, out string problem)
    {
        var source = Path.Combine(AppContext.BaseDirectory, "IndexAlone", "hnswlib", "peer.cpp");
        var binary = Path.Combine(Path.GetTempPath(), "minimilvus-bench-index", "hnswlib-peer");
        try
        {
            using var compiler = Process.Start(new ProcessStartInfo("g++", ["-O3", "-march=native", "-std=c++17", "-o", binary, source]) { RedirectStandardError = true })!;
            problem = compiler.StandardError.ReadToEnd();
            compiler.WaitForExit();
            if (compiler.ExitCode != 0)
            {
                return null;
            }
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            problem = $"g++: {e.Message}";
            return null;
        }

        string[] arguments =
        [
            data.RowsPath, Text(data.Rows), Text(IndexData.Dimension), data.QueriesPath, Text(IndexData.Queries), data.TruthPath, Text(IndexData.TopK), Text(m), Text(efConstruction),
        ];
        return new HnswlibPeer(Process.Start(new ProcessStartInfo(binary, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true })!);
    }

    public double Add(int from, int to) => Number(Ask($"add {from} {to}"), 0);

    public (double Seconds, double Recall) Search(int ef)
    {
        var answer = Ask($"search {ef}");
        return (Number(answer, 0), Number(answer, 1) / (IndexData.Queries * IndexData.TopK));
    }

    public double MemoryBytes() => Number(Ask("memory"), 0);

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }

    private string[] Ask(string command)
    {
        _process.StandardInput.WriteLine(command);
        _process.StandardInput.Flush();
        return (_process.StandardOutput.ReadLine() ?? throw new InvalidOperationException($"hnswlib ended at '{command}'")).Split(' ');
    }

    private static double Number(string[] answer, int index) => double.Parse(answer[index], CultureInfo.InvariantCulture);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
