using System.Text;
using Lookup.Cli;
using Lookup.Cli.Files;

namespace Lookup.ServiceTests.Cli;

/// <summary>What is read from the cells of a workbook.</summary>
public sealed class WorkbookTests : IDisposable
{
    private static readonly string[] Objections = ["--set", "kind=objection", "--set", "organisation=acme", "--dry-run"];

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("<c><v>31612345678</v></c>", "31612345678")]
    [InlineData("<c><v>3.1612345678E10</v></c>", "31612345678")]
    [InlineData("<c><v>612345678</v></c>", "612345678")]
    [InlineData("<c><v>31612345678.5</v></c>", "31612345678.5")]
    [InlineData("<c><v>1E+300</v></c>", "1E+300")]
    [InlineData("<c s=\"1\"><v>45363</v></c>", "2024-03-12")]
    [InlineData("<c s=\"2\"><v>45363.4166667</v></c>", "2024-03-12T10:00:00")]
    [InlineData("<c s=\"2\"><v>45363.999999</v></c>", "2024-03-12T23:59:59.914")]
    [InlineData("<c s=\"1\"><v>60</v></c>", "60")]
    [InlineData("<c s=\"1\"><v>-5</v></c>", "-5")]
    [InlineData("<c s=\"3\"><v>45363.5</v></c>", "45363.5")]
    [InlineData("<c s=\"4\"><v>45363</v></c>", "45363")]
    [InlineData("<c t=\"d\"><v>2024-03-12T10:00:00</v></c>", "2024-03-12T10:00:00")]
    [InlineData("<c t=\"b\"><v>1</v></c>", "true")]
    [InlineData("<c t=\"b\"><v>0</v></c>", "false")]
    [InlineData("<c t=\"e\"><v>#N/A</v></c>", "#N/A")]
    [InlineData("<c t=\"s\"><v>0</v></c>", "shared")]
    [InlineData("<c t=\"s\"><v>1</v></c>", "rich")]
    [InlineData("<c t=\"inlineStr\"><is><t>+31612345678_x000D_</t></is></c>", "+31612345678")]
    [InlineData("<c t=\"str\"><v>+31612345678_x000D_</v></c>", "+31612345678")]
    [InlineData("<c t=\"str\"><f>A1</f><v>text</v></c>", "text")]
    [InlineData("<c><f>A1+1</f></c>", "#NOT-CALCULATED")]
    [InlineData("<c t=\"inlineStr\"><is><t>a,\"b\"\nc</t></is></c>", "\"a,\"\"b\"\"⏎c\"")]
    public void Cell_OfAnyType_KeepsItsValue(string cell, string expected) => Assert.Equal($"{expected},x\n", Read(OfficeFile.Workbook(("A", $"<row>{cell}<c><v>0</v></c></row>"))).Replace(",0\n", ",x\n", StringComparison.Ordinal));

    [Fact]
    public void Date_InAWorkbookFrom1904_CountsFromThen() =>
        Assert.Equal("2028-03-13\n", Read(OfficeFile.Workbook(from1904: true, ("A", "<row><c s=\"1\"><v>45363</v></c></row>"))));

    [Fact]
    public void Rows_WithGaps_KeepTheirNumbersAndColumns() => Assert.Equal(
        "\n\na,,b\n\n,c,\nd,,,e\n",
        Read(OfficeFile.Workbook(("A", """
            <row r="2"><c r="A2" s="1"/></row><row r="3"><c r="A3" t="str"><v>a</v></c><c r="C3" t="str"><v>b</v></c><c r="F3" s="1"/></row>
            <row r="5"><c r="B5" t="str"><v>c</v></c></row><row r="6"><c r="A6" t="str"><v>d</v></c><c r="D6" t="str"><v>e</v></c></row>
            """))));

    [Fact]
    public void Sheet_Unstated_IsTheFirstVisibleOneWithData()
    {
        var path = _folder.Write("a.xlsx", OfficeFile.Workbook(("Empty", ""), ("~Hidden", OfficeFile.Rows(["h"])), ("One", OfficeFile.Rows(["1"])), ("Two", OfficeFile.Rows(["2"]))));

        using var first = InputFile.Open(path, Stream.Null);
        using var two = InputFile.Open(path, Stream.Null, new InputOptions("two"));
        using var hidden = InputFile.Open(path, Stream.Null, new InputOptions("Hidden"));
        var none = Assert.Throws<CliException>(() => InputFile.Open(path, Stream.Null, new InputOptions("Three")));

        Assert.Equal(("a.xlsx, sheet 'One'", "1\n"), (first.Name, new StreamReader(first.Stream).ReadToEnd()));
        Assert.Equal("sheet 'One', one of 4 sheets (--sheet)", Assert.Single(first.Forms));
        Assert.Equal(("2\n", "h\n"), (new StreamReader(two.Stream).ReadToEnd(), new StreamReader(hidden.Stream).ReadToEnd()));
        Assert.Equal((2, "a.xlsx has no sheet 'Three'; its sheets are 'Empty', 'Hidden', 'One', 'Two'."), (none.ExitCode, none.Message));
    }

    [Fact]
    public void LongSheet_IsReadInPieces()
    {
        var rows = string.Concat(Enumerable.Range(0, 50_000).Select(i => $"<row><c><v>{31612000000 + i}</v></c></row>"));
        var text = Read(OfficeFile.Workbook(("A", rows)));
        Assert.Equal(Enumerable.Range(0, 50_000).Select(i => $"{31612000000 + i}"), text.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task Fault_NamesSheetRowAndColumn()
    {
        var path = _folder.Write("a.xlsx", OfficeFile.Workbook(("Leads", """
            <row r="2"><c t="str"><v>number</v></c><c t="str"><v>withdrawn</v></c></row>
            <row r="3"><c><v>31612345678</v></c><c t="e"><v>#REF!</v></c></row>
            <row r="9"><c s="1"><v>45363</v></c></row>
            <row r="10"><c><v>31612345679</v></c></row>
            """)));

        var run = await CliRun.Async(["import", path, "--set", "region=NL", "--set", "effective=2024-01-01T00:00:00Z", .. Objections]);
        var header = await CliRun.Async(["import", path, .. Objections, "--map", "reason=withdrawn", "--set", "withdrawn=no", "--map", "number=number", "--ignore", "x"]);

        Assert.Equal(3, run.ExitCode);
        Assert.Contains("a.xlsx, sheet 'Leads': 3 lines", run.Output, StringComparison.Ordinal);
        Assert.Contains("read as: sheet 'Leads'", run.Output, StringComparison.Ordinal);
        Assert.Contains("row 3, withdrawn: '#REF!' is not a boolean", run.Output, StringComparison.Ordinal);
        Assert.Contains("row 9, number: Not a phone number: a date", run.Output, StringComparison.Ordinal);
        Assert.Equal(2, header.ExitCode);
        Assert.Contains("a.xlsx, sheet 'Leads' has no column 'x'", header.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--sheet A", "--sheet applies only to an Excel workbook (.xlsx), which a.csv is not. Drop the option.")]
    public async Task Sheet_OfAText_IsRefused(string option, string expected)
    {
        var path = _folder.Write("a.csv", "number\n+31612345678\n");
        var run = await CliRun.Async(["import", path, .. option.Split(' '), .. Objections]);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Workbook_CutAnywhere_NeverEndsWell()
    {
        var whole = OfficeFile.Workbook(("A", OfficeFile.Rows(["number"], ["+31612345678"], ["+31612345679"])));
        for (var length = 1; length < whole.Length; length += 97)
        {
            var path = _folder.Write("cut.xlsx", whole[..length]);
            var run = await CliRun.Async(["import", path, .. Objections]);
            Assert.True(run.ExitCode is 1 or 2, $"{length}: {run.ExitCode} {run.Output}");
        }
    }

    [Theory]
    [InlineData("<row r='4294967295'><c><v>31612345678</v></c></row>")]
    [InlineData("<row r='5'><c><v>31612345678</v></c></row><row r='4'><c><v>31612345679</v></c></row>")]
    [InlineData("<row><c r='ZZZZ1'><v>31612345678</v></c></row>")]
    [InlineData("<row><c r='B1'><v>31612345678</v></c><c r='A1'><v>31612345679</v></c></row>")]
    [InlineData("<row><c t='s'><v>99</v></c></row>")]
    [InlineData("<row><c t='s'><v>-1</v></c></row>")]
    [InlineData("<row><c t='x'><v>1</v></c></row>")]
    public async Task Sheet_WithImpossibleCells_NeverEndsWell(string rows)
    {
        var path = _folder.Write("a.xlsx", OfficeFile.Workbook(("A", rows)));
        var run = await CliRun.Async(["import", path, "--no-header", "--map", "number=1", "--set", "region=NL", .. Objections]);
        Assert.True(run.ExitCode == 1, run.ExitCode + run.Output);
        Assert.Contains("a.xlsx", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("General", false)]
    [InlineData("0.00E+00", false)]
    [InlineData("dd/mm/yyyy", true)]
    [InlineData("[$-413]d mmmm yyyy;@", true)]
    [InlineData("0\" days\"", false)]
    [InlineData("[h]:mm:ss", false)]
    [InlineData("0;[Red]\\d0", false)]
    [InlineData("\"unclosed d", false)]
    [InlineData("[Red", false)]
    [InlineData("mmm-yy", true)]
    public void Format_ShowsADate_ByDayOrYear(string code, bool expected) => Assert.Equal(expected, CellDates.ShowsDate(code));

    private string Read(byte[] workbook)
    {
        using var input = InputFile.Open(_folder.Write("read.xlsx", workbook), Stream.Null);
        return Encoding.UTF8.GetString(ReadAll(input.Stream));
    }

    private static byte[] ReadAll(Stream stream)
    {
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes, 1_000);
        return bytes.ToArray();
    }
}
