namespace MiniMilvus.Rag.Documents;

/// <summary>
/// A passage: verbatim text of one section of one file, so that line numbers can be counted in it.
/// <see cref="Id"/> names file, version and place, so writing a passage twice is writing it once.
/// </summary>
internal sealed record Chunk(string Path, string FileHash, string Heading, int Ordinal, int LineStart, int LineEnd, string Text)
{
    public string Id => $"{Path}#{FileHash.AsSpan(0, 12)}#{Ordinal:D4}";

    /// <summary>What is embedded: the headings say what a passage is about when its sentences only say "it".</summary>
    public string Embedded => $"{Heading.Replace(MarkdownSections.Separator, ". ", StringComparison.Ordinal)}.\n{Text}";
}

/// <summary>Sizes of passages in words.</summary>
internal sealed record ChunkerOptions(int WordsMin = 90, int WordsMax = 180, int OverlapWords = 30);

/// <summary>
/// Cuts documents into passages. A passage never crosses a heading and never cuts a sentence (unless the sentence alone is longer than a passage);
/// neighbours in a section overlap by up to <see cref="ChunkerOptions.OverlapWords"/> words.
/// </summary>
internal sealed class Chunker(ChunkerOptions options)
{
    public IReadOnlyList<Chunk> Cut(SourceDocument document)
    {
        var lines = new LineIndex(document.Text);
        var chunks = new List<Chunk>();
        foreach (var section in MarkdownSections.Parse(document.Path, document.Text))
        {
            var units = Shortened(document.Text, TextUnits.Split(document.Text, section.Start, section.End));
            foreach (var (first, last) in Group(units))
            {
                var start = units[first].Start;
                var end = units[last].End;
                chunks.Add(new Chunk(
                    document.Path, document.Hash, section.Heading, chunks.Count,
                    lines.LineOf(start), lines.LineOf(end - 1), document.Text[start..end]));
            }
        }
        return chunks;
    }

    private IEnumerable<(int First, int Last)> Group(List<TextUnit> units)
    {
        var first = 0;
        while (first < units.Count)
        {
            var words = units[first].Words;
            var last = first;
            while (last + 1 < units.Count
                && words + units[last + 1].Words <= options.WordsMax
                && !(words >= options.WordsMin && units[last + 1].StartsBlock && WordsFrom(units, last + 1) >= options.WordsMin))
            {
                words += units[++last].Words;
            }
            // A short rest joins the last passage instead of standing alone.
            if (WordsFrom(units, last + 1) is > 0 and var rest && rest <= options.OverlapWords)
            {
                last = units.Count - 1;
            }
            yield return (first, last);
            if (last == units.Count - 1)
            {
                yield break;
            }
            first = OverlapStart(units, first, last);
        }
    }

    private int OverlapStart(List<TextUnit> units, int first, int last)
    {
        var start = last + 1;
        // Room for the next unit comes first: an overlap that leaves none would be a passage of its own.
        var words = Math.Max(0, units[last + 1].Words + options.OverlapWords - options.WordsMax);
        while (start - 1 > first && words + units[start - 1].Words <= options.OverlapWords)
        {
            words += units[--start].Words;
        }
        return start;
    }

    private static int WordsFrom(List<TextUnit> units, int from)
    {
        var words = 0;
        for (var i = from; i < units.Count; i++)
        {
            words += units[i].Words;
        }
        return words;
    }

    // A "sentence" longer than a passage (a minified line, say) is cut at white space.
    private List<TextUnit> Shortened(string text, List<TextUnit> units)
    {
        var result = new List<TextUnit>(units.Count);
        foreach (var unit in units)
        {
            var start = unit.Start;
            var words = unit.Words;
            while (words > options.WordsMax)
            {
                var seen = 0;
                var at = start;
                while (at < unit.End && seen < options.WordsMax)
                {
                    at++;
                    if (char.IsWhiteSpace(text[at - 1]) || at - start > options.WordsMax * 20)
                    {
                        seen = at - start > options.WordsMax * 20 ? options.WordsMax : seen + 1;
                    }
                }
                if (at >= unit.End)
                {
                    break;
                }
                var piece = TextUnits.CountWords(text.AsSpan(start, at - start));
                result.Add(new TextUnit(start, at, piece, unit.StartsBlock && start == unit.Start));
                start = at;
                words -= piece;
            }
            result.Add(new TextUnit(start, unit.End, Math.Max(1, words), unit.StartsBlock && start == unit.Start));
        }
        return result;
    }
}
