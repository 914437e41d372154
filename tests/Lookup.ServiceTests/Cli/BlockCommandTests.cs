using System.Text.Json.Nodes;
using Lookup.Client;
using Lookup.V1;

namespace Lookup.ServiceTests.Cli;

/// <summary>Blocks of number ranges from the command line: recorded, imported, watched, explained, removed and reverted.</summary>
public sealed class BlockCommandTests(RunningService service) : IClassFixture<RunningService>, IDisposable
{
    private readonly TempFolder _folder = new();

    private string[] To => ["--address", service.Address];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task RecordBlock_ForbidsUntilUnblocked_AndIsNamedEverywhere()
    {
        const string Number = "+13135550100";
        string[] block = ["313XXXXXXX", "--region", "US", "--org", "acme"];
        var recorded = await RunAsync(["record", "block", .. block, "--until", "2199-01-01T00:00:00Z", "--reason", "contract ended", "--actor", "anna"]);
        Assert.Contains("Recorded the block of +1313XXXXXXX.", recorded.Output, StringComparison.Ordinal);
        Assert.Contains("Unchanged", (await RunAsync(["record", "block", .. block, "--until", "2199-01-01T00:00:00Z"])).Output, StringComparison.Ordinal);
        Assert.Contains("NUMBER_BLOCKED", (await CheckAsync(Number)).Output, StringComparison.Ordinal);
        Assert.Contains("Block of +1313XXXXXXX for acme since", (await RunAsync(["explain", Number, "--org", "acme", "--purpose", "commercial"], anyExit: true)).Output, StringComparison.Ordinal);
        Assert.Contains("because contract ended", (await RunAsync(["blocks", Number])).Output, StringComparison.Ordinal);
        Assert.Contains("Blocks of ranges over the number", (await RunAsync(["facts", Number])).Output, StringComparison.Ordinal);
        var dossier = await RunAsync(["dossier", Number, "--json"]);
        var entry = JsonNode.Parse(dossier.Output)!["entries"]!.AsArray().Single(one => (string?)one!["kind"] == "block")!;
        Assert.Equal("block of +1313XXXXXXX for acme", (string?)entry["title"]);

        Assert.Contains("Removed", (await RunAsync(["unblock", .. block, "--reason", "new contract"])).Output, StringComparison.Ordinal);
        var again = await RunAsync(["unblock", .. block], anyExit: true);
        Assert.Equal(3, again.ExitCode);
        Assert.DoesNotContain("NUMBER_BLOCKED", (await CheckAsync(Number)).Output, StringComparison.Ordinal);
        Assert.Contains("No blocks.", (await RunAsync(["blocks", Number])).Output, StringComparison.Ordinal);
        Assert.Contains("because new contract", (await RunAsync(["blocks", Number, "--ended"])).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RecordBlock_ForAnOrganisationThatNobodyKnows_Warns() =>
        Assert.Contains("warning", (await RunAsync(["record", "block", "303XXXXXXX", "--region", "US", "--org", "acne"])).Output, StringComparison.Ordinal);

    [Fact]
    public async Task RecordBlock_ByRange_ForAll()
    {
        string[] range = ["--range", "020 1234500", "020 1234699", "--region", "NL", "--org", "*"];
        Assert.Contains("+31201234500 to +31201234699", (await RunAsync(["record", "block", .. range, "--json"])).Output, StringComparison.Ordinal);
        Assert.Contains("NUMBER_BLOCKED", (await CheckAsync("+31201234600")).Output, StringComparison.Ordinal);
        await RunAsync(["unblock", .. range]);
    }

    [Theory]
    [InlineData("record block --org acme", 2, "313XXXXXXX")]
    [InlineData("record block 313XXXXXXX --range 1 2 --org acme", 2, "give one of them")]
    [InlineData("record block +1313XXXXXXX", 2, "--org is missing")]
    [InlineData("record block +1313XXXXXXX --org acme --register us-dnc", 2, "--register does not belong")]
    [InlineData("record block +1313XXXXXXX --org acme --withdrawn", 2, "lookup unblock")]
    [InlineData("record objection --org acme", 2, "NUMBER is missing")]
    [InlineData("record objection +31612345678 --org acme --range +1 +2", 2, "lookup record block")]
    [InlineData("record block +31612345678 --org acme", 1, "record an objection. The block is NOT recorded")]
    [InlineData("record block +31* --org acme", 1, "--whole-country")]
    [InlineData("record block 313qXXXXXX --region US --org acme", 1, "Character 4 is 'q'")]
    public async Task WrongBlock_IsRefused_WithTheReason(string command, int exitCode, string why)
    {
        var run = await RunAsync(command.Split(' '), anyExit: true);
        Assert.Equal(exitCode, run.ExitCode);
        Assert.Contains(why, run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task VicidialFile_WithPrefixes_IsImportedAndReverted(bool direct)
    {
        var to = direct ? ["--data", await _folder.StoreAsync()] : To;
        var file = _folder.Write("dnc.tsv", "phone_number\n2125550121\n646XXXXXXX\n64655501XX\n6465X50121\n646555012X\n");
        string[] options = ["--format", "vicidial-dnc", "--set", "region=US", "--set", "organisation=acme"];
        var look = await CliRun.Async(["import", file, .. options, "--dry-run", "--json"]);
        var import = await CliRun.Async(["import", file, .. options, "--json", .. to]);
        foreach (var json in new[] { look, import }.Select(run => JsonNode.Parse(run.Output)!))
        {
            Assert.Equal((5, 3, 2), ((int)json["lines"]!, (int)json["recorded"]!, (int)json["rejected"]!));
            Assert.Equal(2, (int)json["rejected_opt_outs"]!);
            Assert.Equal([5, 6], json["first_rejects"]!.AsArray().Select(one => (int)one!["line"]!));
        }

        Assert.Equal(3, import.ExitCode);
        var id = (string)JsonNode.Parse(import.Output)!["import_id"]!;
        if (!direct)
        {
            Assert.Contains("NUMBER_BLOCKED", (await CheckAsync("+16465550100")).Output, StringComparison.Ordinal);
            Assert.Contains(id, (await RunAsync(["blocks", "+16465550100"])).Output, StringComparison.Ordinal);
        }

        var again = await CliRun.Async(["import", file, .. options, "--json", .. to]);
        var other = (string)JsonNode.Parse(again.Output)!["import_id"]!;
        // An objection without a date is recorded again, a block in force is not.
        Assert.Equal((1, 2), ((int)JsonNode.Parse(again.Output)!["recorded"]!, (int)JsonNode.Parse(again.Output)!["unchanged"]!));
        Assert.Equal(0, (await CliRun.Async(["revert", id, "--yes", .. to])).ExitCode);
        if (!direct)
        {
            // The second import recorded them too.
            Assert.Contains("NUMBER_BLOCKED", (await CheckAsync("+16465550100")).Output, StringComparison.Ordinal);
        }

        var reverted = await CliRun.Async(["revert", other, "--yes", "--json", .. to]);
        Assert.True(reverted.ExitCode == 0, reverted.Error);
        Assert.Contains("block", reverted.Output, StringComparison.Ordinal);
        if (!direct)
        {
            Assert.DoesNotContain("NUMBER_BLOCKED", (await CheckAsync("+16465550100")).Output, StringComparison.Ordinal);
            Assert.Contains("No blocks.", (await RunAsync(["blocks", "+16465550100", "--ended"])).Output, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("+33692*", "+262692*", "+262692123456")]
    [InlineData("+594976*", "+33976*", "+33976512345")]
    [InlineData("+35348*", "+4428*", "+442890123456")]
    [InlineData("+390549*", "+3780549*", "+3780549886377")]
    public async Task BlockInAnotherForm_IsThatOfTheNumber_AndIsRemovedByEitherForm(string form, string value, string number)
    {
        foreach (var (recorded, removed) in new[] { (form, form), (form, value), (value, form) })
        {
            Assert.Contains(value, (await RunAsync(["record", "block", recorded, "--org", "acme"])).Output, StringComparison.Ordinal);
            Assert.Contains("NUMBER_BLOCKED", (await CheckAsync(number)).Output, StringComparison.Ordinal);
            await RunAsync(["unblock", removed, "--org", "acme"]);
            Assert.DoesNotContain("NUMBER_BLOCKED", (await CheckAsync(number)).Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task FileOfBlocks_HasColumnsForEndAndOrganisation()
    {
        var file = _folder.Write("blocks.csv", "kind,number,organisation,until\nblock,+4420794602XX,acme,2199-01-01T00:00:00Z\nblock,+4420794603XX,*,\n");
        var import = await RunAsync(["import", file, "--set", "source=office"]);
        Assert.Contains("2 recorded", import.Output, StringComparison.Ordinal);
        Assert.Contains("NUMBER_BLOCKED", (await CheckAsync("+442079460250")).Output, StringComparison.Ordinal);
        Assert.Contains("2199-01-01", (await RunAsync(["blocks", "+442079460250"])).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Watch_WithBlocks_StartsWithThoseInForce_AndTellsEachChange()
    {
        await RunAsync(["record", "block", "+3225512XXX", "--org", "*"]);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        end.CancelAfter(TimeSpan.FromMinutes(2));
        using var client = new LookupClient(new LookupClientOptions { Address = new Uri(service.Address) });
        await using var events = client.WatchAsync(new WatchRequest { Blocks = true }, end.Token).GetAsyncEnumerator(end.Token);
        Assert.True((await NextAsync("+3225512XXX")).Current);
        await RunAsync(["record", "block", "+3225513XXX", "--org", "*"]);
        Assert.True((await NextAsync("+3225513XXX")).Current);
        await RunAsync(["unblock", "+3225512XXX", "--org", "*"]);
        Assert.False((await NextAsync("+3225512XXX")).Current);

        async Task<KnownBlock> NextAsync(string numbers)
        {
            while (await events.MoveNextAsync())
            {
                if (events.Current.Block is { } block && block.Numbers == numbers)
                {
                    return block;
                }
            }

            throw new InvalidOperationException("The watch ended.");
        }
    }

    private Task<CliRun> CheckAsync(string number) => RunAsync(["check", number, "--org", "acme", "--purpose", "commercial", "--exact", "--all-reasons", "--json"], anyExit: true);

    private async Task<CliRun> RunAsync(string[] arguments, bool anyExit = false)
    {
        var run = await CliRun.Async([.. arguments, .. To]);
        Assert.True(anyExit || run.ExitCode == 0, run.Error + run.Output);
        return run;
    }
}
