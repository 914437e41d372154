using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Lookup.V1;

namespace Lookup.EndToEndTests.Cli;

/// <summary>An import as a process that is stopped in the middle, and the same command again.</summary>
public sealed class ImportStoppedTests : IDisposable
{
    private const int Count = 60_000;

    private readonly TempFolder _folder = new();
    private readonly ConcurrentDictionary<string, int> _seen = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Import_Killed_GoesOnToTheSameEndState()
    {
        var path = Write();
        await using var service = await ScriptedService.StartAsync(Slow());
        using (var first = Start(path, service))
        {
            // Well beyond the checkpoint, so that some of what comes after it is recorded already.
            await first.UntilAsync(() => File.Exists(path + ".checkpoint"));
            var at = _seen.Count;
            await first.UntilAsync(() => _seen.Count > at + 2000);
            await first.KillAsync();
        }

        var before = _seen.Count;
        Assert.InRange(before, 1, Count - 1);

        var second = await Start(path, service, "--json").EndAsync();

        var summary = JsonNode.Parse(second.Output)!;
        Assert.Equal((3, ""), (second.ExitCode, second.Error));
        Assert.True(summary["resumed_after_line"]!.GetValue<long>() > 0);
        await AssertWholeAsync(path, summary);
        // What was under way may have been sent twice, and no more often.
        Assert.DoesNotContain(_seen.Values, times => times > 2);
    }

    [Fact]
    public async Task Import_Interrupted_EndsAtOnceAndGoesOn()
    {
        var path = Write();
        await using var service = await ScriptedService.StartAsync(Slow());
        using var first = Start(path, service);
        // Written with the first acknowledgement; before it there is nothing to go on from.
        await first.UntilAsync(() => File.Exists(path + ".checkpoint"));
        first.Interrupt();
        var stopped = await first.EndAsync();

        Assert.Equal(130, stopped.ExitCode);
        Assert.Matches("^lookup: Stopped after line [0-9]+: run the same command again to resume.\n$", stopped.Error);
        Assert.True(File.Exists(path + ".checkpoint"));

        var second = await Start(path, service, "--json").EndAsync();

        await AssertWholeAsync(path, JsonNode.Parse(second.Output)!);
    }

    private ScriptedService.Script Slow() => new()
    {
        Import = batch =>
        {
            Thread.Sleep(20);
            foreach (var fact in batch.Facts)
            {
                _seen.AddOrUpdate(fact.Number, 1, static (_, times) => times + 1);
            }

            return new ImportFactsResponse { Sequence = batch.Sequence, Recorded = (uint)batch.Facts.Count };
        },
    };

    private async Task AssertWholeAsync(string path, JsonNode summary)
    {
        Assert.Equal(Count, summary["lines"]!.GetValue<long>());
        Assert.Equal(Count / 1000, summary["rejected"]!.GetValue<long>());
        Assert.Equal(Count - (Count / 1000), _seen.Count);
        Assert.False(File.Exists(path + ".checkpoint"));
        var rejects = await File.ReadAllLinesAsync(path + ".rejects.csv", TestContext.Current.CancellationToken);
        var expected = Enumerable.Range(0, Count).Where(IsBad)
            .Select(i => $"{i + 2},withdrawn,'perhaps' is not a boolean; use true or false,\"'+3165{i:D7},perhaps\"")
            .Prepend("line,column,reason,content");
        Assert.Equal(expected, rejects);
    }

    private string Write() =>
        _folder.Write("a.csv", "number,withdrawn\n" + string.Concat(Enumerable.Range(0, Count).Select(i => $"+3165{i:D7},{(IsBad(i) ? "perhaps" : "no")}\n")));

    private static bool IsBad(int i) => i % 1000 == 500;

    private static ToolProcess Start(string path, ScriptedService service, params string[] more) =>
        ToolProcess.Start(["import", path, "--set", "kind=objection", "--set", "organisation=acme", "--address", service.Address, .. more]);
}
