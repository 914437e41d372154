using Lookup.Testing.Clients;
using Lookup.Load.Processes;
using Lookup.Load.Results;

namespace Lookup.Tests.Load;

/// <summary>The mistakes that `Lookup.Load chaos --prove` plants.</summary>
public sealed class DefectTests
{
    public static TheoryData<string> Patches => [.. Directory.EnumerateFiles(Folder, "*.patch").Select(file => Path.GetFileNameWithoutExtension(file)!)];

    private static string Folder => Path.Combine(Repository.Root, "benchmarks", "Lookup.Load", "Chaos", "defects");

    [Theory]
    [MemberData(nameof(Patches))]
    public async Task Patch_OnTheSourcesOfNow_FindsItsPlace(string name)
    {
        Programs.Require("git");
        var result = await Tool.RunAsync(
            "git", ["-C", Repository.Root, "apply", "--check", Path.Combine(Folder, name + ".patch")], TestContext.Current.CancellationToken);

        Assert.True(result.ExitCode == 0, result.Error);
    }

    [Fact]
    public void Patches_OneForEachDefect_AreThere() => Assert.Equal(7, Patches.Count);
}
