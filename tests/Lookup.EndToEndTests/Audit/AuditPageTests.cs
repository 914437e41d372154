using System.Globalization;
using Lookup.Cli.Audit;
using Lookup.EndToEndTests.Dashboard;
using PuppeteerSharp;

namespace Lookup.EndToEndTests.Audit;

/// <summary>The page of lookup audit --report.</summary>
public sealed class AuditPageTests : IDisposable
{
    private const string Nasty = "<b onclick=x>'\"&";

    private readonly TempFolder _temp = new();

    public void Dispose() => _temp.Dispose();

    [Theory]
    [InlineData(1280, "light")]
    [InlineData(390, "light")]
    [InlineData(1280, "dark")]
    [InlineData(390, "dark")]
    public async Task Page_InABrowser_ShowsAllOfItWithoutScrollingSideways(int width, string scheme)
    {
        await using var browser = await Chromium.StartAsync();
        var file = _temp.Write("audit.html", AuditPage.Render(Report(), Year()));
        await using var page = await browser.NewPageAsync();
        var faults = new List<string>();
        page.Console += (_, e) => faults.Add(e.Message.Text);
        page.PageError += (_, e) => faults.Add(e.Message);
        await page.SetViewportAsync(new ViewPortOptions { Width = width, Height = 900 });
        await page.EmulateMediaFeaturesAsync([new MediaFeatureValue { MediaFeature = MediaFeature.PrefersColorScheme, Value = scheme }]);
        await page.GoToAsync(new Uri(file).AbsoluteUri);
        Assert.Equal("Audit of calls.csv", await page.GetTitleAsync());
        var text = await page.EvaluateExpressionAsync<string>("document.body.innerText");
        Assert.Contains("5,000 of 100,000 calls (5.00%) are to answer for.", text, StringComparison.Ordinal);
        Assert.Contains("The first 500 of 5,000", text, StringComparison.Ordinal);
        Assert.Contains(Nasty, text, StringComparison.Ordinal);
        Assert.Contains("Tw 11.7(2)", text, StringComparison.Ordinal);
        Assert.DoesNotContain("+31612345678", text, StringComparison.Ordinal);
        Assert.Equal(500, await page.EvaluateExpressionAsync<int>("document.querySelectorAll('li').length"));
        Assert.Equal(0, await page.EvaluateExpressionAsync<int>("document.querySelectorAll('li b, td b').length"));
        // The weeks of a year, and one bar with two verdicts in each.
        Assert.Equal(2 * 53, await page.EvaluateExpressionAsync<int>("document.querySelectorAll('svg rect').length"));
        Assert.True(await page.EvaluateExpressionAsync<bool>("document.documentElement.scrollWidth <= innerWidth"));
        Assert.Equal(scheme == "dark", await page.EvaluateExpressionAsync<bool>("getComputedStyle(document.body).backgroundColor == 'rgb(22, 24, 27)'"));
        Assert.True((await page.PdfDataAsync()).Length > 1_000);
        Assert.Empty(faults);
    }

    [Fact]
    public void Page_WithoutCalls_SaysSo()
    {
        var html = AuditPage.Render(Report() with { Groups = [], Header = [] }, new AuditState());
        Assert.Contains("No calls.", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<svg", html, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", html, StringComparison.Ordinal);
    }

    private static AuditReport Report() => new(
        "calls.csv", "calls.csv.findings.csv", "Organisation acme, purpose commercial", new DateTimeOffset(2025, 1, 6, 9, 0, 0, TimeSpan.Zero), "Europe/Amsterdam",
        ["line", "number", "called", "finding", "reason", "layer", "article", "text", "then", "now", "check", "answer", "answered", "receipt", "centre"],
        ["centre"], HasReceipts: true, CountsCalls: true);

    private static AuditState Year()
    {
        var first = new DateTimeOffset(2024, 1, 1, 9, 0, 0, TimeSpan.Zero);
        var state = new AuditState
        {
            Calls = 100_000,
            ToAnswerFor = 5_000,
            NotPlaced = 1_200,
            Faulty = 3,
            First = first.ToUnixTimeMilliseconds(),
            Last = first.AddDays(365).ToUnixTimeMilliseconds(),
            Findings = [96_000, 2_500, 300, 700, 500],
            Checks = [97_000, 800, 100, 100, 2_000, 0],
            Reasons = { ["no_consent\tTw 11.7(2)"] = 2_000, ["outside_hours\tCTM 2012 art. 9"] = 2_000 },
            Groups = [new Dictionary<string, CallCount> { ["north"] = new() { Calls = 60_000, ToAnswerFor = 4_000 }, [Nasty] = new() { Calls = 40_000, ToAnswerFor = 1_000 } }],
        };
        for (var day = 0; day < 366; day++)
        {
            state.Days[first.AddDays(day).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)] = new DayCount { Allow = 260 + (day % 30), Deny = 10 + (day % 7), ToAnswerFor = 12 };
        }

        for (var i = 0; i < AuditTally.MaxShown; i++)
        {
            state.Shown.Add(
            [
                (i + 2).ToString(CultureInfo.InvariantCulture), "+31612345678", "2024-03-12T14:00:00Z", "not permitted", "no_consent", "law", "Tw 11.7(2)",
                "Calls to natural persons need consent.", "deny", "deny", "never checked", "", "", "", Nasty,
            ]);
        }

        return state;
    }
}
