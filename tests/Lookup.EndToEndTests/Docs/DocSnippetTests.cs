using System.Text.RegularExpressions;

namespace Lookup.EndToEndTests.Docs;

/// <summary>The C# of the pages compiles: it is in <see cref="ClientSnippets"/>, line by line.</summary>
public sealed partial class DocSnippetTests
{
    public static TheoryData<string> Pages => [.. DocPage.All().Where(name => Block().IsMatch(Read(name)))];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Snippets_OfAPage_Compile(string name)
    {
        var compiled = string.Join('\n', Lines(Read("tests/Lookup.EndToEndTests/Docs/ClientSnippets.cs")));
        foreach (Match block in Block().Matches(Read(name)))
        {
            var snippet = string.Join('\n', Lines(block.Groups["code"].Value).Where(line => !line.StartsWith("using Lookup.", StringComparison.Ordinal)));
            Assert.True(compiled.Contains(snippet, StringComparison.Ordinal), $"{name}: not in ClientSnippets:\n{snippet}");
        }
    }

    // Without indentation, comments and blank lines.
    private static IEnumerable<string> Lines(string code) =>
        code.Split('\n').Select(line => Comment().Replace(line, "").Trim()).Where(line => line.Length > 0);

    private static string Read(string name) => File.ReadAllText(Path.Combine(Programs.Root(), name));

    [GeneratedRegex("```csharp\n(?<code>.*?)```", RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex("(?<=^|[ \t])//.*$")]
    private static partial Regex Comment();
}
