using System.Text.RegularExpressions;

namespace Lookup.ServiceTests.Cli;

/// <summary>Files whose numbers a spreadsheet, a form or a person has changed: each line is that number or is refused, and told.</summary>
public sealed class NumberFileTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly ListScript _script = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>A name, a file, the region, and what is read: numbers, or the word of each refused line.</summary>
    public static TheoryData<string, string, string, string[]> Lists => new()
    {
        { "decimals.csv", "name,phone\na,31612345678.0\nb,31201234567.0\nc,\nd,612345678.0\ne,31612345671\n", "NL", ["+31612345671"] },
        { "decimals.ndjson", "{\"phone\": 31612345678.0}\n{\"phone\": 31612345671}\n{\"phone\": \"31612345678.0\"}\n{\"phone\": 3.1612345678e10}\n{\"phone\": \"+31612345672\"}\n", "NL", ["+31612345671", "+31612345672"] },
        { "overseas.csv", "name,phone\na,0612345678\nb,0692123456\nc,0262201234\nd,0590201234\ne,0690001234\nf,0696201234\ng,0639012345\nh,0508411010\ni,+262692123456\n", "FR",
            ["+33612345678", "+262692123456", "+262262201234", "+590590201234", "+590690001234", "+596696201234", "+262639012345", "+508411010", "+262692123456"] },
        { "spreadsheet.csv", "name;phone;e164\r\na;06 12345678;31612345678\r\nb;0033612345678;33612345678\r\nc;+1 202 555 0123;12025550123\r\nd;06 12345679;3,16123E+10\r\n", "NL", ["+31612345678"] },
        { "extensions.csv", "name,phone\nAlice,(202)555-0123,,,001#\nBob,\"(202)555-0123,,,002#\"\nCarol,202-555-0124\n", "US", ["+12025550124"] },
        { "eleven.txt", "12025550123\n12025550124\n3055550125\n202-555-0126\n(202) 555-0127\n", "US", ["+12025550123", "+12025550124", "+13055550125", "+12025550126", "+12025550127"] },
        { "spaces.txt", "0207 9460018\r\n01632 960123\r\n0191 4980123\r\n07700 900123\r\n01697  73000\r\n", "GB", ["+442079460018", "+441632960123", "+441914980123", "+447700900123", "+44169773000"] },
        { "padded.txt", "02079460018 \r\n01632960123 \r\n01914980123 \r\n07700900123 \r\n0169773000  \r\n", "GB", ["+442079460018", "+441632960123", "+441914980123", "+447700900123", "+44169773000"] },
        { "bullets.txt", "- 0612345671\n- 06 12345672\n\u2022 0612345673\n* +31612345674\n1. 0612345675\n2) 0612345676\n", "NL", ["+31612345671", "+31612345672", "+31612345673", "+31612345674"] },
        { "total.txt", "12025550123\n12025550124\n0000002\n", "US", ["+12025550123", "+12025550124"] },
    };

    [Theory]
    [MemberData(nameof(Lists))]
    public async Task Scrub_List_AsksAboutTheNumbersItHolds(string name, string content, string region, string[] numbers)
    {
        var path = _folder.Write(name, content);
        string[] column = name == "spreadsheet.csv" ? ["--column", "e164"] : [];

        await using var service = await ScriptedService.StartAsync(_script.Script);
        var run = await CliRun.Async(
            ["scrub", path, "--out-dir", _folder.PathOf("out"), "--org", "acme", "--purpose", "commercial", "--address", service.Address, "--region", region, .. column]);

        Assert.True(run.ExitCode is 0 or 3, run.Error + run.Output);
        var asked = Directory.GetFiles(_folder.PathOf("out"))
            .Where(file => Path.GetFileName(file).Split('.')[0] is "allowed" or "denied" or "unknown")
            .SelectMany(File.ReadLines)
            .Select(line => Regex.Match(line, @"\+\d+(?=(""\}\})?$)").Value)
            .Where(number => number.Length > 0);
        Assert.Equal(numbers.Order(StringComparer.Ordinal), asked.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Import_SevenSpellingsOfOneNumber_AreOneNumber()
    {
        _folder.Write("a.csv", "number\n+31612345678\n0612345678\n06-12 34 56 78\n0031612345678\n31612345678\n612345678\n+31 (0)6 12345678\n");
        var bench = new ImportBench(_folder, "a.csv", "--set", "kind=objection", "--set", "organisation=acme", "--set", "region=NL");

        var totals = await bench.RunAsync();

        Assert.Equal((7, 0), (totals.Lines, totals.Rejected));
        Assert.All(bench.Target.Facts, fact =>
        {
            Core.Numbers.NumberParser.Instance.TryParse(fact.Number, fact.DefaultRegion, out var number, out _);
            Assert.Equal(31612345678UL, number.Value);
        });
    }

    [Fact]
    public async Task Import_JsonNumbersWithFractionOrExponent_AreRefused()
    {
        _folder.Write("a.ndjson", "{\"number\": 31612345678.0}\n{\"number\": 31612345671}\n{\"number\": 3.1612345678e10}\n{\"number\": -31612345678}\n");
        var bench = new ImportBench(_folder, "a.ndjson", "--set", "kind=objection", "--set", "organisation=acme", "--set", "region=NL");

        var totals = await bench.RunAsync();

        Assert.Equal((1, 3), (totals.Recorded, totals.Rejected));
        Assert.Equal("31612345671", Assert.Single(bench.Target.Facts).Number);
    }
}
