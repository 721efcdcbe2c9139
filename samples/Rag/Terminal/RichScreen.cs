using System.Globalization;
using System.Text;
using MiniMilvus.Rag.Answering;
using MiniMilvus.Rag.Evaluation;
using MiniMilvus.Rag.Store;
using Spectre.Console;

namespace MiniMilvus.Rag.Terminal;

/// <summary>Colours, boxes and a progress bar, for a terminal.</summary>
internal sealed class RichScreen(IAnsiConsole console) : IScreen
{
    public void Title(string title)
    {
        console.WriteLine();
        console.Write(new Rule($"[bold aqua]{Markup.Escape(title)}[/]").LeftJustified().RuleStyle("grey37"));
    }

    public void Info(string text) => console.MarkupLine($"[grey62]{Markup.Escape(text)}[/]");

    public void Error(string text) => console.MarkupLine($"[red]error:[/] {Markup.Escape(text)}");

    public async Task<T> ProgressAsync<T>(string label, int total, Func<Action<int>, Task<T>> work) =>
        await console.Progress()
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
            .StartAsync(async context =>
            {
                var task = context.AddTask(Markup.Escape(label), maxValue: Math.Max(1, total));
                var result = await work(step => task.Increment(step));
                task.Value = task.MaxValue;
                return result;
            });

    public void Show(string question, Answer answer, AnswerTiming timing)
    {
        var body = new StringBuilder();
        if (!answer.IsKnown)
        {
            body.Append("[yellow]").Append(Markup.Escape(Answer.UnknownText)).Append("[/]");
        }
        if (answer.Prose is { } prose)
        {
            body.Append(Markup.Escape(prose));
        }
        foreach (var quote in answer.Quotes)
        {
            body.Append(body.Length > 0 ? "\n\n" : "").Append("[grey50]❝[/] ").Append(Highlighted(quote)).Append(" [grey50]❞[/] ")
                .Append(CultureInfo.InvariantCulture, $"[aqua][[{quote.Passage}]][/]");
        }
        console.Write(new Panel(new Markup(body.ToString()))
        {
            Header = new PanelHeader($" [bold]{Markup.Escape(Shortened(question, Math.Max(20, console.Profile.Width - 12)))}[/] "),
            Border = BoxBorder.Rounded,
            BorderStyle = new Style(answer.IsKnown ? Color.Aqua : Color.Yellow),
            Padding = new Padding(2, 1),
            Expand = true,
        });
        for (var i = 0; i < answer.Passages.Count; i++)
        {
            var passage = answer.Passages[i];
            console.MarkupLine(string.Create(CultureInfo.InvariantCulture,
                $"  [aqua][[{i + 1}]][/] [white]{Markup.Escape(passage.Location)}[/]  [grey62]{Markup.Escape(passage.Heading)}[/]  [grey50]{passage.Score:F3}[/]"));
        }
        console.MarkupLine(string.Create(CultureInfo.InvariantCulture,
            $"  [grey50]confidence {answer.Confidence:F2} · embedded in {timing.Embedding.TotalMilliseconds:F1} ms · searched in {timing.Search.TotalMilliseconds:F1} ms[/]"));
    }

    public void Show(NoteTiming timing) => console.MarkupLine(string.Create(CultureInfo.InvariantCulture,
        $"  [green]noted[/] [grey62]· acknowledged after[/] {timing.ToAck.TotalMilliseconds:F1} ms [grey62]· found by another connection[/] [bold green]{timing.AckToVisible.TotalMilliseconds:F1} ms[/] [grey62]later, {PlainScreen.Looks(timing.Looks)}[/]"));

    public void Show(EvaluationReport report, string corpus)
    {
        var table = new Table().Border(TableBorder.Rounded).BorderColor(Color.Grey37);
        table.AddColumn(new TableColumn("rank").RightAligned());
        table.AddColumn(new TableColumn("confidence").RightAligned());
        table.AddColumn("verdict");
        table.AddColumn("question");
        foreach (var result in report.Results)
        {
            var verdict = PlainScreen.Verdict(result);
            var colour = verdict is "right" or "unknown" ? "green" : verdict == "WRONG" ? "red" : "yellow";
            var rank = !result.Question.IsAnswerable ? "" : result.Rank == 0 ? "–" : result.Rank.ToString(CultureInfo.InvariantCulture);
            table.AddRow(rank, result.Confidence.ToString("F2", CultureInfo.InvariantCulture), $"[{colour}]{verdict}[/]", Markup.Escape(result.Question.Question));
        }
        console.Write(table);
        var figures = new Table().Border(TableBorder.Rounded).BorderColor(Color.Aqua).Title($"[bold]{Markup.Escape(corpus)}[/]").HideHeaders();
        figures.AddColumn("figure").AddColumn(new TableColumn("value").RightAligned());
        foreach (var (name, value) in PlainScreen.Figures(report))
        {
            figures.AddRow(Markup.Escape(name), $"[bold]{Markup.Escape(value)}[/]");
        }
        console.Write(figures);
    }

    public string? Prompt()
    {
        console.Markup("\n[bold aqua]›[/] ");
        return Console.ReadLine();
    }

    private static string Highlighted(Quote quote)
    {
        var markup = new StringBuilder();
        var at = 0;
        foreach (var highlight in quote.Highlights.OrderBy(h => h.Start))
        {
            if (highlight.Start < at)
            {
                continue;
            }
            markup.Append(Markup.Escape(quote.Text[at..highlight.Start]));
            at = highlight.Start + highlight.Length;
            markup.Append("[bold yellow]").Append(Markup.Escape(quote.Text[highlight.Start..at])).Append("[/]");
        }
        return markup.Append(Markup.Escape(quote.Text[at..])).ToString();
    }

    private static string Shortened(string text, int max) => text.Length <= max ? text : string.Concat(text.AsSpan(0, max - 1), "…");
}
