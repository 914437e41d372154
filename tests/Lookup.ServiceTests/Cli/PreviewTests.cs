using System.Text.Json.Nodes;

namespace Lookup.ServiceTests.Cli;

/// <summary>lookup preview: counts, and nothing else.</summary>
public sealed class PreviewTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Whole_List_IsCountedByReason()
    {
        var run = await PreviewAsync("--json", "--at", "2024-03-12T14:00:00+01:00");

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        var json = JsonNode.Parse(run.Output)!;
        Assert.Equal(
            """{"allow":{"consent":8000},"deny":{"objection":6000,"registered":2000},"invalid":{"letters":1},"not_covered":{"no_regime":2000},"unknown":{"history_cut":2000}}""",
            json["counts"]!.ToJsonString());
        Assert.Equal(20_001, json["records"]!.GetValue<long>());
        Assert.True(json["hypothetical"]!.GetValue<bool>());
        Assert.Equal(["a.txt"], Directory.EnumerateFiles(_folder.Path).Select(path => Path.GetFileName(path)));
    }

    [Fact]
    public async Task Sample_OfAList_IsFairAndRepeatable()
    {
        var first = JsonNode.Parse((await PreviewAsync("--json", "--sample", "5000", "--seed", "3")).Output)!;
        var again = JsonNode.Parse((await PreviewAsync("--json", "--sample", "5000", "--seed", "3")).Output)!;
        var other = JsonNode.Parse((await PreviewAsync("--json", "--sample", "5000", "--seed", "4")).Output)!;

        Assert.Equal((20_001, 5000), (first["records"]!.GetValue<long>(), first["sampled"]!.GetValue<int>()));
        Assert.Equal(first.ToJsonString(), again.ToJsonString());
        Assert.NotEqual(first["counts"]!.ToJsonString(), other["counts"]!.ToJsonString());
        // 40 % of 5,000; seven standard deviations to each side.
        Assert.InRange(first["counts"]!["allow"]!["consent"]!.GetValue<long>(), 1790, 2210);
    }

    [Fact]
    public async Task Table_ForPeople_HasSharesAndTheMarginOfASample()
    {
        var run = await PreviewAsync("--sample", "5000", "--seed", "3");

        Assert.Matches("a.txt: 20,001 lines, 5,000 of them drawn at random \\(seed 3\\). one number per line, without a header.", run.Output);
        Assert.Matches("allow +consent +[0-9,]+ +[0-9.]+ % ± 1.2", run.Output);
    }

    private async Task<CliRun> PreviewAsync(params string[] more)
    {
        var path = _folder.Write("a.txt", ListScript.Numbers(20_000) + "call me\n");
        await using var service = await ScriptedService.StartAsync(new ListScript().Script);
        return await CliRun.Async(["preview", path, "--org", "acme", "--purpose", "commercial", "--address", service.Address, .. more]);
    }
}
