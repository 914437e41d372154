using Lookup.Core.Trail;
using Lookup.Redis;
using Lookup.Redis.Store;
using Lookup.Redis.Trail;

namespace Lookup.StoreTests;

public abstract partial class StoreContract
{
    [Fact]
    public async Task Trail_AppendedByManyProcessesAtOnce_IsOneChain()
    {
        const int Writers = 4;
        const int Each = 25;
        var appended = await Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(async () =>
        {
            await using var store = await StoreAdmin.OpenAsync(Options, Sample.Cipher.KeyCheck, TimeProvider.System, Token);
            var hashes = new List<AppendedEntry>();
            for (var i = 0; i < Each; i++)
            {
                hashes.Add(await store.Trail.AppendAsync(Entry("writer" + writer), Token));
            }

            return hashes;
        })));

        var check = new TrailCheck();
        var entries = new List<TrailEntry>();
        var hashes = new List<string>();
        foreach (var stored in await Store.Trail.ReadAsync(0, ITrailStore.MaxPage, Token))
        {
            entries.Add(check.Add(stored));
            hashes.Add(check.Newest);
        }

        Assert.Equal(Writers * Each, entries.Count);
        Assert.All(entries.GroupBy(entry => entry.Who), group => Assert.Equal(Each, group.Count()));
        Assert.All(appended.SelectMany(one => one), one => Assert.Equal(one.Hash, hashes[(int)one.Number]));
        Assert.Equal(entries[7..12].Select(entry => entry.Number), (await Store.Trail.ReadAsync(7, 5, Token)).Select(stored => TrailEntry.Read(stored).Number));
        Assert.Empty(await Store.Trail.ReadAsync(entries.Count, 10, Token));
    }

    [Fact]
    public async Task Trail_NewestEntryChangedBehindTheStore_IsContinuedWhereTheCheckFindsIt()
    {
        await Store.Trail.AppendAsync(Entry("anna"), Token);
        await Store.Trail.AppendAsync(Entry("anna"), Token);
        await using (var behind = await BehindAsync())
        {
            await behind.GetDatabase().ListTrimAsync("{lookup}:trail", 0, 0);
        }

        // What was removed is not written again: the number of the next entry is one that the receipts know with another hash.
        Assert.Equal(1, (await Store.Trail.AppendAsync(Entry("bert"), Token)).Number);
        await using (var behind = await BehindAsync())
        {
            await behind.GetDatabase().ListRightPushAsync("{lookup}:trail", "rubbish");
        }

        var refused = await Assert.ThrowsAsync<StoreUnavailableException>(() => Store.Trail.AppendAsync(Entry("anna"), Token));
        Assert.Equal(StoreFault.Damaged, refused.Fault);
    }

    private static TrailEntry Entry(string who) =>
        new() { Time = DateTimeOffset.UnixEpoch, Who = who, Kind = "grant", Act = "AddGrant", What = """{"organisation":"acme"}""" };
}
