using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Woodpecker.Writing;

/// <summary>What stopped a writer, as its callers see it.</summary>
internal static class WriterFailure
{
    public static MiniMilvusException From(string log, Term term, Exception why) => why switch
    {
        MiniMilvusException known => known,
        IOException disk => DiskErrors.ToUnavailable(disk, $"log '{log}', writer of term {term}: stopped, because its disk failed; what was not acked may or may not be there"),
        _ => MiniMilvusException.Internal($"log '{log}', writer of term {term}: {why.Message}", why),
    };
}
