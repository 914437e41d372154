using Lookup.Cli;
using Lookup.Cli.Files;
using Lookup.Cli.Import;

namespace Lookup.ServiceTests.Cli;

/// <summary>Dates as offices write them: read by a stated format, or by an order that every date proves; never guessed.</summary>
public sealed class DateFormatTests : IDisposable
{
    private static readonly string[] Import = ["--set", "kind=objection", "--set", "organisation=acme", "--timezone", "Europe/Amsterdam", "--dry-run"];

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("dd/MM/yyyy", "03/11/2026", "2026-11-03")]
    [InlineData("MM/dd/yyyy", "03/11/2026", "2026-03-11")]
    [InlineData("d-M-yyyy", "3-11-2026", "2026-11-03")]
    [InlineData("d-M-yyyy", "03-11-2026", "2026-11-03")]
    [InlineData("dd.MM.yyyy", "03.11.2026 14:05", "2026-11-03T14:05")]
    [InlineData("dd.MM.yyyy", "03.11.2026 14:05:06", "2026-11-03T14:05:06")]
    [InlineData("yyyyMMdd", "20261103", "2026-11-03")]
    [InlineData("ddMMyyyy", "03112026", "2026-11-03")]
    [InlineData("yyyy/M/d", "2026/11/3", "2026-11-03")]
    [InlineData("dd MM yyyy HH:mm", "03 11 2026 14:05", "2026-11-03T14:05")]
    [InlineData("dd/MM/yyyyTHH:mm:ss", "03/11/2026T14:05:06", "2026-11-03T14:05:06")]
    [InlineData("dd/MM/yyyy", "3/11/2026", null)]
    [InlineData("dd/MM/yyyy", "03-11-2026", null)]
    [InlineData("dd/MM/yyyy", "31/02/2026", null)]
    [InlineData("dd/MM/yyyy", "03/11/26", null)]
    [InlineData("dd/MM/yyyy", "45363", null)]
    [InlineData("dd/MM/yyyy", "11/31/2026", null)]
    public void Date_InAStatedFormat_IsConverted(string format, string text, string? expected)
    {
        Assert.Equal(expected is not null, DateText.Parse(format).TryConvert(text, out var iso));
        Assert.Equal(expected ?? "", iso);
    }

    [Theory]
    [InlineData("dd/MM/yy")]
    [InlineData("dd/MM")]
    [InlineData("dd/dd/yyyy")]
    [InlineData("dd/MM-yyyy")]
    [InlineData("dMyyyy")]
    [InlineData("dd/MMM/yyyy")]
    [InlineData("DD/MM/YYYY")]
    [InlineData("")]
    public void Format_OutsideTheSyntax_IsAUsageError(string format) =>
        Assert.StartsWith($"--date-format '{format}' is not valid;", Assert.Throws<CliException>(() => DateText.Parse(format)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("20240312", true)]
    [InlineData("19991231", true)]
    [InlineData("20241312", false)]
    [InlineData("20240230", false)]
    [InlineData("21240312", false)]
    [InlineData("2024031", false)]
    public void EightDigits_AreADate_IfTheDayExists(string text, bool expected) => Assert.Equal(expected, DateText.IsBare(text));

    [Theory]
    [InlineData("31/12/2025,13/01/2026", 0, "")]
    [InlineData("12/31/2025,01/13/2026", 0, "")]
    [InlineData("31-12-2025 14:00,2026-01-13,11-11-2025", 0, "")]
    [InlineData("11.11.2025,05.05.2025", 0, "")]
    [InlineData("31/12/2025,03/11/2025", 2, "a.csv, line 3, effective: '03/11/2025' is 3 November 2025 or 11 March 2025: set --date-format d/M/yyyy or --date-format M/d/yyyy.")]
    [InlineData("03-11-2025", 2, "a.csv, line 2, effective: '03-11-2025' is 3 November 2025 or 11 March 2025: set --date-format d-M-yyyy or --date-format M-d-yyyy.")]
    [InlineData("31/12/2025,12/31/2025", 2, "a.csv, line 3, effective: '12/31/2025' has the month first, but '31/12/2025' on line 2 has the day first: write the dates in one form.")]
    [InlineData("31/12/2025,32/12/2025", 3, "line 3, effective: '32/12/2025' is not a time; write it like 2024-03-12T14:00:00+01:00, or set --date-format")]
    [InlineData("31/12/2025,31/12/25", 3, "line 3, effective: '31/12/25' is not a time")]
    [InlineData("2025-12-31,45363", 3, "line 3, effective: '45363' is not a time")]
    public async Task Column_IsReadIfEveryDateHasOneReading(string dates, int exitCode, string expected)
    {
        var lines = dates.Split(',').Select((date, i) => $"+3161234567{i},{date}\n");
        var run = await CliRun.Async(["import", _folder.Write("a.csv", "number,effective\n" + string.Concat(lines)), .. Import]);

        Assert.True(run.ExitCode == exitCode, run.Error + run.Output);
        Assert.Contains(expected, run.Error + run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Detection_ReadsTheWholeFile_AndGivesTheRightDays()
    {
        var lines = string.Concat(Enumerable.Range(0, 20_000).Select(i => $"+31612{i:D6},31/12/2025\n"));
        var late = _folder.Write("late.csv", "number,effective\n" + lines + "+31612999999,03/11/2025\n");
        var clear = _folder.Write("clear.csv", "number,effective\n" + lines);

        var refused = await CliRun.Async(["import", late, .. Import]);
        var read = await CliRun.Async(["import", clear, .. Import, "--json"]);
        var stated = await CliRun.Async(["import", late, .. Import, "--date-format", "dd/MM/yyyy"]);

        Assert.Equal((2, 0, 0), (refused.ExitCode, read.ExitCode, stated.ExitCode));
        Assert.Contains("late.csv, line 20002, effective: '03/11/2025'", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dates_AreRecordedAsTheDayTheyName()
    {
        foreach (var (format, text, rules) in new[]
        {
            ("a", "31/12/2025", new ReadingRules(new Dictionary<Field, DateText> { [Field.Effective] = DateText.DayFirst })),
            ("b", "12/31/2025", new ReadingRules(new Dictionary<Field, DateText> { [Field.Effective] = DateText.MonthFirst })),
        })
        {
            var map = new ColumnMap([], ["kind=objection", "organisation=acme"], []);
            using var input = InputFile.Open(_folder.Write(format + ".csv", $"number,effective\n+31612345678,{text}\n"), Stream.Null);
            using var reader = new CsvRecordReader(input, map, null, noHeader: false);
            var record = new ImportRecord();
            Assert.True(reader.Read(record));
            var fact = new FactMapper(map.Where, map.Fixed, TimeZoneInfo.FindSystemTimeZoneById("Europe/Amsterdam"), "", rules: rules).Map(record);
            Assert.Equal(DateTimeOffset.Parse("2025-12-31T22:59:59.999Z"), fact!.Effective.ToDateTimeOffset());
        }

        await Task.CompletedTask;
    }

    [Theory]
    [InlineData("20240312\n20240313\n", "--set region=DK --no-header --map number=1", 2, "the column '1' holds dates such as 20240312, not numbers")]
    [InlineData("number,when\n20240312,x\n20240313,y\n", "--set region=DK --ignore when", 2, "the column 'number' holds dates such as 20240312, not numbers")]
    [InlineData("number\n20240312\n31612345\n", "--set region=DK", 0, "2 would be recorded")]
    [InlineData("number\n45363.4166667\n", "--set region=DE", 3, "ends in a decimal fraction")]
    [InlineData("number\n2024-03-12 10:00\n", "--set region=DE", 3, "line 2, number: Not a phone number")]
    [InlineData("number\n2024-03-12 1000\n", "--set region=DE", 3, "line 2, number: Not a phone number: a date")]
    [InlineData("number\n\"31,612,345,678\"\n", "--set region=NL", 3, "line 2, number: Not a phone number")]
    [InlineData("number\n31'612'345'678\n", "--set region=NL", 3, "line 2, number: Not a phone number")]
    [InlineData("number\n\"612.345.678,00\"\n", "--set region=NL", 3, "line 2, number: Not a phone number")]
    [InlineData("number\n31.612.345.678\n", "--set region=NL", 0, "1 would be recorded")]
    public async Task Number_ThatIsADateOrAnAmount_IsRefused(string content, string options, int exitCode, string expected)
    {
        var run = await CliRun.Async(["import", _folder.Write("a.csv", content), "--set", "kind=objection", "--set", "organisation=acme", "--dry-run", .. options.Split(' ')]);

        Assert.True(run.ExitCode == exitCode, run.Error + run.Output);
        Assert.Contains(expected, run.Error + run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Scrub_OfADateColumn_IsRefused()
    {
        var list = _folder.Write("a.csv", "id,when\n1,20240312\n2,20240313\n");
        string[] preview = ["preview", list, "--region", "DK", "--org", "acme", "--purpose", "commercial", "--address", "http://127.0.0.1:1"];

        var named = await CliRun.Async([.. preview, "--column", "when"]);
        var unnamed = await CliRun.Async(preview);

        Assert.Equal((2, 2), (named.ExitCode, unnamed.ExitCode));
        Assert.Contains("a.csv: column 2 'when' holds dates such as 20240312, not numbers: select another with --column.", named.Error, StringComparison.Ordinal);
        Assert.Contains("no column clearly holds the number", unnamed.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("verdadeiro", "não")]
    [InlineData("sim", "nao")]
    [InlineData("SAND", "FALSK")]
    [InlineData("ja", "nej")]
    [InlineData("sant", "falskt")]
    [InlineData("sann", "usann")]
    [InlineData("PRAWDA", "FAŁSZ")]
    [InlineData("tak", "nie")]
    [InlineData("sí", "no")]
    [InlineData("Sì", "n")]
    [InlineData("J", "nei")]
    public void YesAndNo_OfTheSupportedCountries_AreUnderstood(string yes, string no)
    {
        Assert.True(YesNo.Any.TryParse(yes, out var isYes) && YesNo.Any.TryParse(no, out var isNo) && isYes && !isNo);
        Assert.False(YesNo.Any.TryParse("x", out _));
    }
}
