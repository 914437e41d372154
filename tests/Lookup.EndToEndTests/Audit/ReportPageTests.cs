using System.Globalization;
using Google.Protobuf.WellKnownTypes;
using Lookup.Cli.Audit;
using Lookup.EndToEndTests.Dashboard;
using Lookup.Testing.Audit;
using Lookup.V1;
using PuppeteerSharp;

namespace Lookup.EndToEndTests.Audit;

/// <summary>The page of lookup report.</summary>
public sealed class ReportPageTests : IDisposable
{
    private const string Nasty = "<b onclick=x>'\"&";

    private static readonly DateTimeOffset Made = new(2025, 1, 6, 9, 0, 0, TimeSpan.Zero);

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
        var file = _temp.Write("report.html", ReportPage.Render(Report(), Year()));
        await using var page = await browser.NewPageAsync();
        var faults = new List<string>();
        page.Console += (_, e) => faults.Add(e.Message.Text);
        page.PageError += (_, e) => faults.Add(e.Message);
        await page.SetViewportAsync(new ViewPortOptions { Width = width, Height = 900 });
        await page.EmulateMediaFeaturesAsync([new MediaFeatureValue { MediaFeature = MediaFeature.PrefersColorScheme, Value = scheme }]);
        await page.GoToAsync(new Uri(file).AbsoluteUri);
        Assert.Equal("Calls of acme", await page.GetTitleAsync());
        var text = await page.EvaluateExpressionAsync<string>("document.body.innerText");
        foreach (var expected in (string[])[
            "1 January 2024 to 31 December 2024", "4,980 of 100,000 calls (4.98%) are to answer for.", "2,500 calls not permitted by what was on record at that moment.",
            "Most calls to answer for: centre north, 4,000 of 60,000.", "99.18%", "12 consents have no evidence", "The register us-dnc is 36 days old; the rules allow 31.",
            "not verified, because no public key was named", "Both readings were decided", Nasty, "Tw 11.7(2)", "in effect Sat 2024-03-02 11:00 +01:00"])
        {
            Assert.True(text.Contains(expected, StringComparison.Ordinal), $"{expected} is not in\n{text}");
        }

        Assert.DoesNotContain("+31612345678", text, StringComparison.Ordinal);
        Assert.Equal(2 * AuditTally.MaxShown, await page.EvaluateExpressionAsync<int>("document.querySelectorAll('.calls li').length"));
        Assert.Equal(0, await page.EvaluateExpressionAsync<int>("document.querySelectorAll('li b, td b').length"));
        // The weeks of a year: one bar with two verdicts in each, and one of the calls to answer for.
        Assert.Equal(3 * 53, await page.EvaluateExpressionAsync<int>("document.querySelectorAll('svg rect').length"));
        Assert.True(await page.EvaluateExpressionAsync<bool>("document.documentElement.scrollWidth <= innerWidth"));
        // Columns are as high as their counts, and inside their box.
        Assert.Equal("", await page.EvaluateExpressionAsync<string>("""
            [...document.querySelectorAll('.columns')].flatMap(box => {
              const bars = [...box.children].map(one => [Number(one.querySelector('b').textContent.replaceAll(',', '')), one.querySelector('i').getBoundingClientRect()]);
              const most = Math.max(...bars.map(bar => bar[0])), height = Math.max(...bars.map(bar => bar[1].height));
              return bars.filter(bar => bar[1].top < box.getBoundingClientRect().top || Math.abs(bar[1].height - height * bar[0] / most) > 1.5).map(bar => bar[0] + ': ' + bar[1].height + ' of ' + height);
            }).join('; ')
            """));
        Assert.Equal(scheme == "dark", await page.EvaluateExpressionAsync<bool>("getComputedStyle(document.body).backgroundColor == 'rgb(22, 24, 27)'"));
        Assert.Empty(faults);

        // On paper it is dark on light, whatever the screen.
        await page.EmulateMediaTypeAsync(PuppeteerSharp.Media.MediaType.Print);
        Assert.Equal("rgb(29, 33, 37)", await page.EvaluateExpressionAsync<string>("getComputedStyle(document.body).color"));
        Assert.True((await page.PdfDataAsync()).Length > 1_000);
    }

    // Also writes the picture in the documentation, of a larger year.
    [Fact]
    public async Task Page_OfAGeneratedYear_IsThePictureOfTheDocumentation()
    {
        await using var browser = await Chromium.StartAsync();
        var year = Chromium.TakesPictures ? new AuditYear(seed: 11, clean: 1_500, planted: 10) : new AuditYear(seed: 11, clean: 120);
        await using var server = await year.RecordAsync();
        year.WriteReceipts(_temp);
        var path = _temp.Write("calls-2024.csv", year.Csv());
        var run = await CliRun.Async(
            "report", path, "--column", "dst", "--time", "start", "--timezone", "Europe/Amsterdam", "--from", "2024-01-01", "--to", "2024-12-31", "--by", "centre", "--by", "campaign", "--by", "agent",
            "--org", "acme", "--purpose", "commercial", "--receipts", _temp.PathOf("receipts"), "--key-file", _temp.PathOf("number.key"), "--address", server.Host.GrpcAddress.ToString());
        Assert.Equal((6, ""), (run.ExitCode, run.Error));
        await using var page = await browser.NewPageAsync();
        await page.SetViewportAsync(new ViewPortOptions { Width = 1060, Height = 1500 });
        await page.GoToAsync(new Uri(path + ".report.html").AbsoluteUri);
        var toAnswerFor = year.Calls.Count(call => call.Finding != "permitted" || call.Check != "checked");
        Assert.Contains(
            string.Create(CultureInfo.InvariantCulture, $"{toAnswerFor:N0} of {year.Calls.Count:N0} calls"),
            await page.EvaluateExpressionAsync<string>("document.body.innerText"),
            StringComparison.Ordinal);
        if (Chromium.TakesPictures)
        {
            await Chromium.TakePictureAsync(page, "report.png");
        }
    }

    [Fact]
    public void Page_WithoutCalls_SaysSo()
    {
        var report = Report() with { Choice = Choice([]), Header = [], Numbers = Numbers(0) };
        var html = ReportPage.Render(report, new AuditState());
        Assert.Contains("No calls.", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<svg", html, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", html, StringComparison.Ordinal);
    }

    private static Report Report() => new(
        "calls.csv", new string('a', 64), "calls.csv.findings.csv", new Question { Organisation = "acme", Purpose = Purpose.Commercial }, Choice(["centre"]), Made,
        ["line", "number", "called", "finding", "reason", "layer", "article", "text", "then", "now", "effective", "recorded", "check", "answer", "answered", "receipt", "centre"],
        Receipts: new ReceiptIndex(new Question(), new Core.Numbers.NumberCipher(new byte[32]), default), CountsCalls: true, Numbers(1_000))
    {
        Registers =
        [
            new Register { Name = "us-dnc", Title = "National Do Not Call Registry", SnapshotDates = { Timestamp.FromDateTimeOffset(Made.AddDays(-36.2)) } },
            new Register { Name = "fr-bloctel", SnapshotDates = { Timestamp.FromDateTimeOffset(Made) } },
        ],
    };

    private static CallChoice Choice(string[] groups) => new(
        null, "dst", "start", null, groups, false, null, null, null, new CallSelection(null, null, null, "", TimeZoneInfo.FindSystemTimeZoneById("Europe/Amsterdam")));

    private static NumberTally Numbers(int count)
    {
        var tally = new NumberTally(new Question { Organisation = "acme", Purpose = Purpose.Commercial }, Made, Made.AddYears(-1), Made);
        for (var i = 0; i < count; i++)
        {
            var called = new CalledNumber("", 31612345678, [.. Enumerable.Range(0, 1 + (i % 14 * i % 13 / 3)).Select(call => Made.AddDays(call - 100).ToUnixTimeMilliseconds())]);
            var consent = new KnownFact
            {
                Current = true,
                Fact = new Fact
                {
                    Source = i % 3 == 0 ? "partner " + Nasty : i % 2 == 0 ? "web form 12" : "shop",
                    Consent = new Consent
                    {
                        Organisation = "acme",
                        Purposes = { Purpose.Commercial },
                        Expires = Timestamp.FromDateTimeOffset(Made.AddDays(20 + i)),
                        Evidence = i % 84 == 0 ? null : new Evidence { Reference = "recording", Sha256 = i % 2 == 0 ? "" : new string('b', 64) },
                    },
                },
            };
            var objection = new KnownFact { Current = true, Fact = new Fact { Effective = Timestamp.FromDateTimeOffset(Made.AddDays(-100 - (i % 50) + 2)), Objection = new Objection { Organisation = "acme" } } };
            tally.Add(called, i % 5 == 0 ? [consent, objection] : [consent]);
        }

        return tally;
    }

    private static AuditState Year()
    {
        var first = new DateTimeOffset(2024, 1, 1, 9, 0, 0, TimeSpan.Zero);
        var state = new AuditState
        {
            Calls = 100_000,
            ToAnswerFor = 4_980,
            NotPlaced = 1_200,
            Faulty = 3,
            Ambiguous = 7,
            First = first.ToUnixTimeMilliseconds(),
            Last = first.AddDays(365).ToUnixTimeMilliseconds(),
            Findings = [96_000, 2_500, 300, 700, 500],
            Checks = [97_000, 800, 100, 100, 2_000, 0],
            Rules = { ["NL-2, version 2024-10"] = 90_000, ["US, version 2026-01"] = 10_000 },
            Groups = [new Dictionary<string, CallCount>
            {
                ["north"] = new() { Calls = 60_000, ToAnswerFor = 4_000, Comparable = 58_000, NeverChecked = 700, Objections = 40 },
                [Nasty] = new() { Calls = 40_000, ToAnswerFor = 980, Comparable = 40_000, NeverChecked = 100, Objections = 61 },
            }],
            Grounds =
            {
                ["1"] = Ground("not permitted", "no_consent", "law", "Tw 11.7(2)", "Calls to natural persons need consent.", 2_500),
                ["2"] = Ground("forbidden by what was recorded after the call", "objection", "law", "Tw 11.7(5)", "Whoever objected is not called again.", 700),
            },
        };
        state.Late.Add(TimeSpan.FromDays(9));
        for (var day = 0; day < 366; day++)
        {
            state.Days[first.AddDays(day).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)] = new DayCount { Allow = 260 + (day % 30), Deny = 10 + (day % 7), ToAnswerFor = 12 + (day / 60) };
        }

        return state;
    }

    private static GroundCount Ground(string finding, string reason, string layer, string article, string text, long calls)
    {
        var ground = new GroundCount { Finding = finding, Reason = reason, Layer = layer, Article = article, Text = text, Calls = calls };
        for (var i = 0; i < AuditTally.MaxShown; i++)
        {
            ground.Shown.Add(
            [
                (i + 2).ToString(CultureInfo.InvariantCulture), "+31612345678", "2024-03-12T14:00:00Z", finding, reason, layer, article, text, "deny", "deny",
                reason == "objection" ? "2024-03-02T10:00:00Z" : "", reason == "objection" ? "2024-03-14T10:00:00Z" : "",
                i % 2 == 0 ? "never checked" : "checked", i % 2 == 0 ? "" : "allow", i % 2 == 0 ? "" : "2024-03-12T13:59:59.8Z", i % 2 == 0 ? "" : "5f0c2b9a41d7e8836b1f0a92c4d5e6f7-1234", Nasty,
            ]);
        }

        return ground;
    }
}
