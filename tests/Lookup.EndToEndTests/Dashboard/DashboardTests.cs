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
public sealed class DashboardTests : IAsyncLifetime
{
    private const string Metric = "made_up_p99";
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
    public async Task CommittedResults_AreDrawnWithoutAnError()
    {
        Copy(Path.Combine(Benchmarks, "results"), Path.Combine(_folder, "results"));
        await using var page = await OpenAsync();

        Assert.Equal("", await page.EvaluateExpressionAsync<string>("document.getElementById('errors').textContent"));
        Assert.True(await page.EvaluateExpressionAsync<int>("document.querySelectorAll('article').length") > 20);
        Assert.True(await page.EvaluateExpressionAsync<bool>(
            "[...document.querySelectorAll('article')].every(a => { const c = a.querySelector('canvas'); return c && c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v); })"));
        if (Chromium.TakesPictures)
        {
            await Chromium.TakePictureAsync(page, "benchmarks.png");
        }
    }

    [Fact]
    public async Task NarrowScreen_NeedsNoSidewaysScrolling()
    {
        Copy(Path.Combine(Benchmarks, "results"), Path.Combine(_folder, "results"));
        await using var page = await OpenAsync(360);

        Assert.True(await page.EvaluateExpressionAsync<int>("document.documentElement.scrollWidth") <= 360);
    }

    [Fact]
    public async Task BrokenLine_IsToldWithFileAndLineAndTheRestDraws()
    {
        Write("stream.jsonl", Line(1, 10), "{\"time\": \"2026", Line(2, 10), """{"metric":"<img src=x>"}""");
        await using var page = await OpenAsync();

        Assert.Contains("stream.jsonl, line 2: not JSON", await ErrorsAsync(page), StringComparison.Ordinal);
        Assert.Contains("stream.jsonl, line 4: time is not a text", await ErrorsAsync(page), StringComparison.Ordinal);
        Assert.Equal("2", await DataAsync(page, "points"));
    }

    [Fact]
    public async Task MissingAndEmptyFile_AreToldAndTheRestDraws()
    {
        Write("stream.jsonl", Line(1, 10));
        Write("scrub.jsonl");
        await using var page = await OpenAsync();

        Assert.Contains("effect.jsonl could not be read: HTTP 404", await ErrorsAsync(page), StringComparison.Ordinal);
        Assert.Contains("scrub.jsonl: no results in it", await ErrorsAsync(page), StringComparison.Ordinal);
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
        Assert.Contains("2 earlier runs on this machine, 3 are needed", await DetailAsync(page), StringComparison.Ordinal);
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
        await page.WaitForSelectorAsync("article canvas");

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
    [InlineData("5")]
    public async Task BrokenCurve_IsToldAndTheRestDraws(string curve)
    {
        Write("stream.jsonl", Line(1, 10), Line(2, 11, curve: curve));
        await using var page = await OpenAsync();

        Assert.Contains("stream.jsonl, line 2: curve is none", await ErrorsAsync(page), StringComparison.Ordinal);
        Assert.Equal("1", await DataAsync(page, "points"));
    }

    private static string Line(int day, double median, string unit = "us", int cores = 2, bool dirty = false, string? curve = null, (double Low, double High)? interval = null) => JsonSerializer.Serialize(new
    {
        time = string.Create(CultureInfo.InvariantCulture, $"2026-01-{day:00}T12:00:00Z"),
        metric = Metric,
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
        command_line = "none",
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

    private static Task<string> ErrorsAsync(IPage page) => page.EvaluateExpressionAsync<string>("document.getElementById('errors').textContent");

    private static Task<string> DetailAsync(IPage page) => page.EvaluateExpressionAsync<string>("document.querySelector('article dl').textContent");

    private static Task<string?> DataAsync(IPage page, string name) =>
        page.EvaluateExpressionAsync<string?>($"document.querySelector('article').dataset.{name} ?? null");

    private void Write(string name, params string[] lines)
    {
        File.WriteAllLines(Path.Combine(_folder, "results", name), lines);
    }

    private async Task<IPage> OpenAsync(int width = 1280, string? address = null)
    {
        _browser ??= await Chromium.StartAsync();
        var page = await _browser.NewPageAsync();
        await page.SetViewportAsync(new ViewPortOptions { Width = width, Height = 900 });
        await page.GoToAsync(address ?? _site!.Urls.First() + "/dashboard/index.html");
        await ReadyAsync(page);
        return page;
    }
}
