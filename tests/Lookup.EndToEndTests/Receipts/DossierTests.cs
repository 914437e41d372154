using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;
using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.EndToEndTests.Dashboard;
using Lookup.Server;
using PuppeteerSharp;

namespace Lookup.EndToEndTests.Receipts;

/// <summary>lookup dossier: everything known of a number, and after its erasure only that.</summary>
[SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable", Justification = "DisposeAsync, which xunit calls, does it.")]
public sealed class DossierTests : IAsyncLifetime
{
    private const string Number = "+31612345678";
    private const string Nasty = "<b onclick=x>'\"&";

    private readonly TempFolder _temp = new();
    private LocalService? _service;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Address => _service!.GrpcAddress.ToString();

    public async ValueTask InitializeAsync()
    {
        await CliRun.Async("receipt", "key", _temp.PathOf("receipt.key"));
        _service = await LocalService.StartAsync(
            new LookupServerOptions { GrpcPort = 0, JsonPort = 0, StoreReadLimitMs = 10_000 },
            new StoreSettings(_temp.PathOf("data"), null, null) { Create = true },
            new Shell(TextWriter.Null, TextWriter.Null, Stream.Null, TimeProvider.System),
            LogFormat.None,
            Token,
            new ReceiptSettings(_temp.PathOf("receipts"), _temp.PathOf("receipt.key")));
        await RunAsync("record", "consent", Number, "--org", "acme", "--purposes", "commercial", "--since", "2025-03-01T10:00:00Z", "--evidence", "rec-77", "--source", Nasty, "--actor", "anna");
        await RunAsync("check", Number, "--org", "acme", "--purpose", "commercial");
        await RunAsync("record", "objection", Number, "--org", "acme", "--source", "call 4711");
        await RunAsync("check", Number, "--org", "acme", "--purpose", "commercial");
    }

    public async ValueTask DisposeAsync()
    {
        if (_service is not null)
        {
            await _service.EndAsync();
        }

        _temp.Dispose();
    }

    [Fact]
    public async Task Dossier_OfANumber_HasFactsAndAnswersInTheirOrder()
    {
        var json = JsonNode.Parse((await RunAsync("dossier", Number, "--json")).Output)!;
        var entries = json["entries"]!.AsArray();
        Assert.Equal(["fact", "answer", "fact", "answer"], entries.Select(e => (string)e!["kind"]!));
        Assert.Equal("rec-77", (string)entries[0]!["fact"]!["fact"]!["consent"]!["evidence"]!["reference"]!);
        Assert.Equal("DENY", (string)entries[3]!["receipt"]!["verdict"]!);
        Assert.Equal("objection", (string)entries[3]!["receipt"]!["reasons"]![0]!);

        var text = (await RunAsync("dossier", Number)).Output;
        Assert.Contains("evidence: rec-77", text, StringComparison.Ordinal);
        Assert.Contains("DENY to acme", text, StringComparison.Ordinal);
        Assert.Contains("nothing on record", (await RunAsync("dossier", "+31612345679")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dossier_OfAnErasedNumber_HasTheSuppressionAndTheErasureAlone()
    {
        var erased = JsonNode.Parse((await RunAsync("erase", Number, "--yes", "--reason", "case 812", "--json")).Output)!;
        Assert.Equal(2, (int)erased["erasedReceipts"]!);
        var entries = JsonNode.Parse((await RunAsync("dossier", Number, "--json")).Output)!["entries"]!.AsArray();
        // The suppression also stands at the begin of time, so that it holds for every call time.
        Assert.Equal(["erasure", "fact", "fact"], entries.Select(e => (string)e!["kind"]!).Order());
        Assert.All(
            entries.Where(e => (string)e!["kind"]! == "fact").Select(e => e!["fact"]!["fact"]!),
            fact => Assert.Equal("*", (string)fact["objection"]!["organisation"]!));
        Assert.Contains(entries, e => (string?)e!["fact"]?["fact"]!["reason"] == "case 812");
        Assert.Equal((string)erased["receipt"]!["id"]!, (string)entries.Single(e => (string)e!["kind"]! == "erasure")!["receipt"]!["id"]!);
        // Two answers and the erasure, and in the trail the start, the act and its result, which may not be signed yet.
        await WholeAsync(6);
    }

    [Fact]
    public async Task Dossier_OfAnInstanceThatIsGone_IsReadFromItsFolder()
    {
        var log = (string)JsonNode.Parse((await RunAsync("dossier", Number, "--json")).Output)!["entries"]![1]!["receipt"]!["id"]!;
        var key = Directory.GetFiles(_temp.PathOf("data"), "*.key").Single();
        using (var http = new HttpClient { BaseAddress = _service!.JsonAddress })
        {
            // The head that is signed once a second has all of them: two answers and the start.
            while (!(await http.GetStringAsync("metrics", Token)).Contains("lookup_receipts_signed 3\n", StringComparison.Ordinal))
            {
                await Task.Delay(50, Token);
            }
        }

        Directory.CreateDirectory(_temp.PathOf("gone"));
        foreach (var file in Directory.GetFiles(_temp.PathOf("receipts")).Where(f => Path.GetFileName(f) is not "lock"))
        {
            File.Copy(file, Path.Combine(_temp.PathOf("gone"), Path.GetFileName(file)));
        }

        // The same receipts from both are one entry each.
        var both = JsonNode.Parse((await RunAsync("dossier", Number, "--json", "--receipts", _temp.PathOf("gone"), "--key-file", key)).Output)!;
        Assert.Equal(4, both["entries"]!.AsArray().Count);
        Assert.Equal(log, (string)both["entries"]![1]!["receipt"]!["id"]!);
        Assert.Equal(2, both["sources"]!.AsArray().Count);
        var missing = await CliRun.Async("dossier", Number, "--address", Address, "--receipts", _temp.PathOf("nowhere"), "--key-file", key);
        Assert.Contains("nowhere", missing.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Page_InABrowser_ShowsAllOfItAndPrints()
    {
        await using var browser = await Chromium.StartAsync();
        var file = _temp.PathOf("dossier.html");
        Assert.Contains("4 entries", (await RunAsync("dossier", Number, "--out", file)).Output, StringComparison.Ordinal);
        await using var page = await browser.NewPageAsync();
        var faults = new List<string>();
        page.Console += (_, e) => faults.Add(e.Message.Text);
        page.PageError += (_, e) => faults.Add(e.Message);
        await page.GoToAsync(new Uri(file).AbsoluteUri);
        Assert.Equal("Dossier " + Number, await page.GetTitleAsync());
        Assert.Equal(["fact", "answer", "fact", "answer"], await page.EvaluateExpressionAsync<string[]>("[...document.querySelectorAll('li')].map(li => li.className)"));
        var text = await page.EvaluateExpressionAsync<string>("document.body.innerText");
        Assert.Contains(Nasty, text, StringComparison.Ordinal);
        Assert.Contains("rec-77", text, StringComparison.Ordinal);
        Assert.Equal(0, await page.EvaluateExpressionAsync<int>("document.querySelectorAll('li b').length"));
        await page.SetViewportAsync(new ViewPortOptions { Width = 360, Height = 700 });
        Assert.True(await page.EvaluateExpressionAsync<bool>("document.documentElement.scrollWidth <= innerWidth"));
        Assert.True((await page.PdfDataAsync()).Length > 1_000);
        Assert.Empty(faults);
    }

    private async Task WholeAsync(int receipts)
    {
        string[] audit = ["receipt", "audit", _temp.PathOf("receipts"), "--public-key", _temp.PathOf("receipt.key.pub"), "--json"];
        var found = JsonNode.Parse((await CliRun.Async(audit)).Output)!;
        Assert.Equal(receipts, (int)found["receipts"]! + (int)found["unsigned"]!);
        Assert.Equal(2, (int)found["erased"]!);
    }

    private async Task<CliRun> RunAsync(params string[] arguments)
    {
        var run = await CliRun.Async([.. arguments, "--address", Address]);
        Assert.True(run.Error.Length == 0, run.Error);
        return run;
    }
}
