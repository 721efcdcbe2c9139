namespace MiniMilvus.Benchmarks.Peers;

/// <summary>Another system that keeps what it acks, driven the way it likes best.</summary>
internal interface IPeer : IAsyncDisposable
{
    /// <summary>Its name and version.</summary>
    string Name { get; }

    /// <summary>How it is driven for throughput.</summary>
    string Driving { get; }

    /// <summary>How much it is given in a run: enough for a second or more.</summary>
    long BytesFor(int recordBytes);

    /// <summary>Megabytes of records a second, each acked durable, many at once.</summary>
    Task<double> ThroughputAsync(int recordBytes, long bytes);

    /// <summary>Microseconds of each of so many lone appends.</summary>
    Task<List<double>> LoneAsync(int recordBytes, int count);
}
