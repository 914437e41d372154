using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Google.Rpc;
using Grpc.Core;
using Grpc.Health.V1;
using Lookup.Redis;
using Lookup.V1;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace Lookup.ServiceTests.Server;

/// <summary>A store that fails, waits or falls behind. Whatever it does, the answer is never ALLOW.</summary>
public sealed class TroubleTests : IAsyncLifetime
{
    private const string Text = "WRONGTYPE Operation against key {00}b: of +31612345678 at StackExchange.Redis";
    private readonly string _number = Samples.NewNumber();
    private TroubledStore _store = null!;
    private LookupServer _server = null!;

    /// <summary>Every unary call that needs the store.</summary>
    public static TheoryData<string, string> Calls => new()
    {
        { Requests.Check, "{\"number\":\"+31612345678\",\"question\":{\"organisation\":\"acme\",\"purpose\":1},\"consistency\":{\"exact\":true}}" },
        { Requests.Explain, "{\"number\":\"+31612345678\",\"question\":{\"organisation\":\"acme\",\"purpose\":1},\"consistency\":{\"exact\":true}}" },
        { Requests.Facts, "{\"facts\":[{\"number\":\"+31612345678\",\"source\":\"t\",\"objection\":{\"organisation\":\"acme\"}}]}" },
        { Requests.List, "{\"number\":\"+31612345678\"}" },
        { Requests.Erase, "{\"number\":\"+31612345678\",\"source\":\"t\"}" },
        { Requests.Organisations, "{\"organisation\":{\"name\":\"acme\"}}" },
        { Requests.Snapshot, "{\"register\":\"nl-bmnr\",\"snapshotDate\":\"2024-03-01T00:00:00Z\"}" },
    };

    public async ValueTask InitializeAsync()
    {
        _store = new TroubledStore(await LookupServer.EmbeddedAsync());
        _server = await LookupServer.StartAsync(_store, options =>
        {
            options.FreshnessBoundMs = 200;
            options.RegistryPollMs = 50;
        });
        await _server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(_number)));
        Assert.Equal(Verdict.Allow, (await _server.Lookup.CheckAsync(Samples.Check(_number))).Decision.Verdict);
    }

    public ValueTask DisposeAsync()
    {
        _store.Trouble = _ => Task.CompletedTask;
        return _server.DisposeAsync();
    }

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task Call_StoreUnreachable_IsUnavailableWithRetryAdvice(string path, string json)
    {
        _store.Trouble = _ => throw new StoreUnavailableException(StoreFault.Unreachable, "The store cannot be reached.");
        var error = await Assert.ThrowsAsync<RpcException>(() => Requests.CallAsync(_server.Invoker, path, json));
        Assert.Equal(StatusCode.Unavailable, error.StatusCode);
        Assert.Equal(_server.Options.RetryAfterMs, error.GetRpcStatus()!.GetDetail<RetryInfo>().RetryDelay.ToTimeSpan().TotalMilliseconds);
        await AssertJsonAsync(path, json, HttpStatusCode.ServiceUnavailable, "retryDelay");
    }

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task Call_StoreSlowerThanTheLimit_IsUnavailable(string path, string json)
    {
        _server.Options.StoreReadLimitMs = 100;
        _server.Options.StoreWriteLimitMs = 100;
        _store.Trouble = ct => Task.Delay(Timeout.Infinite, ct);
        var error = await Assert.ThrowsAsync<RpcException>(() => Requests.CallAsync(_server.Invoker, path, json));
        Assert.Equal(StatusCode.Unavailable, error.StatusCode);
        await AssertJsonAsync(path, json, HttpStatusCode.ServiceUnavailable, "retryDelay");
    }

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task Call_UnexpectedException_IsInternalWithAnIdThatTheLogHas(string path, string json)
    {
        _server.ExpectsErrors = true;
        _store.Trouble = _ => throw new InvalidOperationException(Text);
        var error = await Assert.ThrowsAsync<RpcException>(() => Requests.CallAsync(_server.Invoker, path, json));
        Assert.Equal(StatusCode.Internal, error.StatusCode);
        Leaks.AssertNone(error.GetRpcStatus()!.ToString());
        var id = error.GetRpcStatus()!.GetDetail<RequestInfo>().RequestId;
        Assert.Matches(new Regex("^[0-9a-f]{16}$"), id);
        Assert.Contains(id, error.Status.Detail, StringComparison.Ordinal);
        Assert.Contains(id, _server.Log.All, StringComparison.Ordinal);
        Assert.Contains("WRONGTYPE", _server.Log.All, StringComparison.Ordinal);
        Assert.DoesNotContain("612345678", _server.Log.All, StringComparison.Ordinal);
        await AssertJsonAsync(path, json, HttpStatusCode.InternalServerError, "requestId");
    }

    [Fact]
    public async Task Check_CallersDeadlineShorterThanTheStore_IsDeadlineExceeded()
    {
        _store.Trouble = ct => Task.Delay(Timeout.Infinite, ct);
        // Within the bound the number's facts are known without the store.
        var exact = Samples.Check(_number);
        exact.Consistency = new Consistency { Exact = true };
        var error = await Assert.ThrowsAsync<RpcException>(
            () => _server.Lookup.CheckAsync(exact, deadline: DateTime.UtcNow.AddMilliseconds(50)).ResponseAsync);
        Assert.Equal(StatusCode.DeadlineExceeded, error.StatusCode);
    }

    [Fact]
    public async Task Check_TokenAheadOfTheStore_IsUnknownNotFresh()
    {
        // One that was not asked before, so that it has to be read.
        var number = Samples.NewNumber();
        var request = Samples.Check(number);
        var token = (await _server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)))).ConsistencyToken;
        _store.Behind = 1;
        request.Consistency = new Consistency { AtLeastAsFresh = token };
        var decision = (await _server.Lookup.CheckAsync(request)).Decision;
        Assert.Equal(Verdict.Unknown, decision.Verdict);
        Assert.Equal(ReasonCode.NotFresh, decision.Reasons[0].Code);
        Assert.NotNull(decision.RetryAfter);
        Assert.Null(decision.ReusableUntil);
        var explained = await _server.Lookup.ExplainAsync(
            new ExplainRequest { Number = number, Question = request.Question, Consistency = request.Consistency });
        Assert.Equal(Verdict.Unknown, explained.Decision.Verdict);
    }

    [Fact]
    public async Task Registry_OlderThanTheBound_IsNotUsed()
    {
        // Checks go on while the snapshot is young enough, and only so long.
        var fail = true;
        _store.Trouble = _ => fail ? throw new StoreUnavailableException(StoreFault.Unreachable, "Gone.") : Task.CompletedTask;
        await Task.Delay(_server.Options.FreshnessBoundMs * 2);
        var notCovered = Samples.Check("+5997151234");
        var error = await Assert.ThrowsAsync<RpcException>(() => _server.Lookup.CheckAsync(notCovered).ResponseAsync);
        Assert.Equal(StatusCode.Unavailable, error.StatusCode);

        // A read that began before may still fail for a moment.
        fail = false;
        while (await Record.ExceptionAsync(async () => Assert.Equal(Verdict.NotCovered, (await _server.Lookup.CheckAsync(notCovered)).Decision.Verdict)) is { } still)
        {
            Assert.Equal(StatusCode.Unavailable, Assert.IsType<RpcException>(still).StatusCode);
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task Health_StoreGoneAndBack_FollowsIt()
    {
        using var watch = new Health.HealthClient(_server.Invoker).Watch(new HealthCheckRequest { Service = "lookup.v1.LookupService" });
        await NextAsync(ServingStatus.Serving);
        _store.Trouble = _ => throw new StoreUnavailableException(StoreFault.Unreachable, "The store cannot be reached.");
        await NextAsync(ServingStatus.NotServing);
        _store.Trouble = _ => Task.CompletedTask;
        await NextAsync(ServingStatus.Serving);

        async Task NextAsync(ServingStatus expected)
        {
            Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
            Assert.Equal(expected, watch.ResponseStream.Current.Status);
        }
    }

    [Fact]
    public async Task Health_ProbeThrowsTheUnexpected_IsNotServingAndGoesOn()
    {
        using var watch = new Health.HealthClient(_server.Invoker).Watch(new HealthCheckRequest());
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
        _store.Trouble = _ => throw new InvalidOperationException(Text);
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(ServingStatus.NotServing, watch.ResponseStream.Current.Status);
        _store.Trouble = _ => Task.CompletedTask;
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(ServingStatus.Serving, watch.ResponseStream.Current.Status);
        Assert.Equal(Verdict.Allow, (await _server.Lookup.CheckAsync(Samples.Check(_number))).Decision.Verdict);
    }

    private async Task AssertJsonAsync(string path, string json, HttpStatusCode expected, string detail)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var response = await _server.Http.PostAsync(path, content);
        var body = await response.Content.ReadAsStringAsync();
        Assert.Equal(expected, response.StatusCode);
        Assert.Contains(detail, body, StringComparison.Ordinal);
        Leaks.AssertNone(body);
    }
}
