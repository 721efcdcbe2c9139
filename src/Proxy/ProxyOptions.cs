namespace MiniMilvus.Proxy;

/// <summary>The proxy's numbers. Defaults are Milvus's where it has one.</summary>
public sealed record ProxyOptions
{
    /// <summary>What GetVersion and Connect report: the Milvus whose protocol this speaks.</summary>
    public string Version { get; init; } = "v2.6.4";

    /// <summary>A log message's bytes at most; a larger insert becomes a transaction of several.</summary>
    public int MessageBytesMax { get; init; } = 4 << 20;

    /// <summary>The bytes of one request's rows at most.</summary>
    public long RequestBytesMax { get; init; } = 64L << 20;

    /// <summary>How long an append may take, retries included.</summary>
    public TimeSpan AppendTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How often an append or signal that certainly had no effect is sent again at most.</summary>
    public int AppendAttemptsMax { get; init; } = 8;

    /// <summary>The pause before a timetick signal is sent again to an owner that did not answer.</summary>
    public TimeSpan SignalRetryDelay { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>How long a search or query may take.</summary>
    public TimeSpan ReadTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a DDL command may take, until the catalogue shows it.</summary>
    public TimeSpan DdlTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How far behind a Bounded read may be.</summary>
    public TimeSpan GracefulTime { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A guarantee timestamp further ahead of the clock than this is refused (Q1). More than the coordinator's timestamp window: acks run ahead by that after a restart.</summary>
    public TimeSpan GuaranteeAheadMax { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>limit + offset of a search or query at most.</summary>
    public int ResultWindowMax { get; init; } = 16384;

    /// <summary>Query vectors of one search at most.</summary>
    public int QueriesMax { get; init; } = 16384;

    /// <summary>Rows of a query without a limit, and rows that a delete by expression may match, at most.</summary>
    public int UnlimitedRowsMax { get; init; } = 1_000_000;

    /// <summary>Searches of one hybrid search at most.</summary>
    public int SubSearchesMax { get; init; } = 1024;

    public int ShardsMax { get; init; } = 16;
    public int FieldsMax { get; init; } = 64;
    public int VectorFieldsMax { get; init; } = 10;
    public int PartitionsMax { get; init; } = 1024;
    public int DimMin { get; init; } = 2;
    public int DimMax { get; init; } = 32768;
    public int VarCharBytesMax { get; init; } = 65535;
    public int JsonBytesMax { get; init; } = 65536;
    public int NameLengthMax { get; init; } = 255;

    /// <summary>A flushed segment with fewer rows is searched exactly and counts as indexed without an index file.</summary>
    public long IndexRowsMin { get; init; } = 1024;
}
