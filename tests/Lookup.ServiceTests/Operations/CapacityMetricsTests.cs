using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Lookup.Server.Telemetry;
using Lookup.ServiceTests.Access;
using Lookup.V1;
using CoreVerdict = Lookup.Core.Verdict;

namespace Lookup.ServiceTests.Operations;

/// <summary>The metrics of limits, lists, facts, organisations and certificates.</summary>
public sealed class CapacityMetricsTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task List_UnderWay_TakesAStreamAndIsTimedWhenItEnds()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        await server.Registry.PutOrganisationAsync(new PutOrganisationRequest { Organisation = new Organisation { Name = "acme" } });
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(number)));
        await using (var stream = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = Samples.Question() }))
        {
            await stream.AskTextsAsync(1, number);
            var open = await Scrape.OfAsync(server);
            Assert.Equal(1, open.Value("lookup_capacity_used{resource=\"check_streams\"}"));
            Assert.Equal(server.Options.MaxCheckStreams, open.Value("lookup_capacity_limit{resource=\"check_streams\"}"));
            Assert.True(open.Value("lookup_capacity_used{resource=\"connections\"}") >= 1);
            Assert.True(open.Value("lookup_capacity_used{resource=\"memory\"}") > 0);
            Assert.Equal(0, open.Value("lookup_stream_duration_seconds_count{method=\"CheckStream\"}"));
            Assert.Equal(1, open.Value("lookup_chunk_duration_seconds_count"));
            await stream.CompleteAsync();
            Assert.Null(await stream.ReadAsync());
        }

        var ended = await Scrape.UntilAsync(server, s => s.Value("lookup_stream_duration_seconds_count{method=\"CheckStream\"}") == 1);
        Assert.Equal(0, ended.Value("lookup_capacity_used{resource=\"check_streams\"}"));
        Assert.Equal(1, ended.Value("lookup_facts_total{kind=\"objection\",outcome=\"recorded\"}"));
        Assert.Equal(1, ended.Value("lookup_organisation_decisions_total{organisation=\"acme\",verdict=\"deny\"}"));
        Assert.True(ended.Value("process_working_set_bytes") > 0);
        Assert.NotNull(ended.Value("lookup_thread_pool_queue"));
    }

    [Fact]
    public async Task ListSlots_Taken_CountWithTheirQueue()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), options => options.BatchWorkers = 1);
        Task<CheckBatchResponse> waiting;
        using (await server.Host.HoldBatchPlaceAsync())
        {
            waiting = server.Lookup.CheckBatchAsync(new CheckBatchRequest { Question = Samples.Question(), Numbers = { Samples.NewNumber() } }, cancellationToken: Ct).ResponseAsync;
            await Scrape.UntilAsync(server, s => s.Value("lookup_capacity_used{resource=\"list_slots\"}") == 2);
        }

        await waiting;
        await Scrape.UntilAsync(server, s => s.Value("lookup_capacity_used{resource=\"list_slots\"}") == 0);
    }

    [Fact]
    public async Task Organisation_WithoutARecord_IsNoLabel()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        await server.Lookup.CheckAsync(Samples.Check(Samples.NewNumber(), "0612345678"));

        var scrape = await Scrape.OfAsync(server);

        Assert.Equal(1, scrape.Value("lookup_organisation_decisions_total{organisation=\"(other)\",verdict=\"deny\"}"));
        Assert.DoesNotContain(scrape.Series, line => line.Contains("0612345678", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Organisations_BeyondTheLimit_CountAsOthers()
    {
        var metrics = new ServiceMetrics();
        for (var i = 0; i < 150; i++)
        {
            metrics.DecidedFor($"org-{i}", isKnown: true, CoreVerdict.Allow);
            metrics.DecidedFor($"org-{i}", isKnown: true, CoreVerdict.Allow);
        }

        using var text = new MemoryStream();
        await metrics.Registry.CollectAndExportAsTextAsync(text, Ct);
        var lines = System.Text.Encoding.UTF8.GetString(text.ToArray()).Split('\n');
        Assert.Equal(101, lines.Count(line => line.StartsWith("lookup_organisation_decisions_total{", StringComparison.Ordinal) && line.Contains("\"allow\"", StringComparison.Ordinal)));
        Assert.Contains("lookup_organisation_decisions_total{organisation=\"(other)\",verdict=\"allow\"} 100", lines);
    }

    [Fact]
    public void RecentErrors_OfOneCause_AreCountedAndTheOldestCauseLeaves()
    {
        var errors = new RecentErrors();
        for (var i = 0; i < 60; i++)
        {
            errors.Add("Check", StatusCode.InvalidArgument, $"cause {i % 30 + (i / 30 * 25)}", "dialer-7", "acme", DateTimeOffset.UnixEpoch.AddSeconds(i));
        }

        var all = errors.All();
        Assert.Equal(50, all.Count);
        Assert.Equal(2, all.Single(one => one.Detail == "cause 27").Count);
        Assert.Equal("cause 54", all[^1].Detail);
        Assert.DoesNotContain(all, one => one.Detail == "cause 0");
    }

    [Fact]
    public async Task Certificate_Expiry_IsTold()
    {
        using var files = new Certificates();
        files.WriteServer();
        var options = new Lookup.Server.LookupServerOptions { TlsCertificateFile = files.ServerFile, TlsKeyFile = files.ServerKeyFile, ClientCaFile = files.AuthorityFile };
        var tls = Lookup.Server.Http.ServerTls.Load(options, TimeProvider.System)!;
        using var certificate = X509Certificate2.CreateFromPem(await File.ReadAllTextAsync(files.ServerFile, Ct));
        Assert.Equal(new DateTimeOffset(certificate.NotAfter), tls.Expires);
        Assert.NotNull(tls.ClientsExpire);
        await using var guarded = await GuardedServer.StartAsync(configure: o => (o.TlsCertificateFile, o.TlsKeyFile) = (files.ServerFile, files.ServerKeyFile));
        var key = await guarded.KeyAsync("prometheus", Lookup.Core.Access.Roles.Observe);
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPemFile(files.AuthorityFile);
        using var handler = new SocketsHttpHandler { SslOptions = { CertificateChainPolicy = policy } };
        using var http = new HttpClient(handler) { BaseAddress = guarded.Server.Host.JsonAddress, DefaultRequestHeaders = { Authorization = new("Bearer", key) } };
        Assert.Contains(
            $"lookup_tls_expires_seconds{{certificate=\"server\"}} {tls.Expires.ToUnixTimeSeconds()}\n", await http.GetStringAsync("/metrics", Ct), StringComparison.Ordinal);
    }

    [Fact]
    public async Task TwoInstances_OfOneStore_SeeEachOtherUntilOneStops()
    {
        await using var behind = await AnyStore.OpenAsync(AnyStore.Redis, Ct);
        await using var one = await LookupServer.StartAsync(behind.Store, ownsStore: false);
        var store = await behind.OpenAnotherAsync(Ct);
        await using (var other = await LookupServer.StartAsync(store))
        {
            Assert.Equal(2, (await InstancesAsync(one, count: 2)).Distinct().Count());
        }

        await InstancesAsync(one, count: 1);
    }

    private static async Task<List<string>> InstancesAsync(LookupServer server, int count)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        limit.CancelAfter(TimeSpan.FromMinutes(3));
        using var reader = new StreamReader(await server.Http.GetStreamAsync("/live", limit.Token));
        while (true)
        {
            var line = await reader.ReadLineAsync(limit.Token);
            if (line?.StartsWith("data: [", StringComparison.Ordinal) != true)
            {
                continue;
            }

            using var samples = System.Text.Json.JsonDocument.Parse(line[6..]);
            var instances = samples.RootElement.EnumerateArray().Last().GetProperty("instances");
            if (instances.GetArrayLength() == count)
            {
                return [.. instances.EnumerateArray().Select(one => one.GetProperty("id").GetString()!)];
            }
        }
    }
}
