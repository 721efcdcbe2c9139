using MiniMilvus.Core.Errors;

namespace MiniMilvus.Fuzzing.Harness;

internal enum Outcome
{
    /// <summary>What was written.</summary>
    Right,
    /// <summary>Corrupted or Invalid, naming the subject.</summary>
    Refused,
    /// <summary>Something else, of bytes for which nobody vouches: resealed, or vouched for elsewhere.</summary>
    Other,
}

/// <summary>
/// Runs a subject's cases. A case is its number: it decides the sample, the mutation, whether checksums are made to fit, and every random
/// choice. MINIMILVUS_LONG=1 runs twenty times as many.
/// </summary>
internal static class Fuzz
{
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(60);

    public static int Times => Environment.GetEnvironmentVariable("MINIMILVUS_LONG") == "1" ? 20 : 1;

    public static async Task<Dictionary<(Mutation Mutation, Outcome Outcome), int>> RunAsync(Subject subject)
    {
        var whole = new string[subject.Samples.Count];
        for (var i = 0; i < whole.Length; i++)
        {
            whole[i] = await subject.Read(subject.Samples[i]);
        }

        var counts = new Dictionary<(Mutation, Outcome), int>();
        for (var number = 0; number < subject.Cases * Times; number++)
        {
            var mutation = (Mutation)(number % Enum.GetValues<Mutation>().Length);
            var outcome = await CaseAsync(subject, whole, number, mutation);
            counts[(mutation, outcome)] = counts.GetValueOrDefault((mutation, outcome)) + 1;
        }

        foreach (var mutation in Enum.GetValues<Mutation>())
        {
            Assert.True(counts.Any(c => c.Key.Item1 == mutation && c.Key.Item2 != Outcome.Right), $"{subject.Name}: {mutation} never changed anything");
        }

        Assert.True(counts.Any(c => c.Key.Item2 == Outcome.Refused), $"{subject.Name}: nothing was refused");
        Assert.True(subject.Reseal is null || counts.Any(c => c.Key.Item2 == Outcome.Other), $"{subject.Name}: no resealed file got past the checksum");
        return counts;
    }

    private static async Task<Outcome> CaseAsync(Subject subject, string[] whole, int number, Mutation mutation)
    {
        var random = new Random(number);
        var sample = random.Next(whole.Length);
        var bytes = Mutator.Apply(mutation, subject.Samples[sample], subject.Samples[(sample + 1) % whole.Length], random);
        var isResealed = subject.Reseal is not null && random.Next(2) == 0;
        if (isResealed)
        {
            subject.Reseal!(bytes);
        }

        var what = $"{subject.Name}, case {number} ({mutation}{(isResealed ? ", resealed" : "")} of sample {sample})";
        var before = GC.GetTotalAllocatedBytes();
        string answer;
        try
        {
            answer = await Task.Run(async () => await subject.Read(bytes)).WaitAsync(Hang);
        }
        catch (MiniMilvusException e) when (e.Kind is ErrorKind.Corrupted or ErrorKind.Invalid)
        {
            RequireBounded(subject, what, bytes, before);
            return e.Message.Contains(subject.Name, StringComparison.Ordinal) ? Outcome.Refused : throw new Xunit.Sdk.XunitException($"{what}: the error does not name it: {e.Message}");
        }
        catch (Exception e)
        {
            throw new Xunit.Sdk.XunitException($"{what}: expected an answer, Corrupted or Invalid, found {e}\n{Shown(bytes)}");
        }

        RequireBounded(subject, what, bytes, before);
        var same = subject.Samples.ToList().FindIndex(s => s.AsSpan().SequenceEqual(bytes)); // spliced to be all of the other one
        if (answer == whole[same < 0 ? sample : same])
        {
            return Outcome.Right;
        }

        if (isResealed || subject.VouchedElsewhere is not null)
        {
            return Outcome.Other;
        }

        return subject.IsRight?.Invoke(sample, bytes, answer) == true
            ? Outcome.Right
            : throw new Xunit.Sdk.XunitException($"{what}: a wrong answer\nexpected {whole[sample]}\nfound    {answer}\n{Shown(bytes)}");
    }

    private static void RequireBounded(Subject subject, string what, byte[] bytes, long before)
    {
        var allocated = GC.GetTotalAllocatedBytes() - before;
        var max = subject.AllocatedBytesMax + (64L * bytes.Length);
        Assert.True(allocated <= max, $"{what}: expected at most {max} bytes allocated for {bytes.Length} read, found {allocated}\n{Shown(bytes)}");
    }

    private static string Shown(byte[] bytes) => Convert.ToHexString(bytes.AsSpan(0, Math.Min(bytes.Length, 2000)));
}
