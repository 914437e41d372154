using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Store;

namespace Lookup.StoreTests;

/// <summary>Servers as hosts offer them: commands that are renamed or forbidden, settings that are not told, names that move.</summary>
public sealed class HostedServerTests : IDisposable
{
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(2));

    private CancellationToken Token => _limit.Token;

    public void Dispose() => _limit.Dispose();

    [Fact]
    public async Task Config_Renamed_EverythingWorksAndTheAdviceIsGivenWithoutIt()
    {
        await using var server = await RedisServer.StartAsync("--rename-command", "CONFIG", "");
        await InitAsync(server.Options);
        await using (var store = await OpenAsync(server.Options))
        {
            await store.Writer.WriteAsync([Sample.Objection(1)], Token);
            Assert.NotNull((await store.Reader.ReadAsync(Sample.Key(1), new[] { Sample.ObjectionId() }, Token)).Values[0]);
            await store.Feed.LoadFilterAsync(0, Token);
        }

        var findings = await StoreAdmin.DoctorAsync(server.Options, Sample.Cipher.KeyCheck, TimeProvider.System, Token);
        Assert.DoesNotContain(findings, finding => finding.Level == FindingLevel.Fail);
        Assert.Contains(findings, finding => finding is { Level: FindingLevel.Warn, Name: "config" });
    }

    [Theory]
    [InlineData("EVAL", "command EVAL,")]
    [InlineData("INFO", "command INFO,")]
    [InlineData("HSETNX", "a command that the service's scripts need")]
    [InlineData("BITFIELD", "a command that the service's scripts need")]
    public async Task Command_Renamed_IsToldWhereItIsNeeded(string command, string told)
    {
        await using var server = await RedisServer.StartAsync("--rename-command", command, "");
        Assert.Contains(told, await RefusedAsync(server.Options), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-info", "command INFO,")]
    [InlineData("-@scripting", "command ")]
    [InlineData("-hmget", "command HMGET,")]
    [InlineData("-hget", "a command that the service's scripts need")]
    public async Task Command_Forbidden_IsRefusedAtStart(string right, string told)
    {
        await using var server = await RedisServer.StartAsync();
        await InitAsync(server.Options);
        await using (var admin = await server.AdminAsync())
        {
            await admin.GetDatabase().ExecuteAsync("ACL", "SETUSER", "poor", "on", ">secret", "~*", "&*", "+@all", right);
        }

        var options = server.Options with { ConnectionString = server.Options.ConnectionString + ",user=poor,password=secret" };
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(() => OpenAsync(options));
        Assert.Equal(StoreFault.Settings, e.Fault);
        Assert.Contains(told, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keys_OfAnotherPattern_AreRefusedAtStart()
    {
        await using var server = await RedisServer.StartAsync();
        await InitAsync(server.Options);
        await using (var admin = await server.AdminAsync())
        {
            await admin.GetDatabase().ExecuteAsync("ACL", "SETUSER", "poor", "on", ">secret", "~other:*", "&*", "+@all");
        }

        var e = await Assert.ThrowsAsync<StoreUnavailableException>(
            () => OpenAsync(server.Options with { ConnectionString = server.Options.ConnectionString + ",user=poor,password=secret" }));
        Assert.Equal(StoreFault.Settings, e.Fault);
    }

    [Fact]
    public async Task Policy_NotToldByInfo_IsAskedForByName()
    {
        await using var server = await RedisServer.StartAsync("--maxmemory-policy", "allkeys-lru");
        await using var proxy = new TestProxy(server.Port, ("maxmemory_policy", "maxmemory_xxxxxx"));
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(() => InitAsync(Through(proxy)));
        Assert.Contains("noeviction", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Policy_NotToldAtAll_IsAWarningAndNotTakenForNoeviction()
    {
        await using var server = await RedisServer.StartAsync("--rename-command", "CONFIG", "");
        await using var proxy = new TestProxy(server.Port, ("maxmemory_policy", "maxmemory_xxxxxx"), ("aof_enabled", "aof_xxxxxxx"));
        await InitAsync(Through(proxy));
        await using var store = await OpenAsync(Through(proxy));
        var warnings = (await store.Maintenance.ProbeAsync(Token)).Warnings;
        Assert.Contains(warnings, warning => warning.Contains("maxmemory-policy", StringComparison.Ordinal));
        Assert.Contains(warnings, warning => warning.Contains("append-only", StringComparison.Ordinal));
        var findings = await StoreAdmin.DoctorAsync(Through(proxy), Sample.Cipher.KeyCheck, TimeProvider.System, Token);
        Assert.Contains(findings, finding => finding is { Level: FindingLevel.Warn, Name: "maxmemory-policy" });
    }

    [Fact]
    public async Task Name_GivenToAnotherServer_IsFollowedWithoutARestart()
    {
        await using var old = await RedisServer.StartAsync();
        await using var next = await RedisServer.StartAsync("--replicaof", "127.0.0.1", $"{old.Port}", "--repl-diskless-sync-delay", "0");
        await using var proxy = new TestProxy(old.Port);
        var options = new StoreOptions { ConnectionString = $"localhost:{proxy.Port}", ReadTimeoutMs = 2_000 };
        await InitAsync(options);
        await using var store = await OpenAsync(options);
        await store.Writer.WriteAsync([Sample.Objection(1)], Token);
        await using var replica = new FilterReplica(store.Feed, new ReplicaOptions { PollMs = 50 }, TimeProvider.System);
        await replica.StartAsync(Token);
        await using (var admin = await old.AdminAsync())
        {
            while ((int)await admin.GetDatabase().ExecuteAsync("WAIT", 1, 1_000) < 1)
            {
                Token.ThrowIfCancellationRequested();
            }
        }

        // The host promotes the replica, makes the old primary follow it, which keeps its connections, and gives the name to the new one.
        await using (var admin = await next.AdminAsync())
        {
            await admin.GetDatabase().ExecuteAsync("REPLICAOF", "NO", "ONE");
        }

        await using (var admin = await old.AdminAsync())
        {
            await admin.GetDatabase().ExecuteAsync("REPLICAOF", "127.0.0.1", $"{next.Port}");
        }

        proxy.LeadTo(next.Port);
        await Until.SoAsync(
            async () =>
            {
                try
                {
                    await store.Writer.WriteAsync([Sample.Objection(2)], Token);
                    await store.Maintenance.ProbeAsync(Token);
                    return (await store.Reader.ReadAsync(Sample.Key(1), new[] { Sample.ObjectionId() }, Token)).Values[0] is not null;
                }
                catch (StoreUnavailableException)
                {
                    return false;
                }
            },
            Token);
        var now = TimeProvider.System.GetTimestamp();
        await Until.SoAsync(() => Task.FromResult(replica.Partition(0) is { Filter: not null } state && state.AsOf > now), Token);
    }

    [Fact]
    public void Filter_BeyondWhatAServerKeeps_IsRefusedWithHowManyPartitionsItTakes()
    {
        var init = new InitOptions { KeyCheck = "x", Partitions = 1, ExpectedFacts = 1_000_000_000 };
        Assert.Contains("with 1 partitions it must be at most 214748364", Assert.Single(init.Validate()), StringComparison.Ordinal);
        Assert.Empty((init with { Partitions = 8 }).Validate());
        Assert.Empty((init with { ExpectedFacts = 214_748_364 }).Validate());
    }

    private static StoreOptions Through(TestProxy proxy) => new() { ConnectionString = $"127.0.0.1:{proxy.Port}", ReadTimeoutMs = 2_000 };

    private Task<StoreManifest> InitAsync(StoreOptions options) => StoreAdmin.InitAsync(
        options, new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, Partitions = 1, ExpectedFacts = 10_000 }, TimeProvider.System, Token);

    private Task<FactStore> OpenAsync(StoreOptions options) => StoreAdmin.OpenAsync(options, Sample.Cipher.KeyCheck, TimeProvider.System, Token);

    // At the latest by the first write.
    private async Task<string> RefusedAsync(StoreOptions options)
    {
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(async () =>
        {
            await InitAsync(options);
            await using var store = await OpenAsync(options);
            await store.Writer.WriteAsync([Sample.Objection(1)], Token);
        });
        Assert.Equal(StoreFault.Settings, e.Fault);
        return e.Message;
    }
}
