using Lookup.Core;
using Lookup.Core.Access;
using Lookup.Redis;
using Lookup.Redis.Credentials;
using Lookup.Redis.Store;
using StackExchange.Redis;

namespace Lookup.StoreTests;

/// <summary>A registry that goes back, as a whole or in part, under processes that saw what it lacks then.</summary>
public sealed class RegistryHistoryTests : IAsyncLifetime
{
    private static readonly RedisKey[] All = [Keys.Manifest, Keys.Organisations, Keys.Snapshots, Keys.Credentials, Keys.Grants];
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(2));
    private RedisServer _server = null!;
    private ConnectionMultiplexer _behind = null!;
    private FactStore _store = null!;

    private CancellationToken Token => _limit.Token;

    public async ValueTask InitializeAsync()
    {
        _server = await RedisServer.StartAsync();
        await StoreAdmin.InitAsync(
            _server.Options, new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, Partitions = 2, ExpectedFacts = 10_000 }, TimeProvider.System, Token);
        _store = await OpenAsync();
        _behind = await _server.AdminAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _behind.DisposeAsync();
        await _store.DisposeAsync();
        await _server.DisposeAsync();
        _limit.Dispose();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(60)]
    public async Task RolledBack_AndChangedSince_IsRefusedForGood(int changes)
    {
        await PutAsync("dialer");
        await PutAsync("other");
        var copy = await CopyAsync();
        await PutAsync("third");
        Assert.Equal(3, (await _store.Registry.ReadAsync(Token)).Credentials.Count);

        await RestoreAsync(copy, All);
        // Another process, which does not know what is gone, goes on with what there is.
        await using var fresh = await OpenAsync();
        for (var i = 0; i < changes; i++)
        {
            await RevokeAsync(fresh, "dialer", 1_000 + i);
        }

        await RefusedAsync();
        await RefusedAsync();
        Assert.Equal(changes > 0 ? 999 + changes : 0, (await fresh.Registry.ReadAsync(Token)).Credentials.Single(one => one.Id == "dialer").Revoked);
    }

    [Fact]
    public async Task RolledBack_ThenTheSameNumberOfChanges_DoesNotHideARevocation()
    {
        await PutAsync("dialer");
        await PutAsync("other");
        var copy = await CopyAsync();
        await _store.Registry.PutOrganisationAsync(new StoredOrganisation("acme", Sector.Other, Layers.Default), Token);
        await _store.Registry.ReadAsync(Token);
        await RestoreAsync(copy, All);
        await using (var fresh = await OpenAsync())
        {
            await RevokeAsync(fresh, "dialer", 1_000);
        }

        await RefusedAsync();
    }

    [Fact]
    public async Task PartOfItRestored_IsRefusedUntilItIsWhole()
    {
        await PutAsync("dialer");
        var copy = await CopyAsync();
        await RevokeAsync(_store, "dialer", 1_000);
        var whole = await CopyAsync();
        await _store.Registry.ReadAsync(Token);

        await RestoreAsync(copy, Keys.Credentials);
        await using var fresh = await OpenAsync();
        await FailsAsync(StoreFault.Damaged, () => fresh.Registry.ReadAsync(Token));
        await FailsAsync(StoreFault.Damaged, () => fresh.Maintenance.ProbeAsync(Token));
        // A change through the service does not bless what is there.
        await fresh.Access.PutGrantAsync(new StoredGrant("dialer", "acme", 0, 0), Token);
        await FailsAsync(StoreFault.Damaged, () => fresh.Registry.ReadAsync(Token));
        await FailsAsync(StoreFault.Damaged, () => _store.Registry.ReadAsync(Token));

        await RestoreAsync(whole, Keys.Credentials);
        Assert.Equal(1_000, Assert.Single((await fresh.Registry.ReadAsync(Token)).Credentials).Revoked);
        await fresh.Maintenance.ProbeAsync(Token);
        Assert.Equal(1_000, Assert.Single((await _store.Registry.ReadAsync(Token)).Credentials).Revoked);
    }

    [Fact]
    public async Task ChangedByAnOlderVersion_IsReadAnewEachTimeUntilTheNextChange()
    {
        await PutAsync("dialer");
        await _store.Registry.ReadAsync(Token);
        // As a version without stamps changes it, twice under the same number.
        var db = _behind.GetDatabase();
        var text = ((string)(await db.HashGetAsync(Keys.Credentials, "dialer"))!).Replace("\"dialer\"", "\"old\"", StringComparison.Ordinal);
        await db.HashIncrementAsync(Keys.Manifest, "registry", 1);
        await db.HashSetAsync(Keys.Credentials, "old", text);
        Assert.Equal(2, (await _store.Registry.ReadAsync(Token)).Credentials.Count);
        await db.HashDeleteAsync(Keys.Credentials, "old");
        Assert.Single((await _store.Registry.ReadAsync(Token)).Credentials);

        await PutAsync("other");
        Assert.Equal(2, (await _store.Registry.ReadAsync(Token)).Credentials.Count);
        await db.HashDeleteAsync(Keys.Credentials, "other");
        await using var fresh = await OpenAsync();
        await FailsAsync(StoreFault.Damaged, () => fresh.Registry.ReadAsync(Token));
    }

    [Fact]
    public async Task ReadByMany_WhileItChanges_IsNeverTakenForAnOlderOne()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var reading = Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            var seen = 0UL;
            while (!stop.IsCancellationRequested)
            {
                var registry = await _store.Registry.ReadAsync(Token);
                Assert.True(registry.Version >= seen, $"{registry.Version} after {seen}.");
                seen = registry.Version;
            }
        })).ToArray();
        for (var i = 0; i < 300; i++)
        {
            await _store.Registry.PutOrganisationAsync(new StoredOrganisation($"acme-{i % 7}", Sector.Other, Layers.Default), Token);
        }

        await stop.CancelAsync();
        await Task.WhenAll(reading);
        Assert.Equal(300UL, (await _store.Registry.ReadAsync(Token)).Version);
    }

    private Task<FactStore> OpenAsync() => StoreAdmin.OpenAsync(_server.Options, Sample.Cipher.KeyCheck, TimeProvider.System, Token);

    private async Task PutAsync(string id) => Assert.True(await _store.Access.TryPutAsync(
        new StoredCredential { Id = id, Kind = CredentialKind.ApiKey, Roles = Roles.Check }.WithNewSecret(1_000, 0, out _), Token));

    private async Task RevokeAsync(FactStore store, string id, long at)
    {
        var known = (await store.Registry.ReadAsync(Token)).Credentials.Single(one => one.Id == id);
        Assert.True(await store.Access.TryPutAsync(known with { Revoked = at }, Token));
    }

    private async Task RefusedAsync()
    {
        await FailsAsync(StoreFault.RolledBack, () => _store.Registry.ReadAsync(Token));
        await FailsAsync(StoreFault.RolledBack, () => _store.Maintenance.ProbeAsync(Token));
        await FailsAsync(StoreFault.RolledBack, () => _store.Reader.ReadAsync(Sample.Key(1), new[] { Sample.ObjectionId() }, Token).AsTask());
    }

    private async Task<Dictionary<string, byte[]?>> CopyAsync()
    {
        var copy = new Dictionary<string, byte[]?>();
        foreach (var key in All)
        {
            copy.Add(key!, await _behind.GetDatabase().KeyDumpAsync(key));
        }

        return copy;
    }

    private async Task RestoreAsync(Dictionary<string, byte[]?> copy, params RedisKey[] keys)
    {
        foreach (var key in keys)
        {
            await _behind.GetDatabase().KeyDeleteAsync(key);
            if (copy[key!] is { } dump)
            {
                await _behind.GetDatabase().KeyRestoreAsync(key, dump);
            }
        }
    }

    private static async Task FailsAsync(StoreFault fault, Func<Task> call)
    {
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(call);
        Assert.Equal(fault, e.Fault);
    }
}
