using System.Text;
using System.Text.Json.Nodes;

namespace Lookup.ServiceTests.Cli;

/// <summary>Files as spreadsheets, keepers of registers and exports make them: read right or refused by a sentence, and never taken for nothing.</summary>
public sealed class FileFormTests(RunningService service) : IClassFixture<RunningService>, IDisposable
{
    private const string Header = "number,organisation";

    private readonly TempFolder _folder = new();
    private int _scrubs;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("return.csv", Header + "\r+31612100001,acme\r+31612100002,acme\r")]
    [InlineData("return-open.csv", Header + "\r+31612100001,acme\r+31612100002,acme")]
    [InlineData("sep.csv", "sep=;\r\nnumber;organisation\r\n+31612100001;acme\r\n+31612100002;acme\r\n")]
    [InlineData("mark-sep.csv", "\uFEFFsep=|\nnumber|organisation\n+31612100001|acme\n+31612100002|acme\n")]
    [InlineData("semicolon.csv", "number;organisation\n+31612100001;acme\n+31612100002;acme\n")]
    [InlineData("mark.csv", "\uFEFF\"number\",\"organisation\"\r\n\"+31612100001\",\"acme\"\r\n\"+31612100002\",\"acme\"\r\n")]
    public async Task TwoNumbers_InAnyOfTheseForms_AreImportedAndScrubbed(string name, string content)
    {
        var file = _folder.Write(name, content);

        var import = await CliRun.Async("import", file, "--set", "kind=objection", "--dry-run", "--json");
        Assert.True(import.ExitCode == 0, import.Error + import.Output);
        Assert.Equal((2, 2), Counts(import));

        var (scrub, folder) = await ScrubAsync(file);
        Assert.Equal(0, scrub.ExitCode);
        var denied = await File.ReadAllLinesAsync(Path.Combine(folder, "denied.csv"), TestContext.Current.CancellationToken);
        Assert.Equal(3, denied.Length);
        Assert.EndsWith("+31612100001", denied[1], StringComparison.Ordinal);
        Assert.EndsWith("+31612100002", denied[2], StringComparison.Ordinal);
        var manifest = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(folder, "manifest.json"), TestContext.Current.CancellationToken))!;
        var stored = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(stored)), (string)manifest["input"]!["sha256"]!);
    }

    // As "import <(select)" gives it: a pipe has no length and is read once.
    [Theory]
    [InlineData("import", "--set", "kind=objection", "--dry-run")]
    [InlineData("scrub", "--purpose", "commercial", "--org", "acme")]
    public async Task Pipe_ByItsName_IsReadAsAFile(string command, params string[] options)
    {
        Programs.Require("mkfifo");
        var name = _folder.PathOf($"{command}.pipe");
        await Programs.RunAsync("mkfifo", name);
        string[] more = command == "scrub" ? ["--out-dir", _folder.PathOf("piped"), "--address", service.Address] : ["--rejects", _folder.PathOf("piped.rejects.csv")];
        var running = Task.Run(() => CliRun.Async([command, name, .. options, .. more, "--json"]));
        // Opening waits for the reader.
        await Task.Run(() => File.WriteAllText(name, Header + "\n+31612100001,acme\n+31612100002,acme\n"), TestContext.Current.CancellationToken);
        var run = await running;
        Assert.True(run.ExitCode == 0, run.Error + run.Output);
        Assert.Contains("2", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("+31612100001\r+31612100002\r", null)]
    [InlineData("0612100001\r0612100002", "NL")]
    [InlineData("sep=;\n0612100001\n0612100002\n", "NL")]
    [InlineData("\uFEFF0612100001\n0612100002\n", "NL")]
    public async Task PlainNumbers_InAnyOfTheseForms_AreTwoLines(string content, string? region)
    {
        var file = _folder.Write("plain.txt", content);
        string[] known = region is null ? [] : ["--region", region];

        var preview = await CliRun.Async(["preview", file, "--org", "acme", "--purpose", "commercial", "--json", "--address", service.Address, .. known]);
        Assert.Equal(0, preview.ExitCode);
        Assert.Equal(2, (int)JsonNode.Parse(preview.Output)!["records"]!);

        var register = await CliRun.Async(
            ["import", file, "--register", "nl-bmnr", "--snapshot", "2015-03-01", "--timezone", "Europe/Amsterdam", "--expect", "2", "--dry-run", "--json", "--address", service.Address,
            .. region is null ? (string[])[] : ["--set", "region=" + region]]);
        Assert.True(register.ExitCode == 0, register.Error);
        Assert.Equal(2, (int)JsonNode.Parse(register.Output)!["listed"]!);
    }

    public static TheoryData<string, byte[], string> Converted
    {
        get
        {
            const string Text = Header + "\r\n+31612100001,acme\r\n+31612100002,acme\r\n";
            return new()
            {
                { "utf16.csv", [.. Encoding.Unicode.GetPreamble(), .. Encoding.Unicode.GetBytes(Text)], "UTF-16" },
                { "utf16be.csv", [.. Encoding.BigEndianUnicode.GetPreamble(), .. Encoding.BigEndianUnicode.GetBytes(Text)], "UTF-16" },
                { "utf16-no-mark.csv", Encoding.Unicode.GetBytes(Text), "UTF-16" },
                { "utf16be-no-mark.csv", Encoding.BigEndianUnicode.GetBytes(Text), "UTF-16" },
                { "tabs.csv", [.. Encoding.Unicode.GetPreamble(), .. Encoding.Unicode.GetBytes(Text.Replace(',', '\t'))], "UTF-16" },
                { "list.zip", OfficeFile.Zip(("list.csv", Text)), "zip (list.csv)" },
                { "mac.zip", OfficeFile.Zip(("__MACOSX/._list.csv", "x"), ("list.csv", Text), (".DS_Store", "y")), "zip (list.csv)" },
                { "zip-named.csv", OfficeFile.Zip(("list.csv", Text)), "zip (list.csv)" },
                { "gzip-named.csv", OfficeFile.Gzip(Text), "gzip" },
                { "list.csv.gz", OfficeFile.Gzip(Text), "gzip" },
                { "list.xlsx", OfficeFile.Workbook(("Leads", OfficeFile.Rows(["number", "organisation"], ["+31612100001", "acme"], ["+31612100002", "acme"]))), "sheet 'Leads'" },
            };
        }
    }

    [Theory]
    [MemberData(nameof(Converted))]
    public async Task TwoNumbers_InAConvertedFile_AreImportedAndScrubbed(string name, byte[] content, string form)
    {
        var file = _folder.Write(name, content);

        var import = await CliRun.Async("import", file, "--set", "kind=objection", "--dry-run", "--json");
        var (scrub, folder) = await ScrubAsync(file, "--gzip", "false");

        Assert.True(import.ExitCode == 0, import.Error + import.Output);
        Assert.Equal((2, 2), Counts(import));
        Assert.StartsWith(form, (string)JsonNode.Parse(import.Output)!["read_as"]!, StringComparison.Ordinal);
        Assert.True(scrub.ExitCode == 0, scrub.Error);
        var denied = await File.ReadAllLinesAsync(Path.Combine(folder, "denied.csv"), TestContext.Current.CancellationToken);
        Assert.Equal(["+31612100001", "+31612100002"], denied[1..].Select(line => line.Split(',', '\t')[^1]));
        var manifest = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(folder, "manifest.json"), TestContext.Current.CancellationToken))!;
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(content)), (string)manifest["input"]!["sha256"]!);
    }

    public static TheoryData<string, byte[], string> Foreign => new()
    {
        { "list.zip", OfficeFile.Zip(("a.csv", "+31612100001\n"), ("b.csv", "+31612100002\n")), "is a zip archive of 2 files (a.csv, b.csv): unzip it and name one of them" },
        { "list.zip", OfficeFile.Zip(), "is a zip archive without a file" },
        { "list.zip", OfficeFile.Damaged(OfficeFile.Zip(("a.csv", Header + "\n+31612100001,acme\n"))), "is truncated or damaged" },
        { "list.ods", OfficeFile.Zip(("mimetype", "application/vnd.oasis.opendocument.spreadsheet"), ("content.xml", "<x/>")), "is a spreadsheet in another format than .xlsx" },
        { "list.xlsx", OfficeFile.Zip(("xl/workbook.xml", "<x/>")), "is a workbook that cannot be read" },
        { "list.xlsx", OfficeFile.Workbook(("Empty", "")), "has no sheet with data" },
        { "list.csv", "<?xml version=\"1.0\"?>\n<numbers><n>202</n></numbers>"u8.ToArray(), "is XML or HTML" },
        { "list.txt", "\uFEFF\n<numbers type=\"all\"><n v=\"202\"/></numbers>"u8.ToArray(), "is XML or HTML" },
        { "list.csv", "<!DOCTYPE html><table><tr><td>0612100001</td></tr></table>"u8.ToArray(), "is XML or HTML" },
        { "list.json", "[\n  {\"number\": \"+31612100001\"}\n]"u8.ToArray(), "is a JSON array" },
        { "list.csv", "%PDF-1.7\n1 0 obj"u8.ToArray(), "is a PDF" },
    };

    [Theory]
    [MemberData(nameof(Foreign))]
    public async Task File_OfAnotherFormat_IsRefusedByOneSentence(string name, byte[] content, string expected)
    {
        var file = _folder.Write(name, content);
        string[][] commands =
        [
            ["import", file, "--set", "kind=objection", "--set", "organisation=acme", "--address", service.Address],
            ["import", file, "--register", "nl-bmnr", "--snapshot", "2015-03-01", "--timezone", "Europe/Amsterdam", "--address", service.Address],
            ["scrub", file, "--out-dir", _folder.PathOf("out"), "--org", "acme", "--purpose", "commercial", "--address", service.Address],
            ["preview", file, "--org", "acme", "--purpose", "commercial", "--address", service.Address],
        ];
        foreach (var command in commands)
        {
            var run = await CliRun.Async(command);
            Assert.Equal((1, ""), (run.ExitCode, run.Output));
            Assert.Contains($"{name} {expected}", run.Error, StringComparison.Ordinal);
            Assert.Single(run.Error.TrimEnd().Split('\n'));
        }
    }

    [Theory]
    [InlineData(Header + "\n")]
    [InlineData(Header)]
    [InlineData("\uFEFF" + Header + "\r\n\r\n\r\n")]
    [InlineData(Header + "\r")]
    public async Task File_WithoutALine_NeverEndsWell(string content)
    {
        var file = _folder.Write("empty.csv", content);
        string[] asked = ["--column", "number", "--org", "acme", "--purpose", "commercial", "--address", service.Address];
        string[][] commands =
        [
            ["import", file, "--set", "kind=objection", "--address", service.Address],
            ["import", file, "--set", "kind=objection", "--dry-run"],
            ["import", file, "--ignore", "organisation", "--register", "nl-bmnr", "--snapshot", "2015-03-01", "--timezone", "Europe/Amsterdam", "--accept-change", "--max-rejects", "9", "--address", service.Address],
            ["scrub", file, "--out-dir", _folder.PathOf("out"), .. asked],
            ["scrub", file, "--out-dir", "-", .. asked],
            ["preview", file, .. asked],
            ["preview", file, "--sample", "10", .. asked],
        ];
        foreach (var command in commands)
        {
            var run = await CliRun.Async(command);
            Assert.True(run.ExitCode is 1 or 3, string.Join(' ', command) + ": " + run.ExitCode + run.Output);
            Assert.Contains("empty.csv", run.Error + run.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task File_WhoseLinesAreAllRefused_NeverEndsWell()
    {
        var file = _folder.Write("bad.csv", Header + "\nx,acme\ny,acme\n");
        string[] asked = ["--column", "number", "--org", "acme", "--purpose", "commercial", "--address", service.Address];
        string[][] commands =
        [
            ["import", file, "--set", "kind=objection", "--address", service.Address],
            ["import", file, "--set", "kind=objection", "--dry-run"],
            ["import", file, "--ignore", "organisation", "--register", "nl-bmnr", "--snapshot", "2015-03-01", "--timezone", "Europe/Amsterdam", "--accept-change", "--max-rejects", "9", "--address", service.Address],
            ["scrub", file, "--out-dir", _folder.PathOf("out"), .. asked],
            ["scrub", file, "--out-dir", "-", .. asked],
            ["preview", file, .. asked],
        ];
        foreach (var command in commands)
        {
            var run = await CliRun.Async(command);
            Assert.True(run.ExitCode is 1 or 3, string.Join(' ', command) + ": " + run.ExitCode + run.Output);
        }
    }

    [Fact]
    public async Task FirstLine_ThatIsNoHeader_IsNamed()
    {
        var file = _folder.Write("encoding.csv", "UTF-8\n" + Header + "\n+31612100001,acme\n");

        var import = await CliRun.Async("import", file, "--set", "kind=objection", "--dry-run");
        var (scrub, _) = await ScrubAsync(file);

        Assert.Equal((2, 2), (import.ExitCode, scrub.ExitCode));
        Assert.Contains("column 'UTF-8' is not a field", import.Error, StringComparison.Ordinal);
        Assert.Contains("encoding.csv, line 1: 'UTF-8' is one value, but the lines after it have 2", scrub.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Mark_InTheMiddle_CostsItsHeaderLineAlone()
    {
        var file = _folder.Write("two.csv", Header + "\n+31612100001,acme\n\uFEFF" + Header + "\n\uFEFF+31612100002,acme\n+31612100003,acme\n");

        var run = await CliRun.Async("import", file, "--set", "kind=objection", "--dry-run", "--json");

        Assert.Equal(3, run.ExitCode);
        Assert.Equal(4, (int)JsonNode.Parse(run.Output)!["lines"]!);
        Assert.Equal(3, (int)JsonNode.Parse(run.Output)!["first_rejects"]![0]!["line"]!);
    }

    [Fact]
    public async Task Number_InTwoColumns_IsPutTogether()
    {
        var file = _folder.Write("flat.txt", "202,5550181\r\n202,5550182\r\n305,5550183\r\n");
        string[] load = ["import", file, "--register", "us-dnc", "--snapshot", "2024-03-01", "--timezone", "America/New_York", "--set", "region=US", "--expect", "3", "--dry-run", "--address", service.Address];

        var run = await CliRun.Async([.. load, "--map", "number=1+2", "--json"]);
        var reversed = await CliRun.Async([.. load, "--map", "number=2+1"]);

        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Equal((3, 0), ((int)JsonNode.Parse(run.Output)!["listed"]!, (int)JsonNode.Parse(run.Output)!["invalid"]!));
        Assert.Equal(2, reversed.ExitCode);
        Assert.Contains("in file order", reversed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LastLine_WithACount_StopsARegisterUnlessItIsRight()
    {
        var file = _folder.Write("count.txt", "12025550171\n12025550172\n0000003\n");
        var right = _folder.Write("right.txt", "12025550171\n12025550172\n0000002\n");
        string[] load = ["import", file, "--register", "us-dnc", "--snapshot", "2024-03-01", "--timezone", "America/New_York", "--set", "region=US", "--expect", "2", "--dry-run", "--address", service.Address];

        var refused = await CliRun.Async(load);
        var accepted = await CliRun.Async([.. load, "--max-rejects", "1", "--json"]);
        var counted = await CliRun.Async([.. load.Select(word => word == file ? right : word), "--json"]);

        Assert.Equal((1, 3, 0), (refused.ExitCode, accepted.ExitCode, counted.ExitCode));
        Assert.Equal((2, 0), ((int)JsonNode.Parse(counted.Output)!["listed"]!, (int)JsonNode.Parse(counted.Output)!["invalid"]!));
        Assert.Equal((2, 1), ((int)JsonNode.Parse(accepted.Output)!["listed"]!, (int)JsonNode.Parse(accepted.Output)!["invalid"]!));
    }

    [Theory]
    [InlineData("WAAR", "ONWAAR")]
    [InlineData("WAHR", "FALSCH")]
    [InlineData("VRAI", "FAUX")]
    [InlineData("Ja", "Nee")]
    [InlineData("VERDADERO", "FALSO")]
    public async Task YesAndNo_InTheLanguageOfTheSpreadsheet_AreUnderstood(string yes, string no)
    {
        var file = _folder.Write("words.csv", $"number,withdrawn\n+31612100001,{yes}\n+31612100002,{no}\n");
        Assert.Equal(0, (await CliRun.Async("import", file, "--set", "kind=objection", "--set", "organisation=acme", "--set", "effective=2026-01-01T00:00:00Z", "--dry-run")).ExitCode);
        var unclear = _folder.Write("unclear.csv", "number,withdrawn\n+31612100001,x\n");
        Assert.Equal(3, (await CliRun.Async("import", unclear, "--set", "kind=objection", "--set", "organisation=acme", "--set", "effective=2026-01-01T00:00:00Z", "--dry-run")).ExitCode);
    }

    [Fact]
    public async Task TwoLinesInOneValue_AreNotOneNumber()
    {
        // Together they would be a number of the country.
        var file = _folder.Write("joined.csv", "name,phone\na,\"06121\r00001\"\nb,\"06121\n00002\"\nc,0612100003\n");
        var run = await CliRun.Async("preview", file, "--region", "NL", "--column", "phone", "--org", "acme", "--purpose", "commercial", "--json", "--address", service.Address);
        var counts = JsonNode.Parse(run.Output)!["counts"]!.ToJsonString();
        Assert.Equal(3, (int)JsonNode.Parse(run.Output)!["records"]!);
        Assert.Contains("invalid", counts, StringComparison.Ordinal);
        Assert.DoesNotContain(":3", counts, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Formula_InARefusedLine_IsTextInTheFilesThatAreWritten()
    {
        var list = _folder.Write("forms.csv", "number;organisation\n=HYPERLINK(\"http://x.example\");acme\n+cmd|' /c calc'!A0;acme\n@sum(a);acme\n-2+3;acme\n+31 6 12;acme\n");

        var (scrub, folder) = await ScrubAsync(list, "--column", "number", "--delimiter", ";");
        var import = await CliRun.Async("import", list, "--set", "kind=objection", "--dry-run");

        Assert.Equal((3, 3), (scrub.ExitCode, import.ExitCode));
        foreach (var written in new[] { Path.Combine(folder, "invalid.csv"), list + ".rejects.csv" })
        {
            var lines = (await File.ReadAllLinesAsync(written, TestContext.Current.CancellationToken))[1..];
            Assert.Equal(5, lines.Length);
            Assert.Contains(",\"'=HYPERLINK(\"\"http", lines[0], StringComparison.Ordinal);
            Assert.Contains(",'+cmd|", lines[1], StringComparison.Ordinal);
            Assert.Contains(",'@sum", lines[2], StringComparison.Ordinal);
        }
    }

    private static (int Lines, int Recorded) Counts(CliRun run) =>
        ((int)JsonNode.Parse(run.Output)!["lines"]!, (int)JsonNode.Parse(run.Output)!["recorded"]!);

    private async Task<(CliRun Run, string Folder)> ScrubAsync(string list, params string[] more)
    {
        var folder = _folder.PathOf($"scrub-{_scrubs++}");
        return (await CliRun.Async(["scrub", list, "--out-dir", folder, "--org", "acme", "--purpose", "commercial", "--address", service.Address, .. more]), folder);
    }
}
