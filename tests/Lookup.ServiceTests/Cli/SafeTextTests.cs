using System.Text;
using Lookup.Cli.Output;

namespace Lookup.ServiceTests.Cli;

/// <summary>What others wrote does nothing to a terminal or a spreadsheet.</summary>
public sealed class SafeTextTests
{
    [Theory]
    [InlineData("plain é 漢 text", "plain é 漢 text")]
    [InlineData("\u001b[2J\u001b]0;title\u0007", "\\u001b[2J\\u001b]0;title\\u0007")]
    [InlineData("a\rb\tc\b", "a\\u000db\\u0009c\\u0008")]
    [InlineData("\u009b31m", "\\u009b31m")]
    [InlineData("abc\u202ecba", "abc\\u202ecba")]
    [InlineData("one\ntwo", "one\ntwo")]
    public void Printable_ControlCharacters_AreShownByTheirCodes(string text, string expected) => Assert.Equal(expected, SafeText.Printable(text));

    [Fact]
    public void Escape_TagsAndLines_AreText() => Assert.Equal("[[red]]\\n\\u001b", SafeText.Escape("[red]\n\u001b"));

    [Theory]
    [InlineData("=1+1", true)]
    [InlineData("  =A1", true)]
    [InlineData("+cmd|x", true)]
    [InlineData("@sum(1)", true)]
    [InlineData("-1+A2", true)]
    [InlineData("\t=1", true)]
    [InlineData("\r=1", true)]
    [InlineData("\uff1d1+1", true)]
    [InlineData(" \uff0b1+A1", true)]
    [InlineData("\uff20sum(1)", true)]
    [InlineData("+31612345678", false)]
    [InlineData("+31 (0)6-12.34/56", false)]
    [InlineData("-", false)]
    [InlineData("Anna = Bert", false)]
    [InlineData("", false)]
    public void IsFormula_OfACell_IsNotSoForANumber(string cell, bool expected) => Assert.Equal(expected, SafeText.IsFormula(Encoding.UTF8.GetBytes(cell)));

    [Theory]
    [InlineData("=1+1", "'=1+1")]
    [InlineData("a;=1+1", "a;'=1+1")]
    [InlineData("a;b", "a;b")]
    [InlineData("a,\"b\"", "\"a,\"\"b\"\"\"")]
    public void Cell_OfAList_IsNoFormulaBehindASemicolon(string text, string cell) => Assert.Equal(cell, SafeText.Cell(text));

    [Fact]
    public void Commands_WriteWhatOthersWrote_ThroughTheEscapeAlone()
    {
        var sources = Directory.EnumerateFiles(Path.Combine(Programs.Root(), "src/Lookup.Cli"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) && Path.GetFileName(file) != "SafeText.cs");
        Assert.DoesNotContain(sources, file => File.ReadAllText(file).Contains("Markup.Escape(", StringComparison.Ordinal));
    }
}
