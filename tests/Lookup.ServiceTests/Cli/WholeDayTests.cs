using Google.Protobuf.WellKnownTypes;
using Lookup.Cli.Import;
using Lookup.Cli.Options;
using Lookup.V1;
using Field = Lookup.Cli.Import.Field;

namespace Lookup.ServiceTests.Cli;

/// <summary>A time that is only a date, a minute or a second is read on the side that forbids.</summary>
public sealed class WholeDayTests(LookupServer server) : IClassFixture<LookupServer>
{
    private static readonly TimeZoneInfo Amsterdam = TimeZoneInfo.FindSystemTimeZoneById("Europe/Amsterdam");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    // Yesterday's list says that the number objected on a day, and so does the consent of that morning.
    [Theory]
    [InlineData("objection", "organisation=acme", "")]
    [InlineData("objection", "organisation=*", "")]
    [InlineData("consent", "organisation=acme", "true")]
    [InlineData("reassignment", "source=rnd", "")]
    public async Task Import_DateOfAFactThatForbids_CountsAfterAConsentOfThatDay(string kind, string set, string withdrawn)
    {
        using var folder = new TempFolder();
        var number = Samples.NewNumber();
        var morning = server.Clock.GetUtcNow().AddDays(-1).Date.AddHours(9);
        var consent = Samples.Consent(number);
        consent.Consent.Captured = Timestamp.FromDateTime(DateTime.SpecifyKind(morning, DateTimeKind.Utc));
        await server.Facts.RecordFactsAsync(Samples.Record(consent), cancellationToken: Token);
        Assert.Equal(Verdict.Allow, await VerdictAsync(number));

        var file = folder.Write("day.csv", $"number,effective,withdrawn\n{number},{morning:yyyy-MM-dd},{withdrawn}\n");
        string[] import =
            ["import", file, "--set", $"kind={kind}", "--set", set, "--timezone", "Europe/Amsterdam", "--address", server.Host.GrpcAddress.ToString()];
        Assert.Equal(0, (await CliRun.Async(import)).ExitCode);
        Assert.Equal(Verdict.Deny, await VerdictAsync(number));

        // Recorded again, it is the same fact.
        Assert.Contains("1 unchanged", (await CliRun.Async([.. import, "--restart"])).Output, StringComparison.Ordinal);
    }

    // A consent within the day, minute, second or second pass of the hour that a file writes for the fact.
    [Theory]
    [InlineData("objection", "2024-02-12 00:00", "2024-02-12T14:00:00+01:00")]
    [InlineData("objection", "2024-02-12T00:00:00.000", "2024-02-12T14:00:00+01:00")]
    [InlineData("objection", "2024-02-12T00:00:00+01:00", "2024-02-12T14:00:00+01:00")]
    [InlineData("objection", "2024-02-11T23:00:00Z", "2024-02-12T14:00:00+01:00")]
    [InlineData("objection", "13/02/2024 00:00", "2024-02-13T14:00:00+01:00")]
    [InlineData("objection", "2024-02-12T14:00", "2024-02-12T14:00:10+01:00")]
    [InlineData("objection", "13/02/2024 14:00", "2024-02-13T14:00:10+01:00")]
    [InlineData("objection", "2024-02-12 14:00:10", "2024-02-12T14:00:10.500+01:00")]
    [InlineData("objection", "2023-10-29 02:30", "2023-10-29T02:45:00+02:00")]
    [InlineData("reassignment", "2024-02-12 00:00", "2024-02-12T14:00:00+01:00")]
    [InlineData("consent withdrawn", "2024-02-12 00:00", "2024-02-12T14:00:00+01:00")]
    [InlineData("consent withdrawn", "2024-02-12 14:00", "2024-02-12T14:00:10+01:00")]
    public async Task Import_TimeOfAFactThatForbids_CountsAfterEveryConsentItMayFollow(string kind, string text, string consented)
    {
        using var folder = new TempFolder();
        var number = Samples.NewNumber();
        var consent = Samples.Consent(number);
        consent.Consent.Captured = Timestamp.FromDateTimeOffset(DateTimeOffset.Parse(consented, System.Globalization.CultureInfo.InvariantCulture));
        await server.Facts.RecordFactsAsync(Samples.Record(consent), cancellationToken: Token);
        Assert.Equal(Verdict.Allow, await VerdictAsync(number));

        var words = kind.Split(' ');
        var file = folder.Write("time.csv", $"number,effective,withdrawn\n{number},{text},{(words.Length > 1 ? "true" : "")}\n");
        var import = await CliRun.Async(
            "import", file, "--set", $"kind={words[0]}", "--set", kind == "reassignment" ? "source=rnd" : "organisation=acme", "--timezone", "Europe/Amsterdam",
            "--address", server.Host.GrpcAddress.ToString());

        Assert.True(import.ExitCode == 0, import.Error + import.Output);
        Assert.Equal(Verdict.Deny, await VerdictAsync(number));
    }

    [Theory]
    [InlineData("2024-03-12", "2024-03-11T23:00:00Z", "2024-03-12T22:59:59.999Z")]
    [InlineData("2024-03-31", "2024-03-30T23:00:00Z", "2024-03-31T21:59:59.999Z")]
    [InlineData("2024-03-12T00:00:00", "2024-03-11T23:00:00Z", "2024-03-12T22:59:59.999Z")]
    [InlineData("2024-03-12T00:00:00Z", "2024-03-12T00:00:00Z", "2024-03-12T23:59:59.999Z")]
    [InlineData("2024-03-11T23:00:00Z", "2024-03-11T23:00:00Z", "2024-03-12T22:59:59.999Z")]
    [InlineData("2024-03-12 14:00", "2024-03-12T13:00:00Z", "2024-03-12T13:00:59.999Z")]
    [InlineData("2024-03-12T14:00:00+01:00", "2024-03-12T13:00:00Z", "2024-03-12T13:00:00.999Z")]
    [InlineData("2024-03-12T14:00:00.5Z", "2024-03-12T14:00:00.500Z", "2024-03-12T14:00:00.599Z")]
    [InlineData("2024-03-12T14:00:00.123456Z", "2024-03-12T14:00:00.123Z", "2024-03-12T14:00:00.123Z")]
    // The clock was put back at 03:00 to 02:00.
    [InlineData("2024-10-27 01:59", "2024-10-26T23:59:00Z", "2024-10-26T23:59:59.999Z")]
    [InlineData("2024-10-27 02:30", "2024-10-27T00:30:00Z", "2024-10-27T01:30:59.999Z")]
    // Not over yet, and in the future.
    [InlineData("2026-11-30", "2026-11-29T23:00:00Z", "2026-11-30T11:00:00Z")]
    [InlineData("2026-12-01", "2026-11-30T23:00:00Z", "2026-11-30T23:00:00Z")]
    [InlineData("9999-12-31", "9999-12-30T23:00:00Z", "9999-12-30T23:00:00Z")]
    public void LatestOf_AText_IsTheLastMomentItCanMeanButNotAfterNow(string text, string first, string last)
    {
        Assert.True(TimeText.TryParse(text, Amsterdam, out var time, out _));
        Assert.Equal((first, last), (TimeText.Format(time.ToUniversalTime()), TimeText.Format(TimeText.LatestOf(text, Amsterdam, new(2026, 11, 30, 11, 0, 0, TimeSpan.Zero)).ToUniversalTime())));
    }

    [Theory]
    [InlineData("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-05T01:59:59.999Z")]
    [InlineData("2018-11-04 00:00", "America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-05T01:59:59.999Z")]
    [InlineData("2024-03-30", "America/Nuuk", "2024-03-30T02:00:00Z", "2024-03-31T00:59:59.999Z")]
    public void Date_WhoseStartOrEndTheClockSkips_IsItsDay(string text, string id, string first, string last)
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById(id);
        Assert.True(TimeText.TryParseRange(text, zone, out var time, out var end, out _));
        Assert.Equal((first, last), (TimeText.Format(time.ToUniversalTime()), TimeText.Format(end.ToUniversalTime())));
    }

    [Theory]
    [InlineData("9999-12-31", "Europe/Amsterdam", "2200-01-01T00:00:00Z")]
    [InlineData("9999-12-31", "America/New_York", "2200-01-01T00:00:00Z")]
    [InlineData("2999-12-31T23:59:59Z", "Europe/Amsterdam", "2200-01-01T00:00:00Z")]
    public void Objection_OfAFarYear_IsRecordedWithTheLastTimeThatIsValid(string text, string zone, string expected)
    {
        var record = new ImportRecord();
        record.Reset(1, default);
        (record[Field.Kind], record[Field.Number]) = ("objection", "+31612345678");
        (record[Field.Organisation], record[Field.Effective]) = ("acme", text);
        var mapper = new FactMapper(
            field => field.ToString(), new Dictionary<Field, string>(), TimeZoneInfo.FindSystemTimeZoneById(zone), "test");

        var fact = mapper.Map(record);

        Assert.Empty(record.Faults);
        Assert.Equal(expected, TimeText.Format(fact!.Effective.ToDateTimeOffset()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("banking_finance")]
    public void Registration_OfAnyCategories_CountsToTheEndOfItsDay(string categories)
    {
        var record = new ImportRecord();
        record.Reset(1, default);
        (record[Field.Kind], record[Field.Number], record[Field.Register]) = ("registration", "+919876543221", "in-dlt");
        (record[Field.Since], record[Field.Categories]) = ("2024-02-12", categories.Length > 0 ? categories : null);
        var mapper = new FactMapper(field => field.ToString(), new Dictionary<Field, string>(), TimeZoneInfo.FindSystemTimeZoneById("Asia/Kolkata"), "test");

        var fact = mapper.Map(record);

        Assert.Empty(record.Faults);
        Assert.Equal("2024-02-12T18:29:59.999Z", TimeText.Format(fact!.Registration.RegisteredSince.ToDateTimeOffset()));
    }

    [Theory]
    [InlineData("now")]
    [InlineData("2024-03-12T14:00:00Z")]
    [InlineData("2024-03-12 14:00")]
    public void IsDay_ATime_IsNone(string text) => Assert.False(TimeText.IsDay(text));

    private async Task<Verdict> VerdictAsync(string number) =>
        (await server.Lookup.CheckAsync(Samples.Check(number), cancellationToken: Token)).Decision.Verdict;
}
