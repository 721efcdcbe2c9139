using MiniMilvus.Rag.Documents;

namespace MiniMilvus.Rag.Answering;

/// <summary>A passage as the database returned it for a question, best first. <see cref="Score"/> is the inner product of unit vectors.</summary>
internal sealed record Passage(string Id, string Path, string Heading, int LineStart, int LineEnd, string Text, bool IsNote, float Score)
{
    /// <summary>Where it stands, as editors understand it: path:first-last.</summary>
    public string Location => IsNote ? "typed in" : LineStart == LineEnd ? $"{Path}:{LineStart}" : $"{Path}:{LineStart}-{LineEnd}";

    public string Section => Heading.Contains(MarkdownSections.Separator, StringComparison.Ordinal)
        ? Heading[(Heading.LastIndexOf(MarkdownSections.Separator, StringComparison.Ordinal) + MarkdownSections.Separator.Length)..]
        : Heading;
}
