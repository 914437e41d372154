namespace Lookup.EndToEndTests.Docs;

/// <summary>The commands of the README and of the guide, see <see cref="DocCommandTests"/>.</summary>
public sealed class GuideCommandTests
{
    public static TheoryData<string> Pages => [.. DocRun.Pages().Where(IsGuide)];

    [Theory]
    [MemberData(nameof(Pages))]
    public Task Page_EveryCommand_DoesWhatThePageSays(string name) => DocRun.RunAsync(name);

    internal static bool IsGuide(string name) => name == "README.md" || name.StartsWith("docs/guide/", StringComparison.Ordinal);
}
