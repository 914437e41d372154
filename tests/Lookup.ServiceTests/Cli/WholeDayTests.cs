using Google.Protobuf.WellKnownTypes;
using Lookup.Cli.Options;
using Lookup.V1;

namespace Lookup.ServiceTests.Cli;

/// <summary>A date without a time of day is read on the side that forbids.</summary>
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

    [Theory]
    [InlineData("2024-03-12", "2024-03-12T23:59:59.999+01:00")]
    [InlineData("2024-03-31", "2024-03-31T23:59:59.999+02:00")]
    [InlineData("2026-11-30", "2026-11-30T12:00:00+01:00")]
    [InlineData("2026-12-01", "2026-12-01T00:00:00+01:00")]
    public void LatestOf_ADay_IsItsEndOrTheMomentOfRecording(string day, string expected)
    {
        var now = new DateTimeOffset(2026, 11, 30, 11, 0, 0, TimeSpan.Zero);
        Assert.True(TimeText.TryParse(day, Amsterdam, out var midnight, out _));
        Assert.True(TimeText.IsDay(day));
        Assert.Equal(DateTimeOffset.Parse(expected, System.Globalization.CultureInfo.InvariantCulture), TimeText.LatestOf(midnight, Amsterdam, now));
    }

    [Theory]
    [InlineData("now")]
    [InlineData("2024-03-12T14:00:00Z")]
    [InlineData("2024-03-12 14:00")]
    public void IsDay_ATime_IsNone(string text) => Assert.False(TimeText.IsDay(text));

    private async Task<Verdict> VerdictAsync(string number) =>
        (await server.Lookup.CheckAsync(Samples.Check(number), cancellationToken: Token)).Decision.Verdict;
}
