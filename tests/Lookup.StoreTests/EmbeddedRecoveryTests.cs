using System.Diagnostics;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Embedded;
using Lookup.Embedded.Engine;
using Lookup.Redis;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Store;

namespace Lookup.StoreTests;

/// <summary>What is in the folder of an embedded store after it ended, well or not.</summary>
public sealed class EmbeddedRecoveryTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lookup-embedded-").FullName;
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(3));

    private CancellationToken Token => _limit.Token;

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        _limit.Dispose();
    }

    [Theory]
    [InlineData(4, 256, 4_000)]
    [InlineData(4, 16, 40_000)]
    public async Task Killed_AtAnyMoment_LosesNoAcknowledgedFact(int writers, int logLimitMiB, int untilFacts)
    {
        var acknowledged = await KilledStore.WriteAsync(_folder, writers, logLimitMiB, untilFacts, Token);
        await using var store = await OpenAsync();
        for (var writer = 0; writer < writers; writer++)
        {
            for (var i = 0; i < acknowledged[writer]; i++)
            {
                var key = store.Cipher.Encrypt(new PhoneNumber(31_650_000_000UL + (ulong)((writer * 1_000_000) + i)));
                Assert.NotNull((await store.Reader.ReadAsync(key, new[] { Sample.ObjectionId() }, Token)).Values[0]);
            }
        }

        Assert.True((await store.Maintenance.ProbeAsync(Token)).Facts >= acknowledged.Sum());
        Assert.DoesNotContain(await StoreAdmin.DoctorAsync(
            new StoreOptions { ConnectionString = store.ConnectionString, WriteTimeoutMs = 30_000 }, store.Cipher.KeyCheck, TimeProvider.System, Token),
            f => f is { Level: FindingLevel.Fail, Name: "count" or "filter" or "feed" or "timeline" or "partition" });
        await store.Writer.WriteAsync([Sample.Objection(1)], Token);
    }

    [Fact]
    public async Task Closed_AndOpenedAgain_HasEverything()
    {
        ulong epoch;
        await using (var store = await OpenAsync())
        {
            epoch = store.Manifest.Epoch;
            await store.Writer.WriteAsync([Objection(store, 1, "one"), Objection(store, 2, null)], Token);
            await store.Registry.PutOrganisationAsync(new StoredOrganisation("acme", Core.Sector.Other, Core.Layers.Default), Token);
        }

        await using var again = await OpenAsync();
        Assert.Equal(epoch, again.Manifest.Epoch);
        Assert.Equal(2, (await again.Maintenance.ProbeAsync(Token)).Facts);
        Assert.Equal("one", Assert.Single((await again.Reader.ReadAllAsync(Objection(again, 1, null).Key, Token))[0].Details).Value);
        Assert.Single((await again.Registry.ReadAsync(Token)).Organisations);
    }

    [Fact]
    public async Task FolderInUse_SecondStart_IsRefused()
    {
        await using var store = await OpenAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(OpenAsync);
        await store.Writer.WriteAsync([Objection(store, 1, null)], Token);
    }

    [Fact]
    public async Task AnotherKey_IsRefused()
    {
        await using (await OpenAsync())
        {
        }

        var e = await Assert.ThrowsAsync<StoreUnavailableException>(
            () => EmbeddedStore.StartAsync(Options, new byte[32], TimeProvider.System, Token));
        Assert.Equal(StoreFault.WrongKey, e.Fault);
    }

    [Fact]
    public async Task KeyFile_IsMadeForItsOwnerAlone()
    {
        await using (await OpenAsync())
        {
        }

        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(_folder, "number.key")));
        }
    }

    [Fact]
    public async Task StoreFilesGone_IsNotAnEmptyStore()
    {
        await using (var store = await OpenAsync())
        {
            await store.Writer.WriteAsync([Objection(store, 1, null)], Token);
        }

        Directory.Delete(Path.Combine(_folder, "db"), recursive: true);
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(OpenAsync);
        Assert.Equal(StoreFault.NotInitialised, e.Fault);
    }

    [Fact]
    public async Task KeyFileGone_IsRefusedRatherThanReplaced()
    {
        await using (await OpenAsync())
        {
        }

        File.Delete(Path.Combine(_folder, "number.key"));
        await Assert.ThrowsAnyAsync<Exception>(OpenAsync);
        Assert.False(File.Exists(Path.Combine(_folder, "number.key")));
    }

    [Fact]
    public async Task InMemory_LeavesNothingBehind()
    {
        string folder;
        await using (var store = await EmbeddedStore.StartAsync(
            Options with { Folder = null }, null, TimeProvider.System, Token))
        {
            folder = store.Folder;
            await store.Writer.WriteAsync([Objection(store, 1, null)], Token);
            Assert.Equal(1, (await store.Maintenance.ProbeAsync(Token)).Facts);
        }

        Assert.False(Directory.Exists(folder));
    }

    [Fact]
    public async Task ManyWritesOfTheSameFacts_FolderStaysBounded()
    {
        // Each round changes the same timelines, so what is stored does not grow; the log would, by some 10 MB a round.
        const long Bound = 200_000_000;
        await using var store = await EmbeddedStore.StartAsync(
            Options with { LogLimitMiB = 16 }, null, TimeProvider.System, Token);
        for (var round = 0; round < 40; round++)
        {
            var facts = Enumerable.Range(0, 10_000).Select(i =>
            {
                var fact = Objection(store, i, null);
                return fact with { Entry = fact.Entry with { Effective = fact.Entry.Effective + round } };
            }).ToArray();
            await store.Writer.WriteAsync(facts, Token);
        }

        var since = Stopwatch.StartNew();
        long size;
        while ((size = SizeOf(_folder)) > Bound && since.Elapsed < TimeSpan.FromSeconds(30))
        {
            await Task.Delay(200, Token);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{size} bytes");
        Assert.True(size <= Bound, $"{size} bytes");
    }

    private static long SizeOf(string folder) =>
        new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Exists ? file.Length : 0);

    private EmbeddedOptions Options => new() { Folder = _folder, ExpectedFacts = 100_000, MemoryMiB = 256, ReadTimeoutMs = 10_000 };

    private Task<EmbeddedStore> OpenAsync() => EmbeddedStore.StartAsync(Options, null, TimeProvider.System, Token);

    private static StoredFact Objection(EmbeddedStore store, int number, string? detail) =>
        Sample.Objection(number, detail: detail) with { Key = store.Cipher.Encrypt(new PhoneNumber(31_650_000_000UL + (ulong)number)) };
}
