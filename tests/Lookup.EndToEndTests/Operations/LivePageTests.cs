using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Lookup.Core.Facts;
using Lookup.EndToEndTests.Dashboard;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.V1;
using PuppeteerSharp;

namespace Lookup.EndToEndTests.Operations;

/// <summary>The operations page of a running service in a browser.</summary>
[SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable", Justification = "DisposeAsync, which xunit calls, does it.")]
public sealed class LivePageTests : IAsyncLifetime
{
    private readonly List<string> _faults = [];
    private readonly CancellationTokenSource _end = new();
    private Task _load = Task.CompletedTask;
    private IBrowser? _browser;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _browser = await Chromium.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        // Where the service went first, calls have failed.
        await _load.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _end.Dispose();
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }
    }

    [Fact]
    public async Task Page_WhileChecksComeIn_DrawsThemAndWhatIsNew()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        await using var page = await OpenAsync(server);
        var (objected, consented) = (Samples.NewNumber(), Samples.NewNumber());
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(objected), Samples.Consent(consented)));
        Load(server, objected);

        await UntilAsync(page, "document.getElementById('reasons').textContent.includes('objection')");
        await UntilAsync(page, "parseFloat(document.querySelector('#rate b').textContent) > 0");
        await UntilAsync(page, "/µs|ms/.test(document.querySelector('#p99 b').textContent)");
        Assert.False(await IsAsync(page, "document.getElementById('reasons').textContent.includes('consent')"));
        await UntilAsync(page, "points.five.length > 3");
        Assert.True(await IsAsync(page, Drawn("verdicts", "deny")));
        Assert.False(await IsAsync(page, Drawn("verdicts", "allow")));

        Load(server, objected, consented, Samples.NewNumber());
        await UntilAsync(page, "document.getElementById('reasons').textContent.includes('consent')");
        await UntilAsync(page, Drawn("verdicts", "allow"));
        await UntilAsync(page, Drawn("times", "p99"));

        await UntilAsync(page, "/%/.test(document.querySelector('#cache b').textContent)");
        Assert.Equal("serving", await TextAsync(page, "#state"));
        Assert.Equal("Calls can be checked, and nothing is about to stop them.", await TextAsync(page, "#verdict"));
        await UntilAsync(page, "document.querySelector('#instances tbody').textContent.includes('(this one)')");
        await UntilAsync(page, "/StartService.*done/.test(document.querySelector('#acts tbody').textContent)");
        Assert.Equal(server.Store.Manifest.Partitions, await page.EvaluateExpressionAsync<int>("document.querySelectorAll('#ages span').length"));
        Assert.Contains($"{server.Store.Manifest.Epoch:x16}", await TextAsync(page, "#instance"), StringComparison.Ordinal);
        Assert.Contains("shadow regimesnone", await TextAsync(page, "#instance"), StringComparison.Ordinal);
        Assert.Contains("circuits closed", await TextAsync(page, "#store"), StringComparison.Ordinal);
        Assert.Empty(_faults);
        if (Chromium.TakesPictures)
        {
            await UntilAsync(page, "points.five.length > 55", 120_000);
            await Chromium.TakePictureAsync(page, "operations.png");
        }
    }

    [Fact]
    public async Task Page_WithShadowRegimes_TellsHowManyDecisionsWouldChange()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), shadow: new RegimeVariant().Hours("nl.json", "NL-2", "15:00-22:00").Set());
        await using var page = await OpenAsync(server);
        await server.Lookup.CheckAsync(Samples.Check(Samples.NewNumber()));
        await UntilAsync(page, "document.getElementById('instance').textContent.includes('1 of 1 decisions would change')");
        Assert.Empty(_faults);
    }

    [Fact]
    public async Task WrongAllow_StandsFirstAndIsMarked()
    {
        // The planted defect: what a check reads lacks the objection; what is read afterwards has it.
        var store = new TroubledStore(await LookupServer.EmbeddedAsync());
        await using var server = await LookupServer.StartAsync(store, o => o.AllowAuditsPerSecond = 1_000);
        await using var page = await OpenAsync(server);
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number), Samples.Objection(number)));
        Assert.Equal("wrong", await page.EvaluateExpressionAsync<string>("document.querySelector('.figure').id"));
        await UntilAsync(page, "document.querySelector('#wrong.good b')?.textContent === '0'");
        while (!await IsAsync(page, "document.querySelector('#wrong.bad') !== null"))
        {
            await store.WithoutObjectionsAsync(() => server.Lookup.CheckAsync(Samples.Check(number), cancellationToken: Ct).ResponseAsync);
            await Task.Delay(200, Ct);
        }

        Assert.NotEqual("0", await TextAsync(page, "#wrong b"));
    }

    [Fact]
    public async Task WrongStore_IsToldWithItsFaultAndTheCallsThatFailed()
    {
        var store = new TroubledStore(await LookupServer.EmbeddedAsync());
        await using var server = await LookupServer.StartAsync(store);
        await using var page = await OpenAsync(server);
        await UntilAsync(page, "document.querySelector('#state').textContent === 'serving'");
        store.Trouble = _ => throw new StoreUnavailableException(StoreFault.ForeignEpoch, "The store is another one, number +31612345678.");
        await UntilAsync(page, "document.querySelector('#state').textContent.startsWith('not serving')");
        await Assert.ThrowsAsync<Grpc.Core.RpcException>(() => server.Lookup.CheckAsync(Samples.Check(Samples.NewNumber()), cancellationToken: Ct).ResponseAsync);

        await UntilAsync(page, "document.querySelector('#store').textContent.includes('foreign epoch')");
        await UntilAsync(page, "document.querySelector('#errors').textContent.includes('Unavailable')");
        await UntilAsync(page, "document.querySelectorAll('#ages .old').length > 0");
        Assert.Contains("Check", await TextAsync(page, "#errors"), StringComparison.Ordinal);
        Assert.DoesNotContain("612345678", await TextAsync(page, "body"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ServiceGone_IsToldUntilItIsBack()
    {
        var port = RedisServer.FreePort();
        IPage page;
        await using (var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), o => o.JsonPort = port))
        {
            page = await OpenAsync(server);
            await UntilAsync(page, "document.querySelector('#state').textContent === 'serving'");
        }

        await UntilAsync(page, "document.querySelector('#state').textContent.includes('connection lost') && document.body.classList.contains('old')");
        Assert.NotEqual("–", await TextAsync(page, "#wrong b"));
        await using var again = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), o => o.JsonPort = port);

        await UntilAsync(page, $"document.querySelector('#instance').textContent.includes('{again.Store.Manifest.Epoch:x16}')");
        await UntilAsync(page, "document.querySelector('#state').textContent === 'serving' && !document.body.classList.contains('old')");
        await page.DisposeAsync();
    }

    [Fact]
    public async Task ServiceThatHangs_DoesNotLookAlive()
    {
        var clock = new StallingClock();
        await using var server = new LookupServer { Clock = clock };
        await server.InitializeAsync();
        await using var page = await OpenAsync(server);
        await UntilAsync(page, "document.querySelector('#state').textContent === 'serving'");
        clock.Stalled = true;
        try
        {
            await UntilAsync(page, "document.querySelector('#state').textContent.includes('connection lost')");
        }
        finally
        {
            clock.Stalled = false;
        }
    }

    [Fact]
    public async Task DarkAndLight_BothAreDrawnInTheirColours()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        await using var page = await OpenAsync(server);
        var seen = new List<string>();
        foreach (var scheme in (string[])["light", "dark"])
        {
            await page.EmulateMediaFeaturesAsync([new MediaFeatureValue { MediaFeature = MediaFeature.PrefersColorScheme, Value = scheme }]);
            await UntilAsync(page, "document.querySelector('#state').textContent === 'serving'");
            seen.Add(await page.EvaluateExpressionAsync<string>("getComputedStyle(document.body).backgroundColor"));
            await UntilAsync(page, Drawn("verdicts", "line"));
        }

        Assert.Equal(2, seen.Distinct().Count());
    }

    [Theory]
    [InlineData(1400, "light")]
    [InlineData(1400, "dark")]
    [InlineData(390, "light")]
    [InlineData(390, "dark")]
    public async Task Page_WithWorkAndFaults_ShowsThemAtEachWidthInBothColours(int width, string scheme)
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        await server.Registry.PutOrganisationAsync(new PutOrganisationRequest { Organisation = new Organisation { Name = "acme" } }, cancellationToken: Ct);
        // Near the limit of its rule: 23 of 28 days.
        var loaded = ShiftedClock.Afternoon.AddDays(-23).ToUnixTimeMilliseconds();
        await server.Store.Registry.AddSnapshotAsync(LimitedRegister.Name, loaded, Ct);
        await using var page = await OpenAsync(server, width, scheme);
        var numbers = Enumerable.Range(0, 20).Select(_ => Samples.NewNumber()).ToArray();
        await server.Facts.RecordFactsAsync(Samples.Record(numbers.Select(number => Samples.Objection(number))), cancellationToken: Ct);
        Load(server, numbers);
        await using var list = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = Samples.Question() });
        await list.AskTextsAsync(1, numbers);
        await Assert.ThrowsAsync<Grpc.Core.RpcException>(() => server.Lookup.CheckAsync(Samples.Check("+316123456789012"), cancellationToken: Ct).ResponseAsync);

        await UntilAsync(page, "document.getElementById('outlook').classList.contains('soon')");
        Assert.Contains($"The register {LimitedRegister.Name} is", await TextAsync(page, "#warnings"), StringComparison.Ordinal);
        Assert.Contains(LimitedRegister.Name, await TextAsync(page, "#registers tr.soon"), StringComparison.Ordinal);
        await UntilAsync(page, "document.querySelector('#lists tbody').textContent.startsWith('acme')");
        await UntilAsync(page, "document.querySelector('#errors tbody').textContent.includes('127.0.0.1')");
        Assert.Contains("acme", await TextAsync(page, "#errors tbody"), StringComparison.Ordinal);
        Assert.DoesNotContain("6123456789012", await TextAsync(page, "body"), StringComparison.Ordinal);
        await UntilAsync(page, Drawn("writes", "objections"));
        await UntilAsync(page, Drawn("memories", "facts"));
        await UntilAsync(page, "parseFloat(document.querySelector('#memory b').textContent) > 0");

        // The first point of the hour comes after ten seconds.
        await UntilAsync(page, "points.hour.length > 0");
        await page.ClickAsync("#hour");
        Assert.Equal("true", await page.EvaluateExpressionAsync<string>("document.getElementById('hour').getAttribute('aria-pressed')"));
        Assert.Equal("last hour", await TextAsync(page, "#p99 .window"));
        Assert.Contains("objection", await TextAsync(page, "#reasons"), StringComparison.Ordinal);
        Assert.True(await IsAsync(page, "/µs|ms/.test(document.querySelector('#p99 b').textContent)"));
        Assert.True(await page.EvaluateExpressionAsync<int>("document.documentElement.scrollWidth") <= width);
        // Nothing hides behind a scroll that nothing shows.
        Assert.Equal("", await page.EvaluateExpressionAsync<string>(
            "[...document.querySelectorAll('section')].filter(s => s.scrollWidth > s.clientWidth + 1).map(s => s.textContent.trim().slice(0, 40)).join('; ')"));
        Assert.Empty(_faults);
        if (Environment.GetEnvironmentVariable("LOOKUP_SCREENSHOT_FOLDER") is { Length: > 0 } folder)
        {
            await page.ClickAsync("#five");
            await page.ScreenshotAsync(Path.Combine(folder, $"operations-{width}-{scheme}.png"), new ScreenshotOptions { FullPage = true });
        }
    }

    [Fact]
    public async Task Charts_WithOneLargeValue_StillShowTheSmallOnes()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        await using var page = await OpenAsync(server);
        await UntilAsync(page, "points.five.length > 0");
        // 2 a second next to 200,000 are a third of the way up, not on the axis.
        Assert.InRange(await page.EvaluateExpressionAsync<double>("scale([2, 200000], true).share(20)"), 0.15, 0.6);
        Assert.True(await IsAsync(page, "scale([2, 200000], true).ticks.join() === '1,10,100,1000,10000,100000,1000000'"));
        // Nothing has a line of its own below the smallest value.
        Assert.True(await IsAsync(page, "scale([0, 5], true).ticks.join() === '0,1,10' && scale([0, 5], true).share(0) === 0 && scale([0, 5], true).share(1) === 0.5"));
        Assert.True(await IsAsync(page, "scale([], true).ticks.length === 2"));
    }

    [Fact]
    public async Task Keyboard_ReachesTheLinkAndShowsWhereItIs()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        await using var page = await OpenAsync(server);

        await page.Keyboard.PressAsync("Tab");

        Assert.Equal("metrics", await page.EvaluateExpressionAsync<string>("document.activeElement.getAttribute('href')"));
        Assert.Equal("solid", await page.EvaluateExpressionAsync<string>("getComputedStyle(document.activeElement).outlineStyle"));
    }

    // A pixel of the line's colour, as the page draws it, or nearly: lines have soft edges.
    private static string Drawn(string canvas, string colour) => $$"""
        (() => {
          const holder = document.createElement('i');
          holder.style.color = 'var(--{{colour}})';
          document.body.append(holder);
          const want = getComputedStyle(holder).color.match(/\d+/g).map(Number);
          holder.remove();
          const c = document.getElementById('{{canvas}}');
          const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
          for (let i = 0; i < d.length; i += 4)
            if (d[i + 3] > 100 && want.every((v, k) => Math.abs(v - d[i + k]) < 12)) return true;
          return false;
        })()
        """;

    private static async Task UntilAsync(IPage page, string holds, int limitMs = 180_000)
    {
        try
        {
            await page.WaitForFunctionAsync($"() => {holds}", new WaitForFunctionOptions { Timeout = limitMs, PollingInterval = 100 });
        }
        catch (WaitTaskTimeoutException e)
        {
            Assert.Fail($"{holds} does not come to hold ({e.Message}): {await TextAsync(page, "body")}");
        }
    }

    private static Task<bool> IsAsync(IPage page, string holds) => page.EvaluateExpressionAsync<bool>(holds);

    private static Task<string> TextAsync(IPage page, string selector) =>
        page.EvaluateExpressionAsync<string>($"document.querySelector({JsonSerializer.Serialize(selector)}).textContent");

    private static (string Name, int Days) LimitedRegister { get; } = RegimeSet.BuiltIn.Registers
        .Select(register => (register.Name, Days: RegimeSet.BuiltIn.MaxAgeDaysOf(register.Name) ?? 0)).First(one => one.Days == 28);

    private async Task<IPage> OpenAsync(LookupServer server, int width = 1280, string scheme = "light")
    {
        var page = await _browser!.NewPageAsync();
        page.PageError += (_, e) => _faults.Add(e.Message);
        page.Console += (_, e) =>
        {
            if (e.Message.Type == ConsoleType.Error)
            {
                _faults.Add(e.Message.Text);
            }
        };
        await page.SetViewportAsync(new ViewPortOptions { Width = width, Height = 1300 });
        await page.EmulateMediaFeaturesAsync([new MediaFeatureValue { MediaFeature = MediaFeature.PrefersColorScheme, Value = scheme }]);
        await page.GoToAsync(server.Host.JsonAddress.ToString());
        return page;
    }

    /// <summary>Checks these again and again, beside what is checked already.</summary>
    private void Load(LookupServer server, params string[] numbers)
    {
        _load = Task.WhenAll(_load, CheckAsync());

        async Task CheckAsync()
        {
            try
            {
                for (var i = 0; ; i++)
                {
                    await server.Lookup.CheckAsync(Samples.Check(numbers[i % numbers.Length]), cancellationToken: _end.Token);
                    await Task.Delay(5, _end.Token);
                }
            }
            catch (Exception) when (_end.IsCancellationRequested)
            {
                // The test ends.
            }
        }
    }
}
