using Lookup.Core.Blocks;
using Lookup.Core.Facts;
using Lookup.Redis;
using Lookup.Redis.Registers;
using Lookup.Redis.Store;
using StackExchange.Redis;

namespace Lookup.StoreTests;

/// <summary>Blocks of numbers in a store, and what processes hold of them.</summary>
public sealed class BlockStoreTests : IDisposable
{
    private const int Seed = 20261130;
    private const uint Person = 4;

    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(3));

    public static TheoryData<string> Both => AnyStore.Both;

    private CancellationToken Token => _limit.Token;

    public void Dispose() => _limit.Dispose();

    [Theory]
    [MemberData(nameof(Both))]
    public async Task ManyChanges_ByTwoProcesses_AreWhatEveryProcessHolds(string kind)
    {
        await using var any = await AnyStore.OpenAsync(kind, Token);
        await using var other = await any.OpenAnotherAsync(Token);
        var random = new Random(Seed);
        var model = new Dictionary<(string, BlockRange), NumberBlock>();
        for (var step = 0; step < 60; step++)
        {
            var (writer, reader) = random.Next(2) == 0 ? (any.Store, other) : (other, any.Store);
            var changes = Enumerable.Range(0, random.Next(1, 40)).Select(_ => RandomChange(random)).ToArray();
            var results = await writer.Registry.ChangeBlocksAsync(changes, Token);
            for (var i = 0; i < changes.Length; i++)
            {
                var (organisation, range, change) = changes[i];
                var before = model.GetValueOrDefault((organisation, range)) ?? NumberBlock.Empty(organisation, range);
                var after = change(before);
                Assert.Equal(!ReferenceEquals(before, after), results[i]);
                if (results[i])
                {
                    model[(organisation, range)] = after;
                }
            }

            if (random.Next(4) == 0)
            {
                await writer.Registry.PutOrganisationAsync(new StoredOrganisation($"acme-{step}", Core.Sector.Other, Core.Layers.Default), Token);
            }

            Check(model, (await reader.Registry.ReadAsync(Token)).Blocks, random);
            if (random.Next(6) == 0)
            {
                await using var fresh = await any.OpenAnotherAsync(Token);
                Check(model, (await fresh.Registry.ReadAsync(Token)).Blocks, random);
            }
        }

        await any.Store.Maintenance.ProbeAsync(Token);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task SameBlock_ChangedByManyAtOnce_LosesNothing(string kind)
    {
        await using var any = await AnyStore.OpenAsync(kind, Token);
        await using var other = await any.OpenAnotherAsync(Token);
        var range = new BlockRange(13_130_000_000, 13_139_999_999, IsPrefix: false);
        await Task.WhenAll(Enumerable.Range(0, 12).Select(i => (i % 2 == 0 ? any.Store : other).Registry.ChangeBlocksAsync(
            [new BlockChange("acme", range, block => block.With(new BlockEntry { From = 10 + i, Until = 1_000 + i, Source = (uint)((2 * i) + 1) }))], Token)));
        Assert.Equal(12, (await other.Registry.ReadAsync(Token)).Blocks.Find("acme", range)!.Entries.Count);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task FirstRead_LongerThanItsLimit_GoesOnWithTheNext(string kind)
    {
        const int Count = 30_000;
        await using var any = await AnyStore.OpenAsync(kind, Token);
        await any.Store.Registry.ChangeBlocksAsync([.. Enumerable.Range(0, Count).Select(i => Record("*", Range(i), 1))], Token);
        await using var fresh = await any.OpenAnotherAsync(Token);
        var tries = 0;
        Registry? read = null;
        while (read is null)
        {
            Assert.True(++tries < 1_000);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
            // Far less than a read of all of them takes.
            limit.CancelAfter(TimeSpan.FromMilliseconds(Math.Max(1, tries / 4)));
            try
            {
                read = await fresh.Registry.ReadAsync(limit.Token);
            }
            catch (OperationCanceledException) when (!Token.IsCancellationRequested)
            {
            }
        }

        Assert.Equal(Count, read.Blocks.Count);
        Assert.Same(read, await fresh.Registry.ReadAsync(Token));
        await any.Store.Registry.ChangeBlocksAsync([Record("*", Range(Count), 1)], Token);
        Assert.Equal(Count + 1, (await fresh.Registry.ReadAsync(Token)).Blocks.Count);
    }

    [Fact]
    public async Task PartOfItLost_IsRefused_NotTakenForFewerBlocks()
    {
        await using var server = await RedisServer.StartAsync();
        await StoreAdmin.InitAsync(
            server.Options, new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, Partitions = 2, ExpectedFacts = 10_000 }, TimeProvider.System, Token);
        await using var store = await OpenAsync(server);
        await store.Registry.ChangeBlocksAsync([Record("acme", Range(1), 1), Record("*", Range(2), 1)], Token);
        await store.Registry.ChangeBlocksAsync([Record("acme", Range(3), 1)], Token);
        Assert.Equal(3, (await store.Registry.ReadAsync(Token)).Blocks.Count);
        await using var admin = await server.AdminAsync();
        var db = admin.GetDatabase();
        foreach (var key in (RedisKey[])[Keys.Blocks, Keys.BlockChanges])
        {
            foreach (var entry in await db.HashGetAllAsync(key))
            {
                await db.HashDeleteAsync(key, entry.Name);
                await using var fresh = await OpenAsync(server);
                Assert.Equal(StoreFault.Damaged, (await Assert.ThrowsAsync<StoreUnavailableException>(() => fresh.Registry.ReadAsync(Token))).Fault);
                Assert.Equal(StoreFault.Damaged, (await Assert.ThrowsAsync<StoreUnavailableException>(() => fresh.Maintenance.ProbeAsync(Token))).Fault);
                // The process that had the blocks notices with the next change.
                await db.HashSetAsync(key, entry.Name, entry.Value);
                Assert.Equal(3, (await fresh.Registry.ReadAsync(Token)).Blocks.Count);
            }
        }
    }

    [Fact]
    public async Task RestoredFromAnOlderCopy_IsRefused()
    {
        RedisKey[] all = [Keys.Manifest, Keys.Organisations, Keys.Snapshots, Keys.Credentials, Keys.Grants, Keys.Blocks, Keys.BlockChanges];
        await using var server = await RedisServer.StartAsync();
        await StoreAdmin.InitAsync(
            server.Options, new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, Partitions = 2, ExpectedFacts = 10_000 }, TimeProvider.System, Token);
        await using var store = await OpenAsync(server);
        await store.Registry.ChangeBlocksAsync([Record("acme", Range(1), 1)], Token);
        await using var admin = await server.AdminAsync();
        var db = admin.GetDatabase();
        var copy = await Task.WhenAll(all.Select(key => db.KeyDumpAsync(key)));
        await store.Registry.ChangeBlocksAsync([Record("acme", Range(2), 1)], Token);
        Assert.Equal(2, (await store.Registry.ReadAsync(Token)).Blocks.Count);
        for (var i = 0; i < all.Length; i++)
        {
            await db.KeyDeleteAsync(all[i]);
            if (copy[i] is { } dump)
            {
                await db.KeyRestoreAsync(all[i], dump);
            }
        }

        // Another process goes on with what there is: as many versions, but other ones.
        await using (var fresh = await OpenAsync(server))
        {
            await fresh.Registry.ChangeBlocksAsync([Record("acme", Range(3), 1)], Token);
        }

        Assert.Equal(StoreFault.RolledBack, (await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Registry.ReadAsync(Token))).Fault);
        await db.ExecuteAsync("FLUSHALL");
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Registry.ReadAsync(Token));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Registry.ChangeBlocksAsync([Record("acme", Range(4), 1)], Token));
    }

    private static Task<FactStore> OpenAsync(RedisServer server) => StoreAdmin.OpenAsync(server.Options, Sample.Cipher.KeyCheck, TimeProvider.System, CancellationToken.None);

    private static BlockRange Range(int i) => new((ulong)(13_130_000_000 + (i * 1_000L)), (ulong)(13_130_000_499 + (i * 1_000L)), IsPrefix: false);

    private static BlockChange Record(string organisation, BlockRange range, long from) =>
        new(organisation, range, block => block.With(new BlockEntry { From = from, Source = Person, Reason = "why; \"not\", é|%" }));

    private static BlockChange RandomChange(Random random)
    {
        var organisation = random.Next(3) switch { 0 => Scope.AllName, 1 => "acme", _ => "other" };
        var range = random.Next(5) == 0
            ? new BlockRange((ulong)random.Next(1_310, 1_330), 0, IsPrefix: true)
            : Range(random.Next(30));
        range = range.IsPrefix ? range with { Last = range.First } : range;
        var (from, source) = (random.Next(1, 100), (uint)random.Next(1, 9));
        return random.Next(4) switch
        {
            0 => new BlockChange(organisation, range, block => block.Without(new BlockRemoval(from + 50, 1, Person, "mistake"))),
            1 => new BlockChange(organisation, range, block => block.WithoutSources(new HashSet<uint> { source })),
            _ => new BlockChange(organisation, range, block => block.With(new BlockEntry { From = from, Until = from % 3 == 0 ? BlockEntry.Open : from + 40, Source = source, Reason = "a,b;c" })),
        };
    }

    private static void Check(Dictionary<(string Organisation, BlockRange Range), NumberBlock> model, BlockSet held, Random random)
    {
        Assert.Equal(model.Count, held.Count);
        foreach (var ((organisation, range), block) in model)
        {
            Assert.Equal(block.Entries, held.Find(organisation, range)!.Entries);
        }

        for (var i = 0; i < 50; i++)
        {
            var number = (ulong)(13_130_000_000 + random.Next(31_000));
            var (at, isNamed) = (random.Next(0, 200), random.Next(2) == 0);
            var name = random.Next(2) == 0 ? "acme" : "nobody";
            var wanted = model.Values.Any(block =>
                (block.Organisation == Scope.AllName || block.Organisation == name) && block.Range.Covers(number) && block.Forbids(at, isNamed));
            Assert.Equal(wanted, held.For(name)?.Find(number, at, isNamed) is not null);
        }
    }
}
