using System.Net;
using Lookup.Cli;
using Lookup.Cli.Gates;
using Lookup.Cli.Sip;
using Lookup.Client;
using Lookup.V1;

namespace Lookup.ServiceTests.Gates;

/// <summary>Shares of the gates' limits, their metrics, and maps with a trunk that is never used.</summary>
public sealed class GateLimitTests
{
    private static readonly IPAddress Flooding = IPAddress.Parse("10.0.0.1");
    private static readonly IPAddress Other = IPAddress.Parse("10.0.0.2");

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public void Shares_OfAnAddressThatFloods_LeaveRoomForAnother()
    {
        var shares = new PeerShares(10);
        Assert.Equal(10, Enumerable.Range(0, 50).Count(_ => shares.TryEnter(Flooding)));
        Assert.Equal(5, Enumerable.Range(0, 50).Count(_ => shares.TryEnter(Other)));
        for (var i = 0; i < 6; i++)
        {
            Assert.False(shares.TryEnter(Flooding));
            shares.Leave(Flooding);
        }

        Assert.True(shares.TryEnter(Flooding));
        Assert.False(shares.TryEnter(Flooding));
        for (var i = 0; i < 5; i++)
        {
            shares.Leave(Other);
        }

        // Alone again, it has the whole limit.
        Assert.Equal(5, Enumerable.Range(0, 50).Count(_ => shares.TryEnter(Flooding)));
    }

    [Theory]
    [InlineData("\"from\": [\"10.0.0.0/24\"]", "\"from\": [\"10.0.0.7\"], \"header\": {\"name\": \"X-A\", \"value\": \"b\"}", true)]
    [InlineData("\"from\": [\"10.0.0.0/24\"]", "\"from\": [\"10.0.0.0/24\"], \"host\": \"gate.example\"", true)]
    [InlineData("\"from\": [\"10.0.0.0/24\", \"10.0.1.0/24\"]", "\"from\": [\"10.0.1.1\", \"10.0.0.1\"]", true)]
    [InlineData("\"from\": [\"10.0.0.0/24\"], \"host\": \"gate.example\"", "\"from\": [\"10.0.0.7\"], \"host\": \"gate.example\"", true)]
    [InlineData("\"from\": [\"10.0.0.0/24\"], \"host\": \"gate.example\"", "\"from\": [\"10.0.0.7\"]", false)]
    [InlineData("\"from\": [\"10.0.0.7\"]", "\"from\": [\"10.0.0.0/24\"]", false)]
    [InlineData("\"from\": [\"10.0.0.0/24\"]", "\"from\": [\"10.0.0.7\", \"10.0.9.9\"]", false)]
    [InlineData("\"from\": [\"0.0.0.0/0\"]", "\"from\": [\"2001:db8::/32\"]", false)]
    public void Map_WithATrunkBehindOneThatTakesItsCalls_IsRejected(string first, string second, bool isHidden)
    {
        const string Rest = "\"question\": {\"org\": \"acme\", \"purpose\": \"commercial\"}, \"redirect\": \"sip:{number}@c\"";
        var json = $$"""{"trunks": [{"name": "all", {{first}}, {{Rest}}}, {"name": "spring", {{second}}, {{Rest}}}]}""";
        if (isHidden)
        {
            Assert.Contains(
                "trunks[1] 'spring' is never used, because trunks[0] 'all' before it takes all of its calls", Assert.Throws<CliException>(() => TrunkFile.Read(json)).Message, StringComparison.Ordinal);
        }
        else
        {
            Assert.Equal(2, TrunkFile.Read(json).Count);
        }
    }

    [Fact]
    public async Task Metrics_AfterAnswersAndSilence_TellBoth()
    {
        var metrics = new GateMetrics();
        var tally = new GateTally(metrics);
        var port = RedisServer.FreePort();
        using var served = metrics.Serve(new IPEndPoint(IPAddress.Loopback, port));
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        tally.AddRefused();
        tally.AddMalformed();
        tally.AddUnchecked();
        var answers = new Queue<CheckResult>(
        [
            CheckResult.Failed("+31612345678", LookupException.Because(Grpc.Core.StatusCode.Unavailable, "away")),
        ]);
        var gate = new CallGate((_, _, _, _) => Task.FromResult(answers.Dequeue()), tally);
        await gate.DecideAsync("+31612345678", new Question(), "", Ct);

        var text = await http.GetStringAsync("/metrics", Ct);

        Assert.Contains("lookup_gate_answers_total{verdict=\"unknown\",reason=\"unavailable\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("lookup_gate_answer_duration_seconds_count 1\n", text, StringComparison.Ordinal);
        Assert.Contains("lookup_gate_service_silent 1\n", text, StringComparison.Ordinal);
        Assert.Contains("lookup_gate_refused_total 1\n", text, StringComparison.Ordinal);
        Assert.Contains("lookup_gate_malformed_total 1\n", text, StringComparison.Ordinal);
        Assert.Contains("lookup_gate_unchecked_total 1\n", text, StringComparison.Ordinal);
        tally.Add(GateAnswer.Invalid("INVALID_REQUEST", "x"), TimeSpan.Zero);
        Assert.Contains("lookup_gate_service_silent 0\n", await http.GetStringAsync("/metrics", Ct), StringComparison.Ordinal);
    }
}
