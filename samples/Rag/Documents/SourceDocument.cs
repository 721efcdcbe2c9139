namespace MiniMilvus.Rag.Documents;

/// <summary>One file as read: its path as shown in citations (with forward slashes), its text, and the SHA-256 of the text in lower-case hex.</summary>
internal sealed record SourceDocument(string Path, string Text, string Hash);

/// <summary>A folder to read: every Markdown and text file below <paramref name="Folder"/> (or only directly in it), shown under <paramref name="Label"/>.</summary>
internal sealed record DocumentRoot(string Label, string Folder, bool Recursive);
