using System.Text.RegularExpressions;
using Lookup.Cli.Import;

namespace Lookup.ServiceTests.Cli;

/// <summary>docs/guide/import.md says what the tool does: its examples are imported, its table names every field.</summary>
public sealed partial class ImportDocumentTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public static TheoryData<string, string, string> Examples
    {
        get
        {
            var data = new TheoryData<string, string, string>();
            foreach (Match match in Example().Matches(Document()))
            {
                data.Add(match.Groups["name"].Value, match.Groups["options"].Value.Trim(), match.Groups["content"].Value);
            }

            return data;
        }
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Examples))]
    public async Task Example_OfTheDocument_IsAcceptedWhole(string name, string options, string content)
    {
        var path = _folder.Write(name, content);

        var run = await CliRun.Async(["import", path, "--dry-run", .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        var lines = content.TrimEnd().Split('\n').Length - (name.EndsWith(".csv", StringComparison.Ordinal) ? 1 : 0);
        Assert.Contains($"{lines} would be recorded, 0 rejected", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Table_OfFields_NamesExactlyTheFields()
    {
        var rows = Document().Split('\n').SkipWhile(line => !line.StartsWith("| field", StringComparison.Ordinal)).Skip(2).TakeWhile(line => line.StartsWith('|'));
        var names = rows.SelectMany(row => Code().Matches(row.Split('|')[1]).Select(match => match.Groups[1].Value));

        Assert.Equal(Fields.Names.Order(), names.Order());
    }

    [Fact]
    public void Examples_OfTheDocument_AreFound() => Assert.Equal(4, Examples.Count);

    private static string Document()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "Lookup.sln")))
        {
            folder = folder.Parent;
        }

        return File.ReadAllText(Path.Combine(folder.FullName, "docs", "guide", "import.md")).ReplaceLineEndings("\n");
    }

    [GeneratedRegex(@"<!-- import: (?<name>[^ ]+)(?<options>.*?) ?-->\n```[a-z]+\n(?<content>.*?)```", RegexOptions.Singleline)]
    private static partial Regex Example();

    [GeneratedRegex("`([a-z0-9_]+)`")]
    private static partial Regex Code();
}
