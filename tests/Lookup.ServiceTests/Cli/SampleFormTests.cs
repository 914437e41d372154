using System.CommandLine.Parsing;

namespace Lookup.ServiceTests.Cli;

/// <summary>samples/data/forms: every command of its page runs, and every file is used.</summary>
public sealed class SampleFormTests(RunningService service) : IClassFixture<RunningService>
{
    public static TheoryData<string> Commands => [.. Lines()];

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Command_OfThePage_ReadsItsFileWhole(string line)
    {
        string[] words = [.. CommandLineParser.SplitCommandLine(line).Skip(1)];
        words = [.. words.Select((word, i) => i == 1 || (i > 0 && words[i - 1] == "--cleaned") ? Path.Combine(Folder(), word) : word)];

        var run = await CliRun.Async(words.Contains("--dry-run") ? words : [.. words, "--address", service.Address]);

        Assert.True(run.ExitCode == 0, run.Error + run.Output);
        Assert.DoesNotContain("invalid", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void File_IsUsedByThePage() => Assert.Equal(
        Directory.GetFiles(Folder()).Select(Path.GetFileName).Where(name => name != "README.md" && !name!.Contains(".rejects.", StringComparison.Ordinal)).Order(),
        Lines().SelectMany(line => line.Split(' ') is var words ? words.Where((_, i) => i == 2 || (i > 0 && words[i - 1] == "--cleaned")) : []).Order());

    private static IEnumerable<string> Lines() =>
        File.ReadLines(Path.Combine(Folder(), "README.md")).Where(line => line.StartsWith("lookup ", StringComparison.Ordinal));

    private static string Folder()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "Lookup.sln")))
        {
            folder = folder.Parent;
        }

        return Path.Combine(folder.FullName, "samples", "data", "forms");
    }
}
