using System.Text.Json.Nodes;
using Lookup.Cli.Import;

namespace Lookup.ServiceTests.Cli;

/// <summary>Official lists, in every layout that a preset reads: imported, checked, and reverted.</summary>
public sealed class ListPresetTests(RunningService service) : IClassFixture<RunningService>, IDisposable
{
    private const string Objection = "--set organisation=acme";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Options, the file, what is said of it, a number that it forbids, and the kind of its facts.</summary>
    public static TheoryData<string, string, byte[], string, string> Lists => new()
    {
        { "--format ftc-dnc", "dnc.txt", Text("202,5550101\r\n305,5550102\r\n"), "ftc-dnc (National Do Not Call Registry of the FTC), full list, area code and number in columns 1 and 2", "+12025550101" },
        { "--format ftc-dnc", "dnc.zip", OfficeFile.Zip(("dnc.txt", "202,5550103\r\n305,5550104\r\n")), "zip (dnc.txt), ftc-dnc (", "+13055550104" },
        { "--format ftc-dnc", "parts.zip", OfficeFile.Zip(("202.txt", "202,5550105"), ("305.txt", "305,5550106\r\n")), "zip (2 files), ftc-dnc (", "+13055550106" },
        { "--format ftc-dnc", "dnc.xml", Text("<?xml version=\"1.0\"?>\n<list type=\"full\" level=\"all\" val=\"\"><ac val=\"202\"><ph val=\"5550107\"/><ph val=\"5550108\"/></ac></list>"), "XML, ftc-dnc (", "+12025550108" },
        { "--format ftc-dnc", "area.xml", Text("<list type='full' level='ac' val='202'><ph val='5550109' /><ph val='5550110' /></list>"), "XML, ftc-dnc (", "+12025550110" },
        { "--format ftc-dnc", "change.txt", Text("202,5550111,2024-01-20,A\r\n202,5550112,2024-01-20,D\r\n"), "ftc-dnc (National Do Not Call Registry of the FTC), change list, area code and number in columns 1 and 2, A or D in column 4, date in column 3", "+12025550111" },
        { "--format ftc-dnc --date-format MM/dd/yyyy", "change-us.txt", Text("202,5550113,A,01/02/2024\n202,5550114,D,01/03/2024\n"), "A or D in column 3, date in column 4", "+12025550113" },
        { "--format ftc-dnc", "change.xml", Text("<list type='change' level='all' val=''><ac val='202'><ph val='5550115' op='A' on='2024-01-20'/><ph val='5550116' op='D' on='2024-01-20'/></ac></list>"), "XML, ftc-dnc (", "+12025550115" },
        { "--set kind=registration --set register=us-dnc", "detected.txt", Text("202,5550117\r\n305,5550118\r\n"), "ftc-dnc (", "+12025550117" },
        { "--format lnnte", "dncl.csv", Text("416,5550101\n905,5550102\n"), "lnnte (National DNCL (LNNTE) of the CRTC), full list", "+14165550101" },
        { "--format lnnte", "dncl.zip", OfficeFile.Zip(("416.xml", "<list type='full' level='ac' val='416'><ac val='416'><ph val='5550103' /></ac></list>")), "XML, lnnte (", "+14165550103" },
        { "--format tps", "tps.txt", Text("0207 9460018\r\n01632 960123\r\n01697  73000\r\n"), "tps (Telephone Preference Service), one number on each line", "+44169773000" },
        { "--format ctps", "ctps.txt", Text("02079460019 \r\n01632960124 \r\n0169773001  \r\n"), "ctps (Corporate Telephone Preference Service), one number on each line", "+44169773001" },
        { "--format dncm", "dncm.txt", Text("022345671;2024-01-20\r\n0470123451;2024-02-20\r\n"), "dncm (Do Not Call Me list), number in column 1, date of the registration in column 2", "+32470123451" },
        { "--format vicidial-dnc --set region=US " + Objection, "dnc.tsv", Text("phone_number\n2025550121\n3055550122\n"), "vicidial-dnc (VICIdial DNC table), vicidial_dnc with column names", "+13055550122" },
        { "--format vicidial-dnc --set region=US " + Objection, "bare.txt", Text("2025550123\n3055550124\n"), "vicidial_dnc without column names", "+12025550123" },
        { "--format vicidial-dnc --set region=US " + Objection, "campaign.tsv", Text("phone_number\tcampaign_id\n2025550125\tSALES\n3055550126\tSALES\n"), "vicidial_campaign_dnc with column names", "+12025550125" },
        { "--format vicidial-dnc --set region=US --map organisation=campaign_id", "named.tsv", Text("phone_number\tcampaign_id\n2025550127\tacme\n3055550128\tacme\n"), "vicidial_campaign_dnc with column names", "+12025550127" },
        { "--format vicidial-dnc --set region=US --timezone America/Chicago " + Objection, "log.tsv", Text("2025550129\t-SYSINT-\tadd\t2024-03-12 10:00:00\t6666\n3055550130\t\tdelete\t2024-03-12 10:00:00\t6666\n"), "vicidial_dnc_log without column names", "+12025550129" },
    };

    [Theory]
    [MemberData(nameof(Lists))]
    public async Task List_AsFacts_IsImportedCheckedAndReverted(string options, string name, byte[] content, string readAs, string number)
    {
        string[] to = ["--address", service.Address];
        var file = _folder.Write(name, content);

        var look = await CliRun.Async(["import", file, .. options.Split(' '), "--dry-run"]);
        var import = await CliRun.Async(["import", file, .. options.Split(' '), "--json", .. to]);

        Assert.True(look.ExitCode == 0 && import.ExitCode == 0, look.Error + look.Output + import.Error + import.Output);
        Assert.Contains("read as: ", look.Output, StringComparison.Ordinal);
        Assert.Contains(readAs, (string)JsonNode.Parse(import.Output)!["read_as"]!, StringComparison.Ordinal);
        Assert.NotEmpty(await FactsAsync(number));
        var revert = await CliRun.Async(["revert", (string)JsonNode.Parse(import.Output)!["import_id"]!, "--yes", .. to]);
        Assert.True(revert.ExitCode == 0, revert.Error);
        Assert.Empty(await FactsAsync(number));
    }

    /// <summary>Snapshots of the registers, one after the other: format, register, first and second content, and a number that leaves.</summary>
    public static TheoryData<string, string, string, string, string> Snapshots => new()
    {
        { "ftc-dnc", "us-dnc", "202,5550101\r\n202,5550102\r\n", "202,5550102\r\n202,5550103\r\n", "+12025550101" },
        { "lnnte", "ca-dncl", "416,5550101\n416,5550102\n", "416,5550102\n416,5550103\n", "+14165550101" },
        { "tps", "uk-tps", "0207 9460018\r\n01632 960123\r\n", "01632 960123\r\n01632 960124\r\n", "+442079460018" },
        { "ctps", "uk-ctps", "02079460018 \r\n01632960123 \r\n", "01632960123 \r\n01632960124 \r\n", "+442079460018" },
        { "dncm", "be-dncm", "022345671,2024-01-20\n022345672,2024-01-20\n", "022345672,2024-01-20\n022345673,2024-02-20\n", "+3222345671" },
    };

    [Theory]
    [MemberData(nameof(Snapshots))]
    public async Task Register_AsSnapshots_IsUpdatedAndReverted(string format, string register, string first, string second, string leaves)
    {
        await using var own = new RunningService();
        await own.InitializeAsync();
        string[] to = ["--format", format, "--accept-change", "--json", "--address", own.Address];

        var one = await CliRun.Async(["import", _folder.Write("one.txt", first), "--snapshot", "2024-03-01", .. to]);
        var listed = Withdrawn(await FactsAsync(leaves, own));
        var two = await CliRun.Async(["import", _folder.Write("two.txt", second), "--snapshot", "2024-03-20", .. to]);
        var left = Withdrawn(await FactsAsync(leaves, own));
        var revert = await CliRun.Async("revert", (string)JsonNode.Parse(two.Output)!["import_id"]!, "--yes", "--address", own.Address);
        var again = Withdrawn(await FactsAsync(leaves, own));

        Assert.True(one.ExitCode == 0 && two.ExitCode == 0 && revert.ExitCode == 0, one.Error + two.Error + revert.Error);
        Assert.Equal((register, 1, 1), ((string)JsonNode.Parse(two.Output)!["register"]!, (int)JsonNode.Parse(two.Output)!["additions"]!, (int)JsonNode.Parse(two.Output)!["removals"]!));
        Assert.Equal((false, true, false), (listed, left, again));
    }

    [Fact]
    public async Task ChangeList_AfterASnapshot_AddsAndRemovesAndIsReverted()
    {
        await using var own = new RunningService();
        await own.InitializeAsync();
        string[] to = ["--format", "ftc-dnc", "--json", "--address", own.Address];
        Assert.Equal(0, (await CliRun.Async(["import", _folder.Write("full.txt", "202,5550101\n202,5550102\n"), "--snapshot", "2024-03-01", "--accept-change", .. to])).ExitCode);

        var change = await CliRun.Async(["import", _folder.Write("change.txt", "202,5550101,2024-03-05,D\n202,5550103,2024-03-05,A\n"), .. to]);
        var removed = Withdrawn(await FactsAsync("+12025550101", own));
        var added = Withdrawn(await FactsAsync("+12025550103", own));
        var revert = await CliRun.Async("revert", (string)JsonNode.Parse(change.Output)!["import_id"]!, "--yes", "--address", own.Address);

        Assert.True(change.ExitCode == 0 && revert.ExitCode == 0, change.Error + revert.Error);
        Assert.Equal((true, false), (removed, added));
        Assert.False(Withdrawn(await FactsAsync("+12025550101", own)));
        Assert.Empty(await FactsAsync("+12025550103", own));
    }

    [Theory]
    [InlineData("202,5550101,2024-03-05,D\n", "--format ftc-dnc --snapshot 2024-03-20", "a.txt is a change list, not the register's complete content: import it without --snapshot.")]
    [InlineData("202,5550101,2024-03-05,D\n", "--format ftc-dnc --register us-dnc --snapshot 2024-03-20", "a.txt is a change list")]
    [InlineData("202,5550101\n", "--set kind=registration", "a.txt has an area code and a number on each line: add --format ftc-dnc (United States) or --format lnnte (Canada).")]
    [InlineData("<list type='full' level='all' val=''><ac val='202'><ph val='5550101'/></ac></list>", "--set kind=registration", "a.txt has an area code and a number on each line: add --format ftc-dnc")]
    [InlineData("2025550101\n", "--format ftc-dnc", "a.txt does not have the layout of --format ftc-dnc: an area code and a number on each line, in a change list also A or D and a date.")]
    [InlineData("202,5550101,2024-03-05,X\n", "--format ftc-dnc", "a.txt does not have the layout of --format ftc-dnc")]
    [InlineData("202,5550101,A,D\n", "--format ftc-dnc", "a.txt does not have the layout of --format ftc-dnc")]
    [InlineData("202,5550101,A,Smith\n", "--format ftc-dnc", "a.txt does not have the layout of --format ftc-dnc")]
    [InlineData("number\n02079460018\n", "--format tps", "a.txt does not have the layout of --format tps: one number of up to 12 digits and spaces on each line.")]
    [InlineData("lead_id\n2025550101\n", "--format vicidial-dnc --set organisation=acme --set region=US", "a.txt does not have the layout of --format vicidial-dnc")]
    [InlineData("phone_number\n2025550101\n", "--format vicidial-dnc --set organisation=acme", "--format vicidial-dnc: the numbers have no country code: set their region, for example --set region=US.")]
    [InlineData("phone_number\n2025550101\n", "--format vicidial-dnc --set region=US", "a.txt has no column for the organisation, which an objection requires")]
    public async Task File_WithoutTheLayout_IsAUsageError(string content, string options, string expected)
    {
        var run = await CliRun.Async(["import", _folder.Write("a.txt", content), "--dry-run", .. options.Split(' ')]);

        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<list type='half' level='all' val=''><ac val='202'><ph val='5550101'/></ac></list>", "The XML list is of the type 'half', which is neither 'full' nor 'change'.")]
    [InlineData("<list type='full' level='all' val=''><zz val='202'/><ph val='5550101'/></list>", "The XML list has an element 'zz', which is not known")]
    [InlineData("<list type='full' level='all' val=''><ac val='202'><ph val='5550101'/></ac>", "is truncated or damaged")]
    [InlineData("<!DOCTYPE list [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><list type='full' level='all' val=''><ac val='202'><ph val='&x;'/></ac></list>", "is truncated or damaged")]
    public async Task Xml_OfAnotherKind_IsOneSentence(string content, string expected)
    {
        var run = await CliRun.Async("import", _folder.Write("a.xml", content), "--dry-run", "--format", "ftc-dnc");

        Assert.Equal((1, ""), (run.ExitCode, run.Output));
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WrongLine_OfAnOfficialList_IsRefusedAndNeverReadAsAnotherNumber()
    {
        var lines = string.Concat(Enumerable.Range(0, 60).Select(i => $"202,55501{i:D2}\n"));
        var file = _folder.Write("a.txt", lines + ",5550140\n202,\n20,25550141\n202,5550142,A\n202,5550143x\n0000032\n");

        var run = await CliRun.Async("import", file, "--format", "ftc-dnc", "--dry-run", "--json");
        var snapshot = await CliRun.Async("import", file, "--format", "ftc-dnc", "--snapshot", "2024-03-20", "--accept-change", "--dry-run", "--address", service.Address);

        Assert.Equal((3, 1), (run.ExitCode, snapshot.ExitCode));
        Assert.Equal((60, 6), ((int)JsonNode.Parse(run.Output)!["recorded"]!, (int)JsonNode.Parse(run.Output)!["rejected"]!));
        Assert.StartsWith("lookup: 6 lines have no valid number; --max-rejects allows 0.", snapshot.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Document_AndHelp_NameEveryPreset()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "Lookup.sln")))
        {
            folder = folder.Parent;
        }

        var help = (await CliRun.Async("import", "--help")).Output;
        var rows = (await File.ReadAllTextAsync(Path.Combine(folder.FullName, "docs", "guide", "import.md"), TestContext.Current.CancellationToken)).Split('\n')
            .SkipWhile(line => !line.StartsWith("| format", StringComparison.Ordinal)).Skip(2).TakeWhile(line => line.StartsWith('|'));
        Assert.Equal(ListPreset.All.Select(preset => $"`{preset.Name}`"), rows.Select(row => row.Split('|')[1].Trim()));
        Assert.All(ListPreset.All, preset => Assert.Contains(preset.Name, help, StringComparison.Ordinal));
    }

    private static byte[] Text(string text) => System.Text.Encoding.UTF8.GetBytes(text);

    private static bool Withdrawn(JsonArray facts) =>
        facts.Single(fact => fact!["current"]!.GetValue<bool>())!["fact"]!["withdrawn"]?.GetValue<bool>() ?? false;

    private Task<JsonArray> FactsAsync(string number) => FactsAsync(number, service);

    private static async Task<JsonArray> FactsAsync(string number, RunningService service) =>
        JsonNode.Parse((await CliRun.Async("facts", number, "--json", "--address", service.Address)).Output)!["facts"]?.AsArray() ?? [];
}
