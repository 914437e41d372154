using System.Text;
using System.Text.RegularExpressions;

namespace Lookup.EndToEndTests.Docs;

/// <summary>A command of a page.</summary>
/// <param name="Line">Its line in the page.</param>
/// <param name="Text">The command without its comment.</param>
/// <param name="Comment">The comment at its end, or the line if it is only a comment.</param>
/// <param name="Shown">The output that the page shows; empty if it shows none.</param>
internal sealed record DocCommand(int Line, string Text, string Comment, IReadOnlyList<string> Shown)
{
    /// <summary>The exit codes that the page states ("exit code 0 or 10"); 0 if it states none.</summary>
    public IReadOnlyList<int> ExitCodes { get; } = DocPage.StatedCodes(Comment);
}

/// <summary>A file whose content a page shows behind a comment such as "&lt;!-- file: verify.sh --&gt;".</summary>
internal sealed record DocFile(int Line, string Name, string Content);

/// <summary>
/// The commands of a page, in order: those of its ```bash blocks, and those behind "$ " in its ```console blocks, each with the output
/// shown below it. A command goes on while a quote, a heredoc or a backslash is open.
/// </summary>
internal sealed partial class DocPage
{
    /// <summary>The languages of blocks. A block without one would escape the test.</summary>
    internal static readonly string[] Languages = ["bash", "console", "conf", "csharp", "csv", "ini", "json", "mermaid", "python", "sh", "text", "yaml"];

    private DocPage(string name)
    {
        Name = name;
        var lines = File.ReadAllLines(Path.Combine(Programs.Root(), name));
        for (var i = 0; i < lines.Length; i++)
        {
            var fence = Fence().Match(lines[i]);
            if (!fence.Success)
            {
                continue;
            }

            var (begin, language) = (i, fence.Groups["language"].Value);
            var indent = fence.Groups["indent"].Length;
            var content = new List<string>();
            while (lines[++i].Trim() != "```")
            {
                content.Add(lines[i].Length >= indent ? lines[i][indent..] : lines[i]);
            }

            Add(begin, language, content, begin == 0 ? "" : lines[begin - 1]);
        }

        NeedsService = lines.Any(line => line.Contains("with a running service", StringComparison.OrdinalIgnoreCase));
    }

    public string Name { get; }

    /// <summary>The commands and files, in the order of the page.</summary>
    public List<object> Steps { get; } = [];

    public IEnumerable<DocCommand> Commands => Steps.OfType<DocCommand>().Where(command => command.Text.Length > 0);

    /// <summary>Blocks without a known language, as lines of the page.</summary>
    public List<string> Unknown { get; } = [];

    /// <summary>Whether the page says that its commands work "with a running service".</summary>
    public bool NeedsService { get; }

    public static DocPage Read(string name) => new(name);

    /// <summary>Every page of the repository.</summary>
    public static IEnumerable<string> All()
    {
        var root = Programs.Root();
        return Directory.GetFiles(root, "*.md")
            .Concat(new[] { "docs", "samples", "benchmarks", "protos", "src" }.SelectMany(folder => Directory.GetFiles(Path.Combine(root, folder), "*.md", SearchOption.AllDirectories)))
            .Select(file => Path.GetRelativePath(root, file).Replace('\\', '/'))
            .Where(file => !file.Split('/').Any(part => part is "bin" or "obj" or "node_modules"))
            .Order(StringComparer.Ordinal);
    }

    internal static IReadOnlyList<int> StatedCodes(string comment) => Codes().Match(comment) is { Success: true } stated
        ? [.. Number().Matches(stated.Value).Select(match => int.Parse(match.Value, System.Globalization.CultureInfo.InvariantCulture))]
        : [0];

    private void Add(int line, string language, List<string> content, string before)
    {
        if (FileName().Match(before) is { Success: true } named)
        {
            Steps.Add(new DocFile(line + 1, named.Groups["name"].Value, string.Concat(content.Select(text => text + "\n"))));
        }

        switch (language)
        {
            case "bash":
                for (var i = 0; i < content.Count; i++)
                {
                    AddCommand(content, ref i, line + 2 + i, 0, []);
                }

                break;
            case "console":
                for (var i = 0; i < content.Count; i++)
                {
                    var at = line + 2 + i;
                    Assert.StartsWith("$ ", content[i], StringComparison.Ordinal);
                    var shown = new List<string>();
                    var rest = content.Skip(i + 1).TakeWhile(text => !text.StartsWith("$ ", StringComparison.Ordinal)).ToList();
                    shown.AddRange(rest);
                    AddCommand(content, ref i, at, 2, shown);
                    i += shown.Count;
                }

                break;
            default:
                if (!Languages.Contains(language))
                {
                    Unknown.Add($"{Name}:{line + 1}: '{language}'");
                }

                break;
        }
    }

    private void AddCommand(List<string> content, ref int i, int line, int indent, List<string> shown)
    {
        var text = new StringBuilder(content[i][Math.Min(indent, content[i].Length)..]);
        int comment;
        while (IsOpen(text.ToString(), out comment) && i + 1 < content.Count)
        {
            text.Append('\n').Append(content[++i]);
            if (shown.Count > 0)
            {
                shown.RemoveAt(0);
            }
        }

        var whole = text.ToString();
        var command = comment < 0 ? whole : whole[..comment];
        if (whole.Trim().Length > 0)
        {
            Steps.Add(new DocCommand(line, command.Trim(), comment < 0 ? "" : whole[comment..], shown));
        }
    }

    /// <summary>Returns whether a command needs another line.</summary>
    /// <param name="text">The command so far.</param>
    /// <param name="comment">Where the comment of its last line begins; negative if there is none.</param>
    private static bool IsOpen(string text, out int comment)
    {
        comment = -1;
        if (Heredoc().Match(text) is { Success: true } heredoc)
        {
            return !text[heredoc.Index..].Split('\n').Skip(1).Contains(heredoc.Groups["end"].Value);
        }

        var quote = '\0';
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (quote != '\0')
            {
                quote = c == quote ? '\0' : quote;
            }
            else if (c is '\'' or '"')
            {
                quote = c;
            }
            else if (c == '\\' && i + 1 == text.Length)
            {
                return true;
            }
            else if (c == '#' && (i == 0 || char.IsWhiteSpace(text[i - 1])))
            {
                comment = i;
                return false;
            }
        }

        return quote != '\0';
    }

    [GeneratedRegex("^(?<indent> *)```(?<language>[a-z]*)$")]
    private static partial Regex Fence();

    [GeneratedRegex("<!-- (?:file|import): (?<name>[^ ]+)")]
    private static partial Regex FileName();

    [GeneratedRegex(@"exit code [0-9]+(?:(?:, | or |, or )[0-9]+)*")]
    private static partial Regex Codes();

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Number();

    [GeneratedRegex(@"<<'?(?<end>[A-Z]+)'?")]
    private static partial Regex Heredoc();
}
