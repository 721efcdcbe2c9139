using MiniMilvus.Rag.Documents;
using MiniMilvus.Rag.Store;

namespace MiniMilvus.Rag.Tests;

public sealed class SyncPlanTests
{
    private static readonly SourceDocument A = new("a.md", "text", "hash-a");
    private static readonly SourceDocument B = new("b.md", "text", "hash-b");

    [Fact]
    public void What_is_stored_already_is_left_alone()
    {
        var plan = SyncPlan.Make([A, B], Stored(("a.md", "hash-a"), ("b.md", "hash-b")));
        Assert.Empty(plan.ToWrite);
        Assert.Empty(plan.ToRemove);
        Assert.Equal(2, plan.Unchanged);
    }

    [Fact]
    public void An_edited_file_is_written_and_its_old_version_removed()
    {
        var plan = SyncPlan.Make([A, B], Stored(("a.md", "older"), ("b.md", "hash-b")));
        Assert.Equal([A], plan.ToWrite);
        Assert.Equal([("a.md", (string?)"hash-a")], plan.ToRemove);
    }

    [Fact]
    public void A_file_that_is_gone_is_removed_altogether()
    {
        var plan = SyncPlan.Make([A], Stored(("a.md", "hash-a"), ("b.md", "hash-b")));
        Assert.Equal([("b.md", (string?)null)], plan.ToRemove);
    }

    [Fact]
    public void A_crash_between_writing_and_removing_is_cleaned_up_by_the_next_run()
    {
        var plan = SyncPlan.Make([A], Stored(("a.md", "older"), ("a.md", "hash-a")));
        Assert.Empty(plan.ToWrite);
        Assert.Equal([("a.md", (string?)"hash-a")], plan.ToRemove);
    }

    [Fact]
    public void A_collection_says_which_model_it_belongs_to()
    {
        var hash = new string('a', 64);
        Assert.Equal(hash, PassageSchema.ModelHashOf(PassageSchema.For(8, hash).Description));
        Assert.Null(PassageSchema.ModelHashOf("something else"));
        Assert.True(PassageSchema.IsVersionOf("rag", PassageSchema.CollectionName("rag", hash)));
        Assert.False(PassageSchema.IsVersionOf("rag", "rag_passages_" + hash[..12]));
        Assert.False(PassageSchema.IsVersionOf("rag", "rag_mycollection"));
    }

    [Fact]
    public async Task Folders_are_read_in_order_and_build_output_is_not()
    {
        var folder = Directory.CreateTempSubdirectory("rag").FullName;
        Directory.CreateDirectory(Path.Combine(folder, "sub"));
        Directory.CreateDirectory(Path.Combine(folder, "bin"));
        foreach (var file in new[] { "z.md", "sub/a.txt", "bin/no.md", "image.png", "empty.md" })
        {
            await File.WriteAllTextAsync(Path.Combine(folder, file), file == "empty.md" ? " " : "line one\r\nline two");
        }
        var documents = await DocumentLoader.LoadAsync([new DocumentRoot("mine", folder, Recursive: true)], CancellationToken.None);
        Assert.Equal(["mine/sub/a.txt", "mine/z.md"], documents.Select(d => d.Path));
        Assert.Equal(DocumentLoader.HashOf("line one\nline two"), documents[0].Hash);
    }

    private static Dictionary<string, List<string>> Stored(params (string Path, string Hash)[] versions) =>
        versions.GroupBy(v => v.Path).ToDictionary(g => g.Key, g => g.Select(v => v.Hash).ToList());
}
