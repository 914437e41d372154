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
    public static TheoryData<string, string, byte[], string, string, int, int> Lists => new()
    {
        { "--format ftc-dnc", "dnc.txt", Text("202,5550101\r\n305,5550102\r\n"), "ftc-dnc (National Do Not Call Registry of the FTC), full list, area code and number in columns 1 and 2", "+12025550101", 2, 0 },
        { "--format ftc-dnc", "dnc.zip", OfficeFile.Zip(("dnc.txt", "202,5550103\r\n305,5550104\r\n")), "zip (dnc.txt), ftc-dnc (", "+13055550104", 2, 0 },
        { "--format ftc-dnc", "parts.zip", OfficeFile.Zip(("202.txt", "202,5550105"), ("305.txt", "305,5550106\r\n")), "zip (2 files), ftc-dnc (", "+13055550106", 2, 0 },
        { "--format ftc-dnc", "dnc.xml", Text("<?xml version=\"1.0\"?>\n<list type=\"full\" level=\"all\" val=\"\"><ac val=\"202\"><ph val=\"5550107\"/><ph val=\"5550108\"/></ac></list>"), "XML, ftc-dnc (", "+12025550108", 2, 0 },
        { "--format ftc-dnc", "area.xml", Text("<list type='full' level='ac' val='202'><ph val='5550109' /><ph val='5550110' /></list>"), "XML, ftc-dnc (", "+12025550110", 2, 0 },
        { "--format ftc-dnc", "change.txt", Text("202,5550111,2024-01-20,A\r\n202,5550112,2024-01-20,D\r\n"), "ftc-dnc (National Do Not Call Registry of the FTC), change list, area code and number in columns 1 and 2, A or D in column 4, date in column 3", "+12025550111", 2, 0 },
        { "--format ftc-dnc --date-format MM/dd/yyyy", "change-us.txt", Text("202,5550113,A,01/02/2024\n202,5550114,D,01/03/2024\n"), "A or D in column 3, date in column 4", "+12025550113", 2, 0 },
        { "--format ftc-dnc", "change.xml", Text("<list type='change' level='all' val=''><ac val='202'><ph val='5550115' op='A' on='2024-01-20'/><ph val='5550116' op='D' on='2024-01-20'/></ac></list>"), "XML, ftc-dnc (", "+12025550115", 2, 0 },
        { "--set kind=registration --set register=us-dnc", "detected.txt", Text("202,5550117\r\n305,5550118\r\n"), "ftc-dnc (", "+12025550117", 2, 0 },
        { "--format lnnte", "dncl.csv", Text("416,5550101\n905,5550102\n"), "lnnte (National DNCL (LNNTE) of the CRTC), full list", "+14165550101", 2, 0 },
        { "--format lnnte", "dncl.zip", OfficeFile.Zip(("416.xml", "<list type='full' level='ac' val='416'><ac val='416'><ph val='5550103' /></ac></list>")), "XML, lnnte (", "+14165550103", 1, 0 },
        { "--format tps", "tps.txt", Text("0207 9460018\r\n01632 960123\r\n01697  73000\r\n"), "tps (Telephone Preference Service), one number on each line", "+44169773000", 3, 0 },
        { "--format ctps", "ctps.txt", Text("02079460019 \r\n01632960124 \r\n0169773001  \r\n"), "ctps (Corporate Telephone Preference Service), one number on each line", "+44169773001", 3, 0 },
        { "--format dncm", "dncm.txt", Text("022345671;2024-01-20\r\n0470123451;2024-02-20\r\n"), "dncm (Do Not Call Me list), number in column 1, date of the registration in column 2", "+32470123451", 2, 0 },
        { "--format vicidial-dnc --set region=US " + Objection, "dnc.tsv", Text("phone_number\n2025550121\n3055550122\n"), "vicidial-dnc (VICIdial DNC table), vicidial_dnc with column names", "+13055550122", 2, 0 },
        { "--format vicidial-dnc --set region=US " + Objection, "bare.txt", Text("2025550123\n3055550124\n"), "vicidial_dnc without column names", "+12025550123", 2, 0 },
        { "--format vicidial-dnc --set region=US " + Objection, "campaign.tsv", Text("phone_number\tcampaign_id\n2025550125\tSALES\n3055550126\tSALES\n"), "vicidial_campaign_dnc with column names", "+12025550125", 2, 0 },
        { "--format vicidial-dnc --set region=US --map organisation=campaign_id", "named.tsv", Text("phone_number\tcampaign_id\n2025550127\tacme\n3055550128\tacme\n"), "vicidial_campaign_dnc with column names", "+12025550127", 2, 0 },
        { "--format vicidial-dnc --set region=US --timezone America/Chicago " + Objection, "log.tsv", Text("2025550129\t-SYSINT-\tadd\t2024-03-12 10:00:00\t6666\n3055550130\t-SYSINT-\tadd\t2024-03-12 10:00:00\t6666\n"), "vicidial_dnc_log without column names", "+12025550129", 2, 0 },
        { "--format lista-robinson " + Objection, "robinson.csv", Text($"\"Ana\",\"Gil\",\"\",\"612345601\",\"1\",\"1#2#8\",\"{Proof}\"\n\"Luis\",\"Paz\",\"\",\"612345602\",\"0\",\"\",\"{Proof}\"\n"), "lista-robinson (Lista Robinson of Adigital), result of a query, number in column 4, 0 or 1 in column 5", "+34612345601", 1, 1 },
        { "--format lista-robinson " + Objection, "robinson-phones.csv", Text($"\"+34612345603\",\"1\",\"\",\"{Proof}\"\n\"0034612345604\",\"1\",\"3\",\"{Proof}\"\n"), "number in column 1, 0 or 1 in column 2", "+34612345604", 2, 0 },
        { "--format bloctel", "bloctel.csv", Text("Nom;T\u00e9l\u00e9phone;Inscrit\nDurand;0612345601;oui\nPetit;06 12 34 56 02;non\nRoux;0612345603;oui\n"), "bloctel (Bloctel answer), answers, number in column 2, answer in column 3", "+33612345603", 2, 1 },
        { "--format nix", "nix.txt", Text("0701740605\n0701740606\n"), "nix (NIX-Telefon), number in column 1", "+46701740606", 2, 0 },
        { "--format nix", "nix-answers.csv", Text("telefon,namn,nix\n0701740607,A,ja\n0701740608,B,nej\n"), "answers, number in column 1, answer in column 3", "+46701740607", 1, 1 },
        { "--format rpo", "rpo.csv", Text("telefono;iscritto RPO\n3331234501;1\n3331234502;0\n3331234503;1\n"), "rpo (Registro pubblico delle opposizioni answer), answers, number in column 1, answer in column 2", "+393331234503", 2, 1 },
        { "--format rnd --set effective=2024-03-20", "rnd.csv", Text("phone,consent date,result\n2025550131,2024-01-15,yes\n2025550132,2024-01-15,no\n2025550133,2024-01-15,no_data\n"), "rnd (Reassigned Numbers Database of the FCC), answers, number in column 1, date asked in column 2, answer in column 3", "+12025550131", 1, 2 },
        { "--format rnd", "rnd.txt", Text("20240115,2025550134,No Data\n20240115,2025550135,YES\n"), "answers, number in column 2, date asked in column 1, answer in column 3", "+12025550135", 1, 1 },
    };

    private static string Proof => Convert.ToBase64String(new byte[48]);

    [Theory]
    [MemberData(nameof(Lists))]
    public async Task List_AsFacts_IsImportedCheckedAndReverted(string options, string name, byte[] content, string readAs, string number, int recorded, int skipped)
    {
        string[] to = ["--address", service.Address];
        var file = _folder.Write(name, content);

        var look = await CliRun.Async(["import", file, .. options.Split(' '), "--dry-run"]);
        var import = await CliRun.Async(["import", file, .. options.Split(' '), "--json", .. to]);

        Assert.True(look.ExitCode == 0 && import.ExitCode == 0, look.Error + look.Output + import.Error + import.Output);
        Assert.Contains("read as: ", look.Output, StringComparison.Ordinal);
        Assert.Contains(readAs, (string)JsonNode.Parse(import.Output)!["read_as"]!, StringComparison.Ordinal);
        var counts = JsonNode.Parse(import.Output)!;
        Assert.Equal((recorded, 0, skipped), ((int)counts["recorded"]!, (int)counts["rejected"]!, (int)counts["skipped"]!));
        var fact = Assert.Single(await FactsAsync(number));
        Assert.Equal(name.StartsWith("rnd", StringComparison.Ordinal) ? "asked about 2024" : "", ((string?)fact!["fact"]!["reason"] ?? "")[..(name.StartsWith("rnd", StringComparison.Ordinal) ? 16 : 0)]);
        var revert = await CliRun.Async(["revert", (string)JsonNode.Parse(import.Output)!["import_id"]!, "--yes", .. to]);
        Assert.True(revert.ExitCode == 0, revert.Error);
        Assert.Empty(await FactsAsync(number));
    }

    /// <summary>Snapshots of the registers, one after the other: format, register, first and second content, and a number that leaves.</summary>
    public static TheoryData<string, string, string, string, string, string> Snapshots => new()
    {
        { "ftc-dnc", "us-dnc", "202,5550101\r\n202,5550102\r\n", "202,5550102\r\n202,5550103\r\n", "+12025550101", "+12025550102" },
        { "lnnte", "ca-dncl", "416,5550101\n416,5550102\n", "416,5550102\n416,5550103\n", "+14165550101", "+14165550102" },
        { "tps", "uk-tps", "0207 9460018\r\n01632 960123\r\n", "01632 960123\r\n01632 960124\r\n", "+442079460018", "+441632960123" },
        { "ctps", "uk-ctps", "02079460018 \r\n01632960123 \r\n", "01632960123 \r\n01632960124 \r\n", "+442079460018", "+441632960123" },
        { "dncm", "be-dncm", "022345671,2024-01-20\n022345672,2024-01-20\n", "022345672,2024-01-20\n022345673,2024-02-20\n", "+3222345671", "+3222345672" },
        { "nix", "se-nix", "0701740605\n0701740606\n", "0701740606\n0701740607\n2\n", "+46701740605", "+46701740606" },
    };

    [Theory]
    [MemberData(nameof(Snapshots))]
    public async Task Register_AsSnapshots_IsUpdatedAndReverted(string format, string register, string first, string second, string leaves, string stays)
    {
        string[] to = ["--format", format, "--accept-change", "--json", "--address", service.Address];

        var one = await CliRun.Async(["import", _folder.Write("one.txt", first), "--snapshot", "2024-03-01", .. to]);
        var listed = Withdrawn(await FactsAsync(leaves));
        var two = await CliRun.Async(["import", _folder.Write("two.txt", second), "--snapshot", "2024-03-20", .. to]);
        var left = Withdrawn(await FactsAsync(leaves));
        var scrubbed = await ScrubAsync(format == "ctps" ? "legal_person" : "consumer", leaves, stays);
        var revert = await RevertAsync(two);
        var again = Withdrawn(await FactsAsync(leaves));
        var scrubbedAgain = await ScrubAsync(format == "ctps" ? "legal_person" : "consumer", leaves, stays);
        var first2 = await RevertAsync(one);

        Assert.True(one.ExitCode == 0 && two.ExitCode == 0 && revert.ExitCode == 0 && first2.ExitCode == 0, one.Error + two.Error + revert.Error + first2.Error);
        Assert.Equal((1, 2), (scrubbed, scrubbedAgain));
        Assert.Empty(await FactsAsync(leaves));
        Assert.Equal((register, 1, 1), ((string)JsonNode.Parse(two.Output)!["register"]!, (int)JsonNode.Parse(two.Output)!["additions"]!, (int)JsonNode.Parse(two.Output)!["removals"]!));
        Assert.Equal((false, true, false), (listed, left, again));
    }

    [Fact]
    public async Task ChangeList_AfterASnapshot_AddsAndRemovesAndIsReverted()
    {
        string[] to = ["--format", "ftc-dnc", "--json", "--address", service.Address];
        var full = await CliRun.Async(["import", _folder.Write("full.txt", "202,5550101\n202,5550102\n"), "--snapshot", "2024-03-01", "--accept-change", .. to]);
        Assert.True(full.ExitCode == 0, full.Error);

        var change = await CliRun.Async(["import", _folder.Write("change.txt", "202,5550101,2024-03-05,D\n202,5550103,2024-03-05,A\n"), .. to]);
        var removed = Withdrawn(await FactsAsync("+12025550101"));
        var added = Withdrawn(await FactsAsync("+12025550103"));
        var revert = await RevertAsync(change);
        var before = Withdrawn(await FactsAsync("+12025550101"));
        var empty = await FactsAsync("+12025550103");
        Assert.Equal(0, (await RevertAsync(full)).ExitCode);

        Assert.True(change.ExitCode == 0 && revert.ExitCode == 0, change.Error + revert.Error);
        Assert.Equal((true, false), (removed, added));
        Assert.False(before);
        Assert.Empty(empty);
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
    [InlineData("phone;listed\n0612345601;perhaps\n", "--format bloctel", "a.txt does not have the layout of --format bloctel: a column with numbers and one with yes or no whose name says that yes means listed, such as 'Inscrit'; if another column does, name it with --only COLUMN.")]
    [InlineData("0612345601;oui\n0612345602;non\n", "--format bloctel", "a.txt does not have the layout of --format bloctel")]
    [InlineData("Telefon;NIX-fri\n0701234506;nej\n", "--format nix", "a.txt does not have the layout of --format nix")]
    [InlineData("Telefon;NIX OK\n0701234506;nej\n", "--format nix", "a.txt does not have the layout of --format nix")]
    [InlineData("Telefon;F\u00e5r ringas enligt NIX\n0701234506;nej\n", "--format nix", "a.txt does not have the layout of --format nix")]
    [InlineData("Telefon;Registrerad kund\n0701234506;nej\n", "--format nix", "a.txt does not have the layout of --format nix")]
    [InlineData("Telefono;RPO libero\n3331234510;no\n", "--format rpo", "a.txt does not have the layout of --format rpo")]
    [InlineData("Telefono;Chiamabile RPO\n3331234510;no\n", "--format rpo", "a.txt does not have the layout of --format rpo")]
    [InlineData("Telefono;Risposta;Stato\n3331234510;no;Iscritto\n", "--format rpo", "a.txt does not have the layout of --format rpo")]
    [InlineData("Telefono;Opportunity\n3331234510;no\n", "--format rpo", "a.txt does not have the layout of --format rpo")]
    [InlineData("Telefono;RPO;Iscritto\n3331234510;no;sospeso\n", "--format rpo", "a.txt does not have the layout of --format rpo")]
    [InlineData("Phone,Answered call\n0612345602,non\n", "--format bloctel", "a.txt does not have the layout of --format bloctel")]
    [InlineData("Phone;D\u00e9marchage autoris\u00e9 Bloctel\n0612345602;non\n", "--format bloctel", "a.txt does not have the layout of --format bloctel")]
    [InlineData("Phone;Appelable (bloctel)\n0612345602;non\n", "--format bloctel", "a.txt does not have the layout of --format bloctel")]
    [InlineData("Phone;Inscrit;Inscrit Bloctel\n0612345602;non;oui\n", "--format bloctel", "a.txt does not have the layout of --format bloctel")]
    [InlineData("0612345601\n0612345602\n", "--format bloctel", "a.txt does not have the layout of --format bloctel")]
    [InlineData("number;withdrawn\n0612345601;no\n0612345602;no\n", "--format bloctel", "a.txt does not have the layout of --format bloctel")]
    [InlineData("number;a;b\n0612345601;oui;non\n", "--format bloctel", "a.txt does not have the layout of --format bloctel")]
    [InlineData("tel;inscrit\n0612345601;oui\n0612345602;non\n", "--format bloctel --snapshot 2024-03-20", "a.txt is an answer about the numbers that were sent, not the register's complete content: import it without --snapshot.")]
    [InlineData("2025550101,yes\n2025550102,no\n", "--format rnd", "a.txt does not have the layout of --format rnd: a number, the date that was asked about, and yes, no or no data on each line.")]
    [InlineData("\"Ana\",\"612345601\",\"1\"\n", "--format lista-robinson --set organisation=acme", "a.txt does not have the layout of --format lista-robinson: the result of its client: the phone number, 0 or 1, the sectors and the proof as the last four columns.")]
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
        Assert.Contains("lookup: 6 lines have no valid number; --max-rejects allows 0.", snapshot.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0612345601\n0612345602\n0612345603\n", "0612345602\n", "")]
    [InlineData("nom;tel\nA;0612345601\nB;0612345602\nC;+33612345603\n", "nom;tel\nB;06 12 34 56 02\n", "")]
    [InlineData("tel,x,y\n0612345601,1,0612345699\n0612345602,1,0612345699\n0612345603,1,0612345699\n", "tel,x,y\n0612345602,1,0612345699\n", "--map number=tel --ignore x --ignore y")]
    public async Task FileSent_AndItsCleanedAnswer_GiveTheListedNumbers(string sent, string returned, string options)
    {
        string[] more = options.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var import = await CliRun.Async(
            ["import", _folder.Write("sent.csv", sent), "--format", "bloctel", "--cleaned", _folder.Write("returned.csv", returned), "--json", "--address", service.Address, .. more]);

        Assert.True(import.ExitCode == 0, import.Error + import.Output);
        var summary = JsonNode.Parse(import.Output)!;
        Assert.Equal((2, 1, "1 line also in returned.csv: not listed, skipped"), ((int)summary["recorded"]!, (int)summary["skipped"]!, (string)summary["notes"]![0]!));
        Assert.Equal((1, 0, 1), ((await FactsAsync("+33612345601")).Count, (await FactsAsync("+33612345602")).Count, (await FactsAsync("+33612345603")).Count));
        Assert.Equal(0, (await RevertAsync(import)).ExitCode);
        Assert.Empty(await FactsAsync("+33612345601"));
    }

    [Theory]
    [InlineData("telefon;NIX fri\n0701234506;ja\n", "nix", "NIX fri")]
    [InlineData("3331234501;1\n", "rpo", "2")]
    public async Task Answer_InAColumnThatTheCallerNames_IsRead(string content, string format, string column)
    {
        var run = await CliRun.Async("import", _folder.Write("a.csv", content), "--dry-run", "--json", "--format", format, "--only", column);

        Assert.True(run.ExitCode == 0, run.Error + run.Output);
        Assert.Equal(1, (int)JsonNode.Parse(run.Output)!["recorded"]!);
    }

    [Theory]
    [InlineData("a.csv", "telefono;iscritto RPO\n3331234501;1\n", "--format rpo --dry-run", "answers, number in column 1, answer in column 2")]
    [InlineData("a.txt", "2025550123\n", "--format vicidial-dnc --dry-run --set region=US --set organisation=acme", "vicidial_dnc without column names")]
    [InlineData("a.csv", "+31612345678,Ann\n", "--register nl-bmnr --snapshot 2015-03-20 --timezone Europe/Amsterdam --expect 1 --dry-run --ignore *", "no header, number in column 1")]
    [InlineData("a.txt", "+31612345678\n", "--register nl-bmnr --snapshot 2015-03-20 --timezone Europe/Amsterdam --expect 1 --dry-run", null)]
    [InlineData("a.csv", "phone_number\n2025550123\n", "--format vicidial-dnc --dry-run --set region=US --set organisation=acme", null)]
    [InlineData("a.csv", "number\n+31612345678\n", "--dry-run --set kind=objection --set organisation=acme", null)]
    public async Task ColumnsByTheirContent_AreSaidBeforeAnythingIsRecorded(string name, string content, string options, string? inferred)
    {
        var run = await CliRun.Async(["import", _folder.Write(name, content), .. options.Split(' '), .. options.Contains("--register", StringComparison.Ordinal) ? ["--address", service.Address] : Array.Empty<string>()]);
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Equal(inferred is null ? "" : $"Inferred from the content of {name}: {inferred}. If that is wrong, stop and state the columns with --map.\n", run.Error);
    }

    // The system-wide list, another campaign or a person may have recorded the objection: by another line, by another file, or by hand.
    [Theory]
    [InlineData("2025550123\t-SYSINT-\tadd\t2024-01-01 10:00:00\t1\n2025550123\tCAMP1\tadd\t2024-01-02 10:00:00\t1\n2025550123\tCAMP1\tdelete\t2024-01-03 10:00:00\t1\n")]
    [InlineData("phone_number\tcampaign_id\taction\taction_date\n2025550123\tCAMP2\tdelete\t2024-01-03 10:00:00\n2025550123\tCAMP1\tadd\t2024-01-01 10:00:00\n")]
    [InlineData("2025550123\tCAMP1\tdelete\t2024-01-03 10:00:00\t1\n2025550124\tCAMP1\tadd\t2024-01-03 10:00:00\t1\n")]
    [InlineData("2025550123\t-SYSINT-\tdelete\t2024-01-03 10:00:00\t1\n2025550124\t-SYSINT-\tadd\t2024-01-03 10:00:00\t1\n")]
    [InlineData("phone_number\taction\taction_date\n2025550123\tdelete\t2024-01-03 10:00:00\n2025550124\tadd\t2024-01-03 10:00:00\n")]
    public async Task Vicidial_DeleteForASharedOrganisation_IsRejected(string content)
    {
        string[] options =
            ["--dry-run", "--json", "--format", "vicidial-dnc", "--set", "region=US", "--set", "organisation=acme", "--timezone", "America/New_York"];

        var run = await CliRun.Async(["import", _folder.Write("log.tsv", content), .. options]);

        var summary = JsonNode.Parse(run.Output)!;
        Assert.Equal((3, 1), (run.ExitCode, (int)summary["rejected"]!));
        Assert.Equal(
            "a delete counts for one list, and would lift what other lists and sources recorded for acme: use --map organisation=campaign_id, or `lookup record objection NUMBER --org acme --withdrawn --effective TIME`",
            (string)summary["first_rejects"]![0]!["reason"]!);
    }

    [Fact]
    public async Task Vicidial_CampaignsAsOrganisations_KeepTheSystemWideListApart()
    {
        var file = _folder.Write(
            "log.tsv",
            "phone_number\tcampaign_id\taction\taction_date\n2025550141\t-SYSINT-\tadd\t2024-01-01 10:00:00\n2025550141\tcamp1\tdelete\t2024-01-03 10:00:00\n"
            + "2025550142\t-SYSINT-\tdelete\t2024-01-03 10:00:00\n2025550143\tSALES\tadd\t2024-01-03 10:00:00\n");

        var run = await CliRun.Async(
            "import", file, "--json", "--format", "vicidial-dnc", "--set", "region=US", "--map", "organisation=campaign_id", "--timezone", "America/New_York", "--address", service.Address);

        var summary = JsonNode.Parse(run.Output)!;
        Assert.Equal((3, 2, 2), (run.ExitCode, (int)summary["recorded"]!, (int)summary["rejected"]!));
        var reasons = summary["first_rejects"]!.AsArray().Select(reject => (string)reject!["reason"]!).ToList();
        Assert.StartsWith("a delete from the system-wide list -SYSINT- is not imported", reasons[0], StringComparison.Ordinal);
        Assert.StartsWith("the campaign 'SALES' is not an organisation's name", reasons[1], StringComparison.Ordinal);
        Assert.Contains(await FactsAsync("+12025550141"), fact => (string?)fact!["fact"]!["objection"]!["organisation"] == "*" && fact["fact"]!["withdrawn"]?.GetValue<bool>() is not true);
        Assert.Equal(0, (await RevertAsync(run)).ExitCode);
    }

    [Fact]
    public async Task Answers_OfAnyKeeper_AreReadByOneColumn()
    {
        var file = _folder.Write("a.csv", "telefono;iscritto\n+393331234511;s\u00ec\n+393331234512;no\n+393331234513;boh\n+393331234514;\n+393331234515;VERO\n");

        var run = await CliRun.Async("import", file, "--dry-run", "--json", "--set", "kind=objection", "--set", "organisation=acme", "--map", "number=telefono", "--only", "Iscritto");

        var summary = JsonNode.Parse(run.Output)!;
        Assert.Equal((3, 2, 1, 2, 2), (run.ExitCode, (int)summary["recorded"]!, (int)summary["skipped"]!, (int)summary["rejected"]!, (int)summary["rejected_opt_outs"]!));
        Assert.Equal(["'boh' is not an answer; use yes or no", "the answer is missing"], summary["first_rejects"]!.AsArray().Select(reject => (string)reject!["reason"]!));
        Assert.Equal("1 line with 'no' in the column 'Iscritto': not listed, skipped", (string)summary["notes"]![0]!);
    }

    [Theory]
    [InlineData("2", 2, 0)]
    [InlineData("Total: 2", 2, 0)]
    [InlineData("0000002", 2, 0)]
    [InlineData("# 2 records", 2, 0)]
    [InlineData("Totaal,2", 2, 0)]
    [InlineData("Total,,2,", 2, 0)]
    [InlineData("3", 2, 1)]
    [InlineData(",2", 2, 1)]
    [InlineData("Total: 1,002", 2, 1)]
    [InlineData("Total: 2\n+31612345679", 3, 1)]
    public async Task LastLine_WithTheCountOfLines_IsATotalOnlyIfItIsRight(string last, int recorded, int rejected)
    {
        var run = await CliRun.Async(
            "import", _folder.Write("a.csv", "number\n+31612345670\n+31612345671\n" + last + "\n"), "--dry-run", "--json", "--set", "kind=objection", "--set", "organisation=acme");

        var summary = JsonNode.Parse(run.Output)!;
        Assert.Equal((recorded, rejected), ((int)summary["recorded"]!, (int)summary["rejected"]!));
        Assert.Equal(rejected == 0 ? ["the last line counts 2 lines, as many as there are"] : [], summary["notes"]!.AsArray().Select(note => (string)note!));
        if (last.Contains("1,002", StringComparison.Ordinal))
        {
            Assert.Equal("the line counts 1,002 lines, but 2 are before it: the file may be incomplete", (string)summary["first_rejects"]![0]!["reason"]!);
        }
    }

    [Fact]
    public async Task LastLine_WithThousandsSeparators_IsCountedAcrossChunks()
    {
        // The lines of a chunk end exactly before the total.
        foreach (var (count, total) in new[] { (8191, "8.191"), (8192, "8 192"), (16_384, "16,384") })
        {
            var lines = string.Concat(Enumerable.Range(0, count).Select(i => $"+3161234{i % 10_000:D4}\n"));
            var run = await CliRun.Async("import", _folder.Write("a.csv", "number\n" + lines + total + "\n"), "--dry-run", "--json", "--set", "kind=objection", "--set", "organisation=acme");
            Assert.Equal((count, 0), ((int)JsonNode.Parse(run.Output)!["recorded"]!, (int)JsonNode.Parse(run.Output)!["rejected"]!));
        }
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

    private Task<CliRun> RevertAsync(CliRun import) =>
        CliRun.Async("revert", (string)JsonNode.Parse(import.Output)!["import_id"]!, "--yes", "--address", service.Address);

    /// <summary>Scrubs a list of numbers and returns how many a register forbids.</summary>
    private async Task<int> ScrubAsync(string subscriber, params string[] numbers)
    {
        var folder = _folder.PathOf("out-" + Guid.NewGuid().ToString("N"));
        var run = await CliRun.Async(
            "scrub", _folder.Write("list.txt", string.Join('\n', numbers) + "\n"), "--out-dir", folder, "--org", "acme", "--purpose", "commercial", "--subscriber", subscriber,
            "--at", "2024-03-26T15:00:00Z", "--json", "--address", service.Address);
        Assert.True(run.ExitCode is 0 or 3, run.Error + run.Output);
        return (int?)JsonNode.Parse(run.Output)!["counts"]!["deny"]?["registered"] ?? 0;
    }

    private async Task<JsonArray> FactsAsync(string number) =>
        JsonNode.Parse((await CliRun.Async("facts", number, "--json", "--address", service.Address)).Output)!["facts"]?.AsArray() ?? [];
}
