namespace MiniMilvus.Storage.Meta;

/// <summary>Makes records durable in the order they come; what <see cref="MemoryMetaStore"/> and <see cref="EmbeddedMetaStore"/> differ in.</summary>
internal interface IMetaCommit
{
    /// <summary>Takes the next record, under the engine's lock. The task ends when it is durable, after <paramref name="publish"/> was called.</summary>
    Task Append(MetaRecord record, Action publish, CancellationToken ct);

    /// <summary>Ends when everything appended so far is durable.</summary>
    Task SettledAsync(CancellationToken ct);

    /// <summary>Starts the work; called outside the engine's lock.</summary>
    void Kick();
}

/// <summary>No durability: a record counts at once.</summary>
internal sealed class MemoryCommit : IMetaCommit
{
    public Task Append(MetaRecord record, Action publish, CancellationToken ct)
    {
        publish();
        return Task.CompletedTask;
    }

    public Task SettledAsync(CancellationToken ct) => Task.CompletedTask;

    public void Kick()
    {
    }
}
