using MiniMilvus.Rag.Documents;

namespace MiniMilvus.Rag.Tests;

public sealed class ChunkerTests
{
    private static readonly Chunker Chunker = new(new ChunkerOptions(WordsMin: 12, WordsMax: 24, OverlapWords: 6));

    [Fact]
    public void A_passage_is_the_verbatim_text_of_its_lines()
    {
        var text = "# Page\n\nIntro line.\n\n## Part\n\nFirst sentence here is short. Second one\ncontinues on a line.\n\n- item one says this\n- item two says that\n";
        var chunks = Cut(text);

        Assert.Equal(["Page", "Page › Part"], chunks.Select(c => c.Heading));
        Assert.Equal((3, 3), (chunks[0].LineStart, chunks[0].LineEnd));
        Assert.Equal((7, 11), (chunks[1].LineStart, chunks[1].LineEnd));
        var lines = text.Split('\n');
        Assert.Equal(string.Join('\n', lines[6..11]), chunks[1].Text);
    }

    [Fact]
    public void Neighbours_overlap_by_whole_sentences_and_stay_within_the_limit()
    {
        var sentences = Enumerable.Range(1, 20).Select(i => $"Sentence number {i} has six words.");
        var chunks = Cut("# T\n\n" + string.Join(' ', sentences));

        Assert.True(chunks.Count > 3);
        foreach (var (left, right) in chunks.Zip(chunks.Skip(1)))
        {
            var last = left.Text[left.Text.LastIndexOf("Sentence", StringComparison.Ordinal)..];
            Assert.StartsWith(last, right.Text, StringComparison.Ordinal);
        }
        Assert.All(chunks, c => Assert.InRange(TextUnits.CountWords(c.Text), 1, 30));
        Assert.Contains("number 20 ", chunks[^1].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Headings_inside_fenced_code_are_code()
    {
        var chunks = Cut("# Real\n\n```\n# not a heading\ncode line\n```\n\nAfter the code.\n");
        Assert.Equal(["Real"], chunks.Select(c => c.Heading).Distinct());
        Assert.Contains("# not a heading", chunks[0].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Underlined_headings_count_and_table_rules_do_not()
    {
        var chunks = Cut("Title\n=====\n\nBody text.\n\n| a | b |\n|---|---|\n| one | two |\n");
        Assert.Equal(["Title"], chunks.Select(c => c.Heading).Distinct());
        Assert.Contains("| one | two |", chunks[0].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_text_file_without_headings_is_named_after_its_file()
    {
        var chunk = Assert.Single(Chunker.Cut(new SourceDocument("notes/shopping.txt", "# milk\nand bread", "00112233445566778899")));
        Assert.Equal("shopping", chunk.Heading);
        Assert.Equal(1, chunk.LineStart);
    }

    [Fact]
    public void Abbreviations_and_numbers_do_not_end_a_sentence()
    {
        const string text = "See e.g. Fig. 3 for version 2.6 of it. Next sentence.";
        Assert.Equal(2, TextUnits.Split(text, 0, text.Length).Count);
    }

    [Fact]
    public void A_sentence_longer_than_a_passage_is_cut_and_nothing_is_lost()
    {
        var words = Enumerable.Range(0, 100).Select(i => $"w{i:D3}").ToList();
        var chunks = Cut(string.Join(' ', words));
        Assert.All(words, w => Assert.Contains(chunks, c => c.Text.Contains(w, StringComparison.Ordinal)));
        Assert.All(chunks, c => Assert.InRange(TextUnits.CountWords(c.Text), 1, 32));
    }

    [Fact]
    public void A_small_edit_changes_the_ids_of_its_file_alone()
    {
        var before = Cut("# A\n\ntext one");
        var after = Cut("# A\n\ntext two");
        Assert.NotEqual(before[0].Id, after[0].Id);
        Assert.Equal(before[0].Id, Cut("# A\n\ntext one")[0].Id);
    }

    private static IReadOnlyList<Chunk> Cut(string text) => Chunker.Cut(new SourceDocument("page.md", text, DocumentLoader.HashOf(text)));
}
