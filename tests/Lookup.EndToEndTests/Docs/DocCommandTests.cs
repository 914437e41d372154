using System.Text.RegularExpressions;

namespace Lookup.EndToEndTests.Docs;

/// <summary>Every command that a page shows does what the page says.</summary>
public sealed partial class DocCommandTests
{
    /// <summary>The pages with a command that runs, but for the guide, which <see cref="GuideCommandTests"/> runs at the same time.</summary>
    public static TheoryData<string> Pages => [.. DocRun.Pages().Where(name => !GuideCommandTests.IsGuide(name))];

    [Theory]
    [MemberData(nameof(Pages))]
    public Task Page_EveryCommand_DoesWhatThePageSays(string name) => DocRun.RunAsync(name);

    [Fact]
    public void Blocks_OfEveryPage_HaveALanguage() =>
        Assert.Empty(DocPage.All().SelectMany(name => DocPage.Read(name).Unknown));

    [Fact]
    public void Commands_ThatDoNotRun_AreStillInAPage() =>
        Assert.Empty(NotRun.Unused([.. DocPage.All().SelectMany(name => DocPage.Read(name).Commands).Select(command => command.Text)]));

    // A page whose commands do not run names no file that is gone.
    [Fact]
    public void Commands_ThatDoNotRun_NamePathsThatExist() =>
        Assert.DoesNotContain(
            DocPage.All()
                .SelectMany(name => DocPage.Read(name).Commands.Where(command => NotRun.ReasonFor(command.Text) is not null))
                .SelectMany(command => PathOfRepository().Matches(command.Text).Select(match => match.Value)),
            path => !Path.Exists(Path.Combine(Programs.Root(), path)));

    [Theory]
    [InlineData("a\nb\n", "a\nb", true)]
    [InlineData("a\nb\n", "a", false)]
    [InlineData("a\nb\nc\n", "a\n…", true)]
    [InlineData("a\nb\nc\n", "…\nc", true)]
    [InlineData("a\nb\nc\n", "…\nd", false)]
    [InlineData("a\nb\nc\n", "a\nc", false)]
    [InlineData("import 20261124-141502-7f3a: 3 recorded\n", "import 20261123-000000-0000: 3 recorded", true)]
    [InlineData("import 20261124-141502-7f3a: 3 recorded\n", "import 20261123-000000-0000: 4 recorded", false)]
    [InlineData("at 14:00 +01:00\n", "at 14:00 …", true)]
    public void Shown_LinesOfAPage_AreThoseOfTheOutput(string output, string shown, bool matches)
    {
        var failure = Record.Exception(() => DocRun.AssertShown("", shown.Split('\n'), output));

        Assert.Equal(matches, failure is null);
    }

    [Theory]
    [InlineData("lookup check 1    # exit code 10", 10)]
    [InlineData("lookup check 1    # exit code 0, or 10 outside the calling hours", 0, 10)]
    [InlineData("lookup check 1    # exit code 11, 12 or 13", 11, 12, 13)]
    [InlineData("lookup check 1", 0)]
    public void Comment_OfACommand_StatesItsExitCodes(string line, params int[] codes) => Assert.Equal(codes, DocPage.StatedCodes(line));

    [GeneratedRegex(@"(?<= )(src|tests|deploy|samples|benchmarks|docs)/[\w./-]+")]
    private static partial Regex PathOfRepository();
}
