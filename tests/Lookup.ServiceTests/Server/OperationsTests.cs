using System.Text.Json;
using Lookup.Core.Facts;
using Lookup.Core.Regimes;
using Lookup.V1;
using Verdict = Lookup.V1.Verdict;

namespace Lookup.ServiceTests.Server;

public sealed class OperationsTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Metrics_AfterCalls_CountDecisionsTimesAndErrors()
    {
        await using var server = new LookupServer();
        await server.InitializeAsync();
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(number)));
        await server.Lookup.CheckAsync(Samples.Check(number));
        await server.Lookup.CheckAsync(Samples.Check(number));
        await Assert.ThrowsAsync<Grpc.Core.RpcException>(async () => await server.Lookup.CheckAsync(new CheckRequest { Number = "1" }));
        var text = await server.Http.GetStringAsync("/metrics", Ct);
        Assert.Contains("lookup_decisions_total{way=\"check\",verdict=\"deny\",reason=\"objection\"} 2\n", text);
        Assert.Contains("lookup_call_duration_seconds_count{method=\"Check\"} 2\n", text);
        Assert.Contains("le=\"2.5E-05\"", text, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("lookup_call_errors_total{method=\"Check\",status=\"InvalidArgument\"} 1\n", text);
        Assert.Contains("lookup_wrong_allows_total 0\n", text);
        Assert.Contains("lookup_serving 1\n", text);
        Assert.Contains("lookup_partition_followed{partition=\"0\"} 1\n", text);
        Assert.Contains("lookup_partition_age_seconds{partition=\"0\"} ", text);
    }

    [Fact]
    public async Task Page_Files_AreServedAndLoadNothingFromElsewhere()
    {
        await using var server = new LookupServer();
        await server.InitializeAsync();
        foreach (var path in new[] { "/", "/live.js", "/live.css" })
        {
            var answer = await server.Http.GetAsync(path, Ct);
            answer.EnsureSuccessStatusCode();
            Assert.Contains("default-src 'none'", answer.Headers.GetValues("Content-Security-Policy").Single());
            Assert.DoesNotContain("://", await answer.Content.ReadAsStringAsync(Ct));
        }
    }

    [Fact]
    public async Task Live_WhileCallsComeIn_TellsRatesAgesAndErrors()
    {
        await using var server = new LookupServer();
        await server.InitializeAsync();
        await Assert.ThrowsAsync<Grpc.Core.RpcException>(async () => await server.Lookup.CheckAsync(new CheckRequest { Number = "+31612345678901234" }));
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(number)));
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        limit.CancelAfter(Limit);
        using var stream = await server.Http.GetStreamAsync("/live", limit.Token);
        using var reader = new StreamReader(stream);
        while (true)
        {
            await server.Lookup.CheckAsync(Samples.Check(number), cancellationToken: limit.Token);
            var line = await reader.ReadLineAsync(limit.Token);
            Assert.NotNull(line);
            if (!line.StartsWith("data: ", StringComparison.Ordinal))
            {
                continue;
            }

            var root = JsonDocument.Parse(line[6..]).RootElement;
            if (root.ValueKind == JsonValueKind.Object)
            {
                Assert.True(root.TryGetProperty("hour", out _));
                continue;
            }

            var sample = root.EnumerateArray().Last();
            if (sample.GetProperty("rates").GetArrayLength() == 0)
            {
                continue;
            }

            Assert.Equal("objection", sample.GetProperty("rates")[0].GetProperty("reason").GetString());
            Assert.True(sample.GetProperty("p99").GetDouble() > 0);
            Assert.Equal(server.Store.Manifest.Partitions, sample.GetProperty("ages").GetArrayLength());
            // What it says depends on the day; that of the rules themselves is tested where the day can be chosen.
            Assert.Equal(RegimeSet.BuiltIn.DescribeUnverified(DateTimeOffset.UtcNow), sample.GetProperty("unverified").GetString());
            var error = sample.GetProperty("errors")[0];
            Assert.Equal("InvalidArgument", error.GetProperty("status").GetString());
            Assert.Equal("127.0.0.1", error.GetProperty("caller").GetString());
            Assert.Equal(1, error.GetProperty("count").GetInt64());
            Assert.DoesNotContain("12345678901", error.GetProperty("detail").GetString());
            return;
        }
    }

    [Fact]
    public async Task Audit_StoreThatHidesAnObjection_FindsTheWrongAllow()
    {
        // The planted defect: what a check reads lacks the objection; what is read afterwards has it.
        var store = new TroubledStore(await LookupServer.EmbeddedAsync());
        await using var server = await LookupServer.StartAsync(store, o => o.AllowAuditsPerSecond = 1_000);
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number), Samples.Objection(number)));
        await Eventually(async () =>
        {
            var answer = await store.WithoutObjectionsAsync(() => server.Lookup.CheckAsync(Samples.Check(number)).ResponseAsync);
            Assert.Equal(Verdict.Allow, answer.Decision.Verdict);
            return !(await server.Http.GetStringAsync("/metrics", Ct)).Contains("lookup_wrong_allows_total 0\n", StringComparison.Ordinal);
        });
        Assert.Contains("for organisation acme was allowed", server.Log.All);
        Assert.DoesNotContain(number[4..], server.Log.All);
    }

    [Fact]
    public async Task Audit_RightAnswersAndLaterChanges_FindsNothingWrong()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), o => o.AllowAuditsPerSecond = 1_000);
        await Eventually(async () =>
        {
            // Allowed, then objected or erased at once: the answers were right when they were given.
            foreach (var change in new[] { 0, 1, 2 })
            {
                var number = Samples.NewNumber();
                await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
                Assert.Equal(Verdict.Allow, (await server.Lookup.CheckAsync(Samples.Check(number))).Decision.Verdict);
                if (change == 1)
                {
                    await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(number)));
                }
                else if (change == 2)
                {
                    await server.Facts.EraseNumberAsync(new EraseNumberRequest { Number = number, Source = "letter", Actor = "desk" });
                }
            }

            var text = await server.Http.GetStringAsync("/metrics", Ct);
            Assert.Contains("lookup_wrong_allows_total 0\n", text);
            return Count(text, "confirmed") > 0 && Count(text, "changed") > 1;
        });

        static double Count(string text, string outcome)
        {
            var line = text.Split('\n').Single(l => l.StartsWith($"lookup_allow_audits_total{{outcome=\"{outcome}\"}} ", StringComparison.Ordinal));
            return double.Parse(line[(line.LastIndexOf(' ') + 1)..], System.Globalization.CultureInfo.InvariantCulture);
        }
    }

    private static async Task Eventually(Func<Task<bool>> holds)
    {
        var begin = TimeProvider.System.GetTimestamp();
        while (!await holds())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(begin) < Limit, "It does not come to hold.");
            await Task.Delay(100, Ct);
        }
    }
}
