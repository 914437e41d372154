using System.Net;
using System.Text;
using System.Text.Json;
using Google.Protobuf.WellKnownTypes;
using Lookup.Server.Errors;
using Lookup.Server.Store;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

/// <summary>
/// A state may be published between the moment that a call takes the time and the moment that it reads the state. Here each call
/// takes the time first, and the state is a minute newer.
/// </summary>
public sealed class AgeTests : IAsyncLifetime
{
    private readonly SteppingClock _clock = new();
    private readonly TaskCompletionSource _held = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _allowed = Samples.NewNumber();
    private LookupServer _server = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var store = new TroubledStore(await LookupServer.EmbeddedAsync());
        _server = await LookupServer.StartAsync(
            store,
            o =>
            {
                o.FreshnessBoundMs = 60_000;
                o.RegistryPollMs = 10_000;
                o.WatchHeartbeatMs = 100;
            },
            clock: _clock);
        await _server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(_allowed)), cancellationToken: Ct);
        Assert.Equal(Verdict.Allow, (await _server.Lookup.CheckAsync(Samples.Check(_allowed), cancellationToken: Ct)).Decision.Verdict);
        // No poll counts from here on: what is known stays newer than the clock.
        var polled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        store.OnTheWayBack = () =>
        {
            polled.TrySetResult();
            return _held.Task;
        };
        await polled.Task.WaitAsync(Ct);
        _clock.StepBack(TimeSpan.FromMinutes(1));
    }

    public ValueTask DisposeAsync()
    {
        _held.TrySetResult();
        return _server.DisposeAsync();
    }

    [Fact]
    public async Task Check_StateNewerThanTheClock_HasAgeZeroInEachForm()
    {
        foreach (var (number, verdict) in new[] { (_allowed, Verdict.Allow), (Samples.NewNumber(), Verdict.Deny) })
        {
            var request = Samples.Check(number);
            AssertZero((await _server.Lookup.CheckAsync(request, cancellationToken: Ct)).Decision, verdict);
            AssertZero((await _server.Lookup.ExplainAsync(new ExplainRequest { Number = number, Question = request.Question }, cancellationToken: Ct)).Decision, verdict);
            await using var stream = await StreamCall.OpenAsync(_server, new CheckStreamOpen { Question = request.Question });
            AssertZero((await stream.AskTextsAsync(1, number)).Common, default);

            using var content = new StringContent(Google.Protobuf.JsonFormatter.Default.Format(request), Encoding.UTF8, "application/json");
            using var response = await _server.Http.PostAsync(Requests.Check, content, Ct);
            var body = await response.Content.ReadAsStringAsync(Ct);
            Assert.True(response.StatusCode == HttpStatusCode.OK, body);
            using var document = JsonDocument.Parse(body);
            Assert.Equal("0s", document.RootElement.GetProperty("decision").GetProperty("age").GetString());
        }
    }

    [Fact]
    public async Task Allow_StateNewerThanTheClock_IsReusableForNoMoreThanTheBound()
    {
        var before = _clock.GetUtcNow();
        var decision = (await _server.Lookup.CheckAsync(Samples.Check(_allowed), cancellationToken: Ct)).Decision;
        Assert.InRange(
            decision.ReusableUntil.ToDateTimeOffset(), before.AddMilliseconds(_server.Options.FreshnessBoundMs - 1), _clock.GetUtcNow().AddMilliseconds(_server.Options.FreshnessBoundMs));
    }

    [Fact]
    public async Task Heartbeat_StateNewerThanTheClock_HasFreshnessZero()
    {
        using var watch = new WatchCall(_server);
        var heartbeat = (await watch.NextAsync()).Heartbeat;
        Assert.Equal(new Duration(), heartbeat.Freshness);
    }

    [Fact]
    public async Task Metrics_StateNewerThanTheClock_TellAgeZero()
    {
        var ages = (await Scrape.OfAsync(_server)).Series.Where(line => line.StartsWith("lookup_partition_age_seconds", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(ages);
        Assert.All(ages, line => Assert.EndsWith(" 0", line, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(long.MinValue, "0001-01-01T00:00:00Z")]
    [InlineData(-62_135_596_800_001, "0001-01-01T00:00:00Z")]
    [InlineData(-1, "1969-12-31T23:59:59.999Z")]
    [InlineData(-1_000, "1969-12-31T23:59:59Z")]
    [InlineData(0, "1970-01-01T00:00:00Z")]
    [InlineData(253_402_300_799_999, "9999-12-31T23:59:59.999Z")]
    [InlineData(long.MaxValue, "9999-12-31T23:59:59.999Z")]
    public void Timestamp_AnyTime_CanBeWritten(long milliseconds, string expected) =>
        Assert.Equal($"\"{expected}\"", FieldFaults.ToTimestamp(milliseconds).ToString());

    [Fact]
    public void Age_MomentBefore_IsZero()
    {
        Assert.Equal(TimeSpan.Zero, _clock.AgeAt(10, 9));
        Assert.Equal(TimeSpan.Zero, _clock.AgeAt(long.MaxValue, long.MinValue));
        Assert.Equal(TimeSpan.FromSeconds(1), _clock.AgeAt(0, _clock.TimestampFrequency));
    }

    private static void AssertZero(Decision decision, Verdict verdict)
    {
        Assert.Equal(verdict, decision.Verdict);
        Assert.Equal(new Duration(), decision.Age);
    }
}
