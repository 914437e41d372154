using System.Net;
using System.Text;
using Google.Protobuf;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

/// <summary>
/// The process stands still while it answers: the ALLOW is older than it may be used when it is written. Here time passes where the call
/// takes the time of day.
/// </summary>
public sealed class LateAnswerTests : IAsyncLifetime
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(1);

    private readonly SteppingClock _clock = new();
    private readonly string _number = Samples.NewNumber();
    private LookupServer _server = null!;
    private int _freezes;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await LookupServer.StartAsync(
            await LookupServer.EmbeddedAsync(),
            o => o.FreshnessBoundMs = (int)Bound.TotalMilliseconds,
            clock: _clock);
        await _server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(_number)), cancellationToken: Ct);
        _clock.OnWall = () =>
        {
            var stack = Environment.StackTrace;
            if ((stack.Contains(".SingleChecks.", StringComparison.Ordinal) || stack.Contains(".ChunkJob.", StringComparison.Ordinal))
                && Interlocked.Exchange(ref _freezes, 0) == 1)
            {
                _clock.Advance(Bound);
            }
        };
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Check_WrittenAfterItsValidity_PermitsNoCall()
    {
        foreach (var freezes in new[] { false, true })
        {
            var plain = await AskAsync(freezes, async () => (await _server.Lookup.CheckAsync(Samples.Check(_number), cancellationToken: Ct)).Decision);
            var explained = await AskAsync(freezes, async () => (await _server.Lookup.ExplainAsync(
                new ExplainRequest { Number = _number, Question = Samples.Question() }, cancellationToken: Ct)).Decision);
            var json = await AskAsync(freezes, () => JsonAsync(Requests.Check, Samples.Check(_number), body => CheckResponse.Parser.ParseJson(body).Decision));
            var batch = new CheckBatchRequest { Question = Samples.Question(), Numbers = { _number } };
            var list = await AskAsync(freezes, async () => (await _server.Lookup.CheckBatchAsync(batch, cancellationToken: Ct)).Common);
            await using var open = await StreamCall.OpenAsync(_server, new CheckStreamOpen { Question = Samples.Question() });
            var stream = await AskAsync(freezes, async () => (await open.AskTextsAsync(1, _number)).Common);
            await using var shared = await StreamCall.OpenAsync(_server, new CheckStreamOpen { Question = Samples.Question(), Decisions = true });
            var dialer = await AskAsync(freezes, async () => (await shared.AskAsync(1, ulong.Parse(_number.AsSpan(1), System.Globalization.CultureInfo.InvariantCulture))).Decisions[0]);

            foreach (var (what, decision) in new[]
                { (nameof(plain), plain), (nameof(explained), explained), (nameof(json), json), (nameof(list), list), (nameof(stream), stream), (nameof(dialer), dialer) })
            {
                Assert.True(freezes == (decision.ReusableFor is null) && freezes == (decision.ReusableUntil is null), $"{what}, frozen: {freezes}: {decision}");
            }
        }
    }

    [Fact]
    public async Task Gate_WrittenAfterItsValidity_Is503()
    {
        foreach (var freezes in new[] { false, true })
        {
            var status = await AskAsync(freezes, async () =>
            {
                using var content = new StringContent(JsonFormatter.Default.Format(Samples.Check(_number)), Encoding.UTF8, "application/json");
                using var response = await _server.Http.PostAsync("/v1/gate", content, Ct);
                return response.StatusCode;
            });
            Assert.Equal(freezes ? HttpStatusCode.ServiceUnavailable : HttpStatusCode.OK, status);
        }
    }

    private async Task<T> AskAsync<T>(bool freezes, Func<Task<T>> ask)
    {
        while (true)
        {
            Interlocked.Exchange(ref _freezes, freezes ? 1 : 0);
            try
            {
                var answer = await ask();
                Assert.Equal(0, Volatile.Read(ref _freezes));
                return answer;
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable)
            {
                // After a freeze the instance reads the store again first.
                await _server.Host.FollowRegistryAsync(Ct);
            }
        }
    }

    private async Task<Decision> JsonAsync(string path, IMessage request, Func<string, Decision> read)
    {
        using var content = new StringContent(JsonFormatter.Default.Format(request), Encoding.UTF8, "application/json");
        using var response = await _server.Http.PostAsync(path, content, Ct);
        if (response.StatusCode == HttpStatusCode.ServiceUnavailable)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, ""));
        }

        return read(await response.Content.ReadAsStringAsync(Ct));
    }
}
