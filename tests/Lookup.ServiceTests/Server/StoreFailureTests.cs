using Google.Rpc;
using Grpc.Core;
using Grpc.Health.V1;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Store;
using Lookup.Server;
using Lookup.Server.Hosting;
using Lookup.V1;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace Lookup.ServiceTests.Server;

/// <summary>
/// The service on a real redis-server that is flushed, replaced, killed or frozen behind its back. A call that was
/// permitted before must not be permitted then, and one that was denied least of all.
/// </summary>
public sealed class StoreFailureTests : IAsyncLifetime
{
    private readonly string _permitted = Samples.NewNumber();
    private readonly string _objected = Samples.NewNumber();
    private RedisServer _redis = null!;
    private LookupServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisServer.StartAsync();
        try
        {
            await StartAsync();
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        await _redis.DisposeAsync();
    }

    [Fact]
    public async Task Store_Flushed_IsUnavailableAndNotServing()
    {
        await using (var admin = await _redis.AdminAsync())
        {
            await admin.GetServers()[0].FlushAllDatabasesAsync();
        }

        await AssertUnavailableAsync();
    }

    [Fact]
    public async Task Store_MayEvictFacts_IsUnavailableAndNotServing()
    {
        await using (var admin = await _redis.AdminAsync())
        {
            await admin.GetServers()[0].ConfigSetAsync("maxmemory-policy", "allkeys-lru");
        }

        await UntilAsync(ServingStatus.NotServing);
        await AssertUnavailableAsync();
    }

    [Fact]
    public async Task Store_SetUpAnewBehindTheService_IsUnavailableAndNotServing()
    {
        await using (var admin = await _redis.AdminAsync())
        {
            await admin.GetServers()[0].FlushAllDatabasesAsync();
        }

        await StoreAdmin.InitAsync(
            _redis.Options,
            new InitOptions { KeyCheck = _server.Cipher.KeyCheck, Partitions = 4, ExpectedFacts = 10_000 },
            TimeProvider.System,
            default);
        await AssertUnavailableAsync();
    }

    [Fact]
    public async Task Store_Killed_IsUnavailableAndNotServing()
    {
        await _redis.KillAsync();
        await AssertUnavailableAsync();
    }

    [Fact]
    public async Task Store_Frozen_IsUnavailableAndNotServingAndComesBack()
    {
        _redis.Pause();
        try
        {
            await AssertUnavailableAsync();
        }
        finally
        {
            _redis.Continue();
        }

        await UntilAsync(ServingStatus.Serving);
        Assert.Equal(Verdict.Allow, (await _server.Lookup.CheckAsync(Samples.Check(_permitted))).Decision.Verdict);
        Assert.Equal(Verdict.Deny, (await _server.Lookup.CheckAsync(Samples.Check(_objected))).Decision.Verdict);
    }

    [Fact]
    public void Build_CipherWithAnotherKey_IsRefused()
    {
        using var other = new NumberCipher(new byte[32]);
        var error = Assert.Throws<StoreUnavailableException>(
            () => LookupHost.Build(new LookupServerOptions(), _server.Store, RegimeSet.BuiltIn, other));
        Assert.Equal(StoreFault.WrongKey, error.Fault);
    }

    private async Task StartAsync()
    {
        using var cipher = new NumberCipher(LookupServer.Key);
        await StoreAdmin.InitAsync(
            _redis.Options, new InitOptions { KeyCheck = cipher.KeyCheck, Partitions = 4, ExpectedFacts = 10_000 }, TimeProvider.System, default);
        _server = await LookupServer.StartAsync(
            await StoreAdmin.OpenAsync(_redis.Options with { ReadTimeoutMs = 1_000 }, cipher.KeyCheck, TimeProvider.System, default),
            options => options.FreshnessBoundMs = 200);
        await _server.Facts.RecordFactsAsync(
            Samples.Record(Samples.Consent(_permitted), Samples.Consent(_objected), Samples.Objection(_objected)));
        Assert.Equal(Verdict.Allow, (await _server.Lookup.CheckAsync(Samples.Check(_permitted))).Decision.Verdict);
        Assert.Equal(ServingStatus.Serving, await HealthAsync());
    }

    private async Task AssertUnavailableAsync()
    {
        // Within the bound the filter may still tell that nothing is known of a number; then nothing is left to answer from.
        await Task.Delay(_server.Options.FreshnessBoundMs);
        for (var i = 0; i < 20; i++)
        {
            foreach (var number in (string[])[_permitted, _objected, Samples.NewNumber()])
            {
                var error = await Assert.ThrowsAsync<RpcException>(() => _server.Lookup.CheckAsync(Samples.Check(number)).ResponseAsync);
                Assert.Equal(StatusCode.Unavailable, error.StatusCode);
                Assert.NotNull(error.GetRpcStatus()!.GetDetail<RetryInfo>());
                Leaks.AssertNone(error.GetRpcStatus()!.ToString());
            }
        }

        await AssertGateClosedAsync();
        var write = await Assert.ThrowsAsync<RpcException>(
            () => _server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(_permitted))).ResponseAsync);
        Assert.Equal(StatusCode.Unavailable, write.StatusCode);
        Leaks.AssertNone(write.GetRpcStatus()!.ToString());
        await UntilAsync(ServingStatus.NotServing);
    }

    // For callers that look only at the status, and for lists in one request.
    private async Task AssertGateClosedAsync()
    {
        foreach (var number in (string[])[_permitted, _objected, Samples.NewNumber()])
        {
            using var content = new StringContent(
                $$$"""{"number": "{{{number}}}", "question": {"organisation": "acme", "purpose": "PURPOSE_COMMERCIAL"}}""", System.Text.Encoding.UTF8, "application/json");
            using var gate = await _server.Http.PostAsync("/v1/gate", content);
            Assert.Equal(System.Net.HttpStatusCode.ServiceUnavailable, gate.StatusCode);
            Assert.NotNull(gate.Headers.RetryAfter);
            Assert.DoesNotContain("ALLOW", await gate.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        var batch = await _server.Lookup.CheckBatchAsync(new CheckBatchRequest { Numbers = { _permitted, _objected }, Question = Samples.Question() });
        Assert.All(batch.Answers, answer => Assert.Equal((Verdict.Unknown, ReasonCode.StoreUnavailable), (answer.Verdict, answer.Reason)));
        Assert.NotNull(batch.Common.RetryAfter);
        Assert.Null(batch.Common.ReusableFor);
    }

    // The probe has its own rhythm; the limit only keeps a failing test from waiting for ever.
    private async Task UntilAsync(ServingStatus expected)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        using var watch = new Health.HealthClient(_server.Invoker).Watch(new HealthCheckRequest { Service = "lookup.v1.LookupService" });
        do
        {
            Assert.True(await watch.ResponseStream.MoveNext(limit.Token));
        }
        while (watch.ResponseStream.Current.Status != expected);
    }

    private async Task<ServingStatus> HealthAsync() =>
        (await new Health.HealthClient(_server.Invoker).CheckAsync(new HealthCheckRequest())).Status;
}
