using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Logging;
using PuppeteerSharp;
using static Lookup.Testing.Clients.Programs;

namespace Lookup.EndToEndTests.Dashboard;

/// <summary>The page benchmarks/dashboard in a browser, over copies of the folder.</summary>
[SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable", Justification = "DisposeAsync, which xunit calls, does it.")]
public sealed partial class DashboardTests : IAsyncLifetime
{
    private const string Metric = "made_up_p99";

    // One that a card of the page shows.
    private const string Carded = "check_filter_decided_cpu";
    private static readonly string Benchmarks = Path.Combine(Root(), "benchmarks");

    private readonly string _folder = Directory.CreateTempSubdirectory("lookup-dashboard-").FullName;
    private WebApplication? _site;
    private IBrowser? _browser;

    public async ValueTask InitializeAsync()
    {
        Copy(Path.Combine(Benchmarks, "dashboard"), Path.Combine(_folder, "dashboard"));
        Directory.CreateDirectory(Path.Combine(_folder, "results"));
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        _site = builder.Build();
        _site.Urls.Add("http://127.0.0.1:0");
        _site.UseStaticFiles(new StaticFileOptions { FileProvider = new PhysicalFileProvider(_folder), ServeUnknownFileTypes = true });
        await _site.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }

        if (_site is not null)
        {
            await _site.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void List_NamesEveryResultFile()
    {
        var listed = JsonSerializer.Deserialize<string[]>(File.ReadAllText(Path.Combine(Benchmarks, "dashboard/files.json")))!;

        Assert.Equal(Directory.GetFiles(Path.Combine(Benchmarks, "results"), "*.jsonl").Select(Path.GetFileName).Order(StringComparer.Ordinal), listed);
    }

    [Fact]
    public void Files_NameNoAddressElsewhere()
    {
        foreach (var file in new[] { "index.html", "dashboard.js", "dashboard.css" })
        {
            Assert.DoesNotMatch(new Regex("https?://|innerHTML"), File.ReadAllText(Path.Combine(Benchmarks, "dashboard", file)));
        }
    }

    [Fact]
    public void Goals_QuoteTheDocumentation()
    {
        var measured = Directory.GetFiles(Path.Combine(Benchmarks, "Lookup.Load"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(file => MetricName().Matches(File.ReadAllText(file))).Select(match => match.Groups[1].Value).ToHashSet();
        foreach (var goal in JsonDocument.Parse(File.ReadAllText(Path.Combine(Benchmarks, "results/goals.json"))).RootElement.EnumerateArray())
        {
            var text = File.ReadAllText(Path.Combine(Root(), goal.GetProperty("source").GetString()!));
            Assert.Contains(goal.GetProperty("words").GetString()!, WhiteSpace().Replace(text, " "), StringComparison.Ordinal);
            Assert.Contains(measured, name => goal.GetProperty("metric").GetString()!.StartsWith(name, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task CommittedResults_AreDrawnWithoutAnError()
    {
        Copy(Path.Combine(Benchmarks, "results"), Path.Combine(_folder, "results"));
        await using var page = await OpenAsync(1400, unfold: false);

        if (Chromium.TakesPictures)
        {
            await Chromium.TakePictureAsync(page, "benchmarks.png");
        }

        Assert.Equal("", await ErrorsAsync(page));
        Assert.Equal(0, await page.EvaluateExpressionAsync<int>("plots.length"));
        Assert.Empty(await page.EvaluateExpressionAsync<string[]>("QUESTIONS.flatMap(q => Object.keys(q[1])).filter(m => !drawings.has(m))"));
        Assert.True(await page.EvaluateExpressionAsync<double>("byId('questions').getBoundingClientRect().bottom") <= 900);
        await UnfoldAsync(page);
        Assert.True(await page.EvaluateExpressionAsync<int>("document.querySelectorAll('article').length") > 20);
        Assert.True(await page.EvaluateExpressionAsync<bool>(
            "[...document.querySelectorAll('article')].every(a => { const c = a.querySelector('canvas'); return c && c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v); })"));
    }

    [Fact]
    public async Task NarrowScreen_NeedsNoSidewaysScrolling()
    {
        Copy(Path.Combine(Benchmarks, "results"), Path.Combine(_folder, "results"));
        await using var page = await OpenAsync(390);

        await page.EvaluateExpressionAsync("document.querySelectorAll('details').forEach(d => d.open = true)");

        Assert.True(await page.EvaluateExpressionAsync<int>("document.documentElement.scrollWidth") <= 390);
    }

    [Theory]
    [InlineData("light")]
    [InlineData("dark")]
    public async Task EveryText_IsReadableInBothThemes(string theme)
    {
        Copy(Path.Combine(Benchmarks, "results"), Path.Combine(_folder, "results"));
        await using var page = await OpenAsync(theme: theme);
        await page.EvaluateExpressionAsync("document.querySelectorAll('main > details, .repeat').forEach(d => d.open = true)");

        // The contrast of WCAG between each text and what is behind it; 4.5 is level AA.
        var unreadable = await page.EvaluateFunctionAsync<string[]>(
            """
            () => {
              const parts = c => c.match(/[\d.]+/g).map(Number);
              const light = c => parts(c).slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
              const behind = e => { const b = parts(getComputedStyle(e).backgroundColor); return b[3] === 0 ? behind(e.parentElement) : getComputedStyle(e).backgroundColor; };
              return [...document.querySelectorAll('body *')].filter(e => e.checkVisibility() && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())).filter(e => {
                const [a, b] = [light(getComputedStyle(e).color), light(behind(e))];
                return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5;
              }).map(e => `${e.tagName} ${e.className}: ${e.textContent.slice(0, 40)}`);
            }
            """);

        Assert.Empty(unreadable);
        var background = await page.EvaluateExpressionAsync<string>("getComputedStyle(document.body).backgroundColor");
        Assert.Equal(theme == "dark" ? "rgb(22, 24, 27)" : "rgb(250, 250, 248)", background);
    }

    [Fact]
    public async Task Verdict_NamesARegression()
    {
        Write("check.jsonl", [.. Days(10, 10.3, 9.9, 20), Line(1, 5, metric: "another"), Line(2, 5, metric: "dirty_only", dirty: true)]);
        await using var page = await OpenAsync(unfold: false);

        Assert.StartsWith("1 series became worse", await TextAsync(page, "#headline"), StringComparison.Ordinal);
        Assert.StartsWith("severe check_filter_decided_cpu worse, severe: ratio 4, 3 earlier runs 1.98 to 2.06", await TextAsync(page, "#findings"), StringComparison.Ordinal);
        Assert.Equal("1 worse|0 within noise|0 better|1 not judged|1 without a clean run", await CountsAsync(page));
        Assert.Equal("severe", await TextAsync(page, $"[data-row={Carded}] .mark"));

        await page.ClickAsync("#counts .bad");
        Assert.Equal("1 of 3 series", await TextAsync(page, "#found"));
        Assert.Equal([Carded], await ShownAsync(page));
    }

    [Fact]
    public async Task DirtyRun_CountsInNoVerdictCardOrGoal()
    {
        Write("check.jsonl", [Line(1, 500, metric: Carded, dirty: true), .. Days(10, 10.3, 9.9, 10.1).Select((line, i) => line.Replace("01-0", "02-0", StringComparison.Ordinal)), Line(28, 9000, metric: Carded, dirty: true).Replace("01-28", "03-01", StringComparison.Ordinal)]);
        WriteGoals(Goal(Carded, "median", atMost: 100));
        await using var page = await OpenAsync();

        Assert.Equal("Nothing became worse; 1 of 1 measured goal met.", await TextAsync(page, "#headline"));
        Assert.StartsWith("0 worse|1 within noise", await CountsAsync(page), StringComparison.Ordinal);
        Assert.Equal("10.1 µs", await TextAsync(page, $"[data-row={Carded}] .line b"));
        Assert.Contains("5 of 6", await DetailAsync(page), StringComparison.Ordinal);
        Assert.Contains("3 earlier runs 1.98 to 2.06", await DetailAsync(page), StringComparison.Ordinal);
        Assert.Null(await DataAsync(page, "levels"));

        await page.FocusAsync(".plots");
        await page.Keyboard.PressAsync("End");
        Assert.Contains("not judged: the run is dirty", await DetailAsync(page), StringComparison.Ordinal);
        Assert.True(await page.EvaluateExpressionAsync<bool>("document.querySelector('article').classList.contains('grey')"));
    }

    [Fact]
    public async Task SeriesOfDirtyRuns_HasNoFigureInItsCard()
    {
        Write("check.jsonl", Line(1, 10, metric: Carded, dirty: true));
        WriteGoals(Goal(Carded, "median", atMost: 100));
        await using var page = await OpenAsync(unfold: false);

        Assert.Equal("No verdict yet: too few clean runs.", await TextAsync(page, "#headline"));
        Assert.Equal("no clean run", await TextAsync(page, $"[data-row={Carded}] b"));
        Assert.EndsWith("0 goals met|0 missed|1 not measured by a clean run", await CountsAsync(page), StringComparison.Ordinal);
    }

    [Fact]
    public async Task WithoutResults_ThereIsNoVerdict()
    {
        await using var page = await OpenAsync(unfold: false);

        Assert.Equal("No results yet.", await TextAsync(page, "#headline"));
        Assert.Equal("", await TextAsync(page, "#questions"));
        Assert.Contains("Choose or drop", await TextAsync(page, "#state"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task EarlyBadRun_HidesNoLaterRegression()
    {
        Write("check.jsonl", Days(40, 10, 10.3, 9.9, 10, 10.1, 20));
        await using var page = await OpenAsync(unfold: false);

        Assert.StartsWith("1 series became worse", await TextAsync(page, "#headline"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ratio", 1.5, null, "missed")]
    [InlineData("ratio", 2.5, null, "met")]
    [InlineData("ratio", null, 2.4, "met")]
    [InlineData("ratio", null, 2.6, "missed")]
    [InlineData("median", 9.9, null, "missed")]
    [InlineData("median", null, 10.0, "met")]
    [InlineData("added", 4.9, null, "missed")]
    [InlineData("added", 5.0, null, "met")]
    public async Task Goal_IsMetByTheFigureOrItsInterval(string figure, double? atMost, double? atLeast, string state)
    {
        Write("check.jsonl", Line(1, 10, metric: Carded, interval: (1.9, 2.5)));
        WriteGoals(Goal(Carded, figure, atMost, atLeast), Goal("never_measured", "median", atMost: 1));
        await using var page = await OpenAsync(unfold: false);

        Assert.Equal([state, "not measured"], await page.EvaluateExpressionAsync<string[]>("[...document.querySelectorAll('#goals .mark')].map(m => m.textContent)"));
        Assert.Equal(state == "met", (await TextAsync(page, $"[data-row={Carded}] .mark")) == "✓ goal");
        Assert.Equal(state == "missed", (await TextAsync(page, "#findings")).Contains("goal missed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task BrokenGoals_AreReportedAndTheRestDraws()
    {
        Write("check.jsonl", Line(1, 10));
        WriteGoals("""{"metric":"a","figure":"constructor","at_least":1,"goal":"a","source":"a"}""");
        await using var page = await OpenAsync();

        Assert.Contains("goals.json could not be read: goal 1 lacks", await ErrorsAsync(page), StringComparison.Ordinal);
        Assert.Equal("1", await DataAsync(page, "points"));
    }

    [Fact]
    public async Task Address_OpensAndReachesTheSeries()
    {
        Copy(Path.Combine(Benchmarks, "results"), Path.Combine(_folder, "results"));
        await using var page = await OpenAsync(address: _site!.Urls.First() + "/dashboard/index.html#stream_cached", unfold: false);
        const string Reached =
            "(a => a.dataset.metric + ' ' + (a.getBoundingClientRect().top < 300) + ' ' + !!a.querySelector('canvas') + ' ' + document.querySelectorAll('.group[open]').length)(document.activeElement)";
        Assert.Equal("stream_cached true true 1", await page.EvaluateExpressionAsync<string>(Reached));

        // By a key from a card, also a second time.
        for (var i = 0; i < 2; i++)
        {
            await page.FocusAsync("[data-row=scrub] a");
            await page.Keyboard.PressAsync("Enter");
            await page.WaitForSelectorAsync("article[data-metric=scrub].aim");
            Assert.Equal("scrub true true 2", await page.EvaluateExpressionAsync<string>(Reached));
        }

        await page.EvaluateExpressionAsync("location.hash = 'rules'");
        await page.WaitForSelectorAsync("#rules[open]");
        await page.EvaluateExpressionAsync("location.hash = 'no_such'");
        await page.WaitForFunctionAsync("() => document.getElementById('found').textContent === 'No series is named no_such.'");
    }

    [Fact]
    public async Task Filter_ShowsWhatItFinds()
    {
        Write("check.jsonl", Line(1, 10, metric: "check_p99"), Line(1, 10, metric: "check_p50"));
        Write("scrub.jsonl", Line(1, 10, metric: "scrub"));
        await using var page = await OpenAsync(unfold: false);

        await page.TypeAsync("#filter", "P99");
        Assert.Equal("1 of 3 series", await TextAsync(page, "#found"));
        Assert.Equal(["check_p99"], await ShownAsync(page));
        Assert.True(await page.EvaluateExpressionAsync<bool>("!!document.querySelector('article[data-metric=check_p99] canvas')"));

        // A link to a series that the filter hides shows it.
        await page.EvaluateExpressionAsync("location.hash = 'scrub'");
        await page.WaitForSelectorAsync("article[data-metric=scrub].aim");
        Assert.Equal(["scrub"], await ShownAsync(page));
    }

    [Fact]
    public async Task Command_IsCopied()
    {
        Write("check.jsonl", Line(1, 10, metric: Carded));
        await using var page = await OpenAsync();
        await page.EvaluateExpressionAsync("navigator.clipboard.writeText = text => { window.copied = (window.copied ?? '') + text + '|'; }");

        await page.ClickAsync(".repeat summary");
        await page.ClickAsync(".repeat button");
        await page.ClickAsync("article button");

        Assert.Equal("a command|a command|", await page.EvaluateExpressionAsync<string>("window.copied"));
        Assert.Equal("copied", await TextAsync(page, "article button"));
    }

    [Fact]
    public async Task HostileResults_DoNotExecute()
    {
        const string Attack = "<img src=x onerror=hacked=1><script>hacked=1</script>\"'`${hacked=1}";
        string[] names = [Attack, "__proto__", "constructor", "verdict", "hasOwnProperty"];
        foreach (var file in JsonSerializer.Deserialize<string[]>(File.ReadAllText(Path.Combine(Benchmarks, "dashboard/files.json")))!)
        {
            Write(file, [.. names.SelectMany(name => Days(10, 10, 10, 40).Select(line => Hostile(line, name))), """{"metric":{},"time":[]}""", "[]", "null", "1e999"]);
        }

        WriteGoals(JsonSerializer.Serialize(new { metric = Attack, figure = "ratio", at_most = 1, goal = Attack, source = "javascript:hacked=1" }));
        await using var page = await OpenAsync(address: _site!.Urls.First() + "/dashboard/index.html#" + Uri.EscapeDataString(Attack));
        await page.TypeAsync("#filter", Attack);

        Assert.Equal("5 series became worse; 0 of 1 measured goal met.", await TextAsync(page, "#headline"));
        Assert.False(await page.EvaluateExpressionAsync<bool>("'hacked' in window"));
        Assert.Equal(0, await page.EvaluateExpressionAsync<int>("document.querySelectorAll('img, body script, [onerror], a[href^=javascript]').length"));
        Assert.Contains("script-src 'self'", await page.EvaluateExpressionAsync<string>("document.querySelector('meta[http-equiv=Content-Security-Policy]').content"), StringComparison.Ordinal);

        static string Hostile(string line, string name)
        {
            var run = System.Text.Json.Nodes.JsonNode.Parse(line)!;
            foreach (var member in new[] { "unit", "baseline", "note", "command_line", "commit" })
            {
                run[member] = member == "unit" ? "ms/" + Attack : Attack;
            }

            run["metric"] = name;
            run["machine"]!["cpu"] = Attack;
            return run.ToJsonString();
        }
    }

    [Fact]
    public async Task BrokenLine_IsToldWithFileAndLineAndTheRestDraws()
    {
        Write("stream.jsonl", Line(1, 10), "{\"time\": \"2026", Line(2, 10), """{"metric":"<img src=x>"}""");
        await using var page = await OpenAsync();

        Assert.Contains("stream.jsonl, line 2: not JSON", await ErrorsAsync(page), StringComparison.Ordinal);
        Assert.Contains("stream.jsonl, line 4: time is not a string", await ErrorsAsync(page), StringComparison.Ordinal);
        Assert.Equal("2", await DataAsync(page, "points"));
    }

    [Fact]
    public async Task MissingAndEmptyFile_AreToldAndTheRestDraws()
    {
        Write("stream.jsonl", Line(1, 10));
        Write("scrub.jsonl");
        await using var page = await OpenAsync();

        Assert.Contains("effect.jsonl could not be read: HTTP 404", await ErrorsAsync(page), StringComparison.Ordinal);
        Assert.Contains("scrub.jsonl: it has no results", await ErrorsAsync(page), StringComparison.Ordinal);
        Assert.Equal("1", await DataAsync(page, "points"));
    }

    [Fact]
    public async Task AppendedRun_IsThereAfterAReload()
    {
        Write("stream.jsonl", Line(1, 10), Line(2, 10));
        await using var page = await OpenAsync();
        Assert.Equal("2", await DataAsync(page, "points"));

        Write("stream.jsonl", Line(1, 10), Line(2, 10), Line(3, 10));
        await page.ReloadAsync();
        await ReadyAsync(page);

        Assert.Equal("3", await DataAsync(page, "points"));
    }

    [Theory]
    [InlineData("us", 20.0, "severe")]
    [InlineData("us", 10.4, null)]
    [InlineData("us", 5.0, null)]
    [InlineData("numbers/s", 5.0, "severe")]
    [InlineData("numbers/s", 20.0, null)]
    [InlineData("chunks", 20.0, null)]
    public async Task LastRun_IsMarkedWhenWorseThanTheSpread(string unit, double last, string? level)
    {
        Write("stream.jsonl", Line(1, 10, unit), Line(2, 10.3, unit), Line(3, 9.9, unit), Line(4, last, unit));
        await using var page = await OpenAsync();

        Assert.Equal(level, await DataAsync(page, "levels"));
        Assert.Equal(level ?? "", await page.EvaluateExpressionAsync<string>("document.querySelector('article .mark')?.textContent ?? ''"));
    }

    [Fact]
    public async Task FewEarlierRuns_AndOtherMachines_AreNotJudged()
    {
        Write("stream.jsonl", Line(1, 10, cores: 8), Line(2, 10), Line(3, 10), Line(4, 50));
        await using var page = await OpenAsync();

        Assert.Null(await DataAsync(page, "levels"));
        Assert.Contains("2 earlier clean runs on this machine, 3 are needed", await DetailAsync(page), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ArrowKeys_ChooseARun()
    {
        Write("stream.jsonl", Line(1, 10), Line(2, 11, dirty: true), Line(3, 12));
        await using var page = await OpenAsync();
        await page.FocusAsync(".plots");

        await page.Keyboard.PressAsync("ArrowLeft");

        Assert.Contains("2 of 3", await DetailAsync(page), StringComparison.Ordinal);
        Assert.Contains("dirty", await DetailAsync(page), StringComparison.Ordinal);
        Assert.Equal("2", await page.EvaluateExpressionAsync<string>("document.querySelector('.plots').getAttribute('aria-valuenow')"));
    }

    [Fact]
    public async Task IntervalOfARatio_IsToldAndDrawn()
    {
        Write("stream.jsonl", Line(1, 10), Line(2, 10, interval: (1.5, 2.5)));
        await using var page = await OpenAsync();

        Assert.Contains("2 (1.5 to 2.5, 95 % interval)", await DetailAsync(page), StringComparison.Ordinal);
        Assert.Equal(
            [[2, 2], [null, 2.5], [null, 1.5]],
            await page.EvaluateExpressionAsync<double?[][]>("plots.find(p => p.height === 90).drawn.data.slice(1)"));
    }

    [Fact]
    public async Task TwoCommits_AreComparedByMedianAndByRatio()
    {
        Write("stream.jsonl", Line(1, 10), Line(2, 15));
        await using var page = await OpenAsync();

        Assert.Equal(
            [Metric, "us", "10", "15", "1.5", "1.5"],
            await page.EvaluateExpressionAsync<string[]>("[...document.querySelectorAll('#comparison tbody td')].map(c => c.textContent)"));
    }

    [Fact]
    public async Task PageOpenedAsAFile_AsksForTheFilesAndDrawsThem()
    {
        Write("stream.jsonl", Line(1, 10), Line(2, 11));
        await using var page = await OpenAsync(address: new Uri(Path.Combine(_folder, "dashboard/index.html")).AbsoluteUri);
        Assert.Contains("Choose the .jsonl files", await ErrorsAsync(page), StringComparison.Ordinal);

        var input = await page.QuerySelectorAsync("#choose");
        await input.UploadFileAsync(Path.Combine(_folder, "results/stream.jsonl"));
        await page.WaitForSelectorAsync("article");
        await UnfoldAsync(page);

        Assert.Equal("2", await DataAsync(page, "points"));
        Assert.Equal("", await ErrorsAsync(page));
    }

    [Theory]
    [InlineData("percentile", "[[50,100,90],[99,400,300],[99.99,5000,4000]]", "50 99 99.99")]
    [InlineData("log", "[[10000,5,null],[1000000,6,null],[50000000,9,null]]", "10K 1M 50M")]
    [InlineData("linear", "[[1000,5,4],[2000,6,5]]", "1K")]
    public async Task Curve_OfTheChosenRun_IsDrawn(string scale, string points, string ticks)
    {
        Write("stream.jsonl", Line(1, 10), Line(2, 11, curve: $$"""{"x":"what runs","scale":"{{scale}}","points":{{points}}}"""));
        await using var page = await OpenAsync();

        const string Curve = "document.querySelector('article .curve')";
        Assert.DoesNotContain("stream.jsonl", await ErrorsAsync(page), StringComparison.Ordinal);
        Assert.True(await page.EvaluateExpressionAsync<bool>(
            Curve + ".querySelector('canvas').getContext('2d').getImageData(0, 0, 300, 100).data.some(v => v)"));
        Assert.StartsWith(Metric + " by what runs: ", await page.EvaluateExpressionAsync<string>(Curve + ".getAttribute('aria-label')"), StringComparison.Ordinal);
        foreach (var tick in ticks.Split(' '))
        {
            Assert.Contains(tick, await page.EvaluateExpressionAsync<string>("plots.at(-1).drawn.axes[0]._values.join(' ')"), StringComparison.Ordinal);
        }

        // The run before it has none.
        await page.FocusAsync("article [role=slider]");
        await page.Keyboard.PressAsync("ArrowLeft");
        Assert.True(await page.EvaluateExpressionAsync<bool>(Curve + ".hidden && !" + Curve + ".querySelector('canvas')"));
    }

    [Theory]
    [InlineData("""{"x":"a","scale":"cubic","points":[[1,2,3],[2,3,4]]}""")]
    [InlineData("""{"x":"a","scale":"log","points":[[1,2,3]]}""")]
    [InlineData("""{"x":"a","scale":"log","points":[[1,"2"],[2,3]]}""")]
    [InlineData("""{"x":"a","scale":"toString","points":[[1,2,3],[2,3,4]]}""")]
    [InlineData("""{"x":"a","scale":"log","points":[[0,2,3],[2,3,4]]}""")]
    [InlineData("5")]
    public async Task BrokenCurve_IsToldAndTheRestDraws(string curve)
    {
        Write("stream.jsonl", Line(1, 10), Line(2, 11, curve: curve));
        await using var page = await OpenAsync();

        Assert.Contains("stream.jsonl, line 2: curve lacks an axis", await ErrorsAsync(page), StringComparison.Ordinal);
        Assert.Equal("1", await DataAsync(page, "points"));
    }

    [GeneratedRegex("\"([a-z][a-z0-9_]{4,})\"")]
    private static partial Regex MetricName();

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();

    private static string[] Days(params double[] medians) => [.. medians.Select((median, i) => Line(i + 1, median, metric: Carded))];

    private static string Goal(string metric, string figure, double? atMost = null, double? atLeast = null) =>
        JsonSerializer.Serialize(new { metric, figure, at_most = atMost, at_least = atLeast, goal = "a goal", source = "a page" });

    private static string Line(
        int day, double median, string unit = "us", int cores = 2, bool dirty = false, string? curve = null, (double Low, double High)? interval = null, string metric = Metric) => JsonSerializer.Serialize(new
        {
            time = string.Create(CultureInfo.InvariantCulture, $"2026-01-{day:00}T12:00:00Z"),
            metric,
            unit,
            rounds = 3,
            median,
            min = median * 0.9,
            max = median * 1.1,
            baseline = "echo",
            baseline_median = 5,
            baseline_min = 4,
            baseline_max = 6,
            ratio = median / 5,
            ratio_low = interval?.Low,
            ratio_high = interval?.High,
            note = "<b>told as it is</b>",
            curve = curve is null ? (JsonElement?)null : JsonDocument.Parse(curve).RootElement,
            command_line = "a command",
            commit = new string((char)('a' + day), 40),
            dirty,
            machine = new { cpu = "a processor", cores, memory_mb = 1024, os = "an OS" },
        });

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }

    private static async Task ReadyAsync(IPage page) => await page.WaitForSelectorAsync("body[data-ready]");

    // Opens every group of series, which draws its plots.
    private static Task UnfoldAsync(IPage page) => page.EvaluateExpressionAsync("document.querySelectorAll('.group').forEach(g => g.open = true); drawOpen();");

    private static Task<string> ErrorsAsync(IPage page) => TextAsync(page, "#errors");

    private static Task<string> TextAsync(IPage page, string selector) => page.EvaluateFunctionAsync<string>("s => document.querySelector(s)?.textContent ?? ''", selector);

    private static Task<string> CountsAsync(IPage page) => page.EvaluateExpressionAsync<string>("[...document.querySelectorAll('.count')].map(c => c.textContent).join('|')");

    private static Task<string[]> ShownAsync(IPage page) =>
        page.EvaluateExpressionAsync<string[]>("[...document.querySelectorAll('article')].filter(a => a.checkVisibility()).map(a => a.dataset.metric)");

    private static Task<string> DetailAsync(IPage page) => page.EvaluateExpressionAsync<string>("document.querySelector('article dl').textContent");

    private static Task<string?> DataAsync(IPage page, string name) =>
        page.EvaluateExpressionAsync<string?>($"document.querySelector('article').dataset.{name} ?? null");

    private void Write(string name, params string[] lines)
    {
        File.WriteAllLines(Path.Combine(_folder, "results", name), lines);
    }

    private void WriteGoals(params string[] goals) => Write("goals.json", "[" + string.Join(',', goals) + "]");

    private async Task<IPage> OpenAsync(int width = 1280, string? address = null, bool unfold = true, string? theme = null)
    {
        _browser ??= await Chromium.StartAsync();
        var page = await _browser.NewPageAsync();
        await page.SetViewportAsync(new ViewPortOptions { Width = width, Height = 900 });
        if (theme is not null)
        {
            await page.EmulateMediaFeaturesAsync([new MediaFeatureValue { MediaFeature = MediaFeature.PrefersColorScheme, Value = theme }]);
        }

        await page.GoToAsync(address ?? _site!.Urls.First() + "/dashboard/index.html");
        await ReadyAsync(page);
        if (unfold)
        {
            await UnfoldAsync(page);
        }

        return page;
    }
}
