using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Following;
using Lookup.Server.Reading;

namespace Lookup.ServiceTests.Records;

public sealed class FactCacheTests
{
    private const int P = 0;

    private static readonly FactId[] Ids = [Sample.ObjectionId(), Sample.ObjectionId("other")];

    private readonly FactCache _cache = new(1, 1_000_000);

    public FactCacheTests() => _cache.Following(P, 10);

    [Fact]
    public void Find_Kept_GivesValuesAndAbsence()
    {
        Keep(1, version: 10);
        Assert.True(_cache.TryFind(P, Sample.Key(1), out var facts));
        var cursor = 0;
        Assert.True(facts.TryFind(Ids[1], ref cursor, out var other));
        Assert.True(other.IsNull);
        Assert.True(facts.TryFind(Ids[0], ref cursor, out var own));
        Assert.Equal([7, 7, 7], own.ToArray());
        Assert.False(facts.TryFind(Sample.ObjectionId("third"), ref cursor, out _));
        Assert.False(_cache.TryFind(P, Sample.Key(2), out _));
    }

    [Fact]
    public void Keep_ReadOlderThanAChangeThatWasTold_IsRefused()
    {
        var session = _cache.Session(P);
        Change(version: 12, number: 1);
        Keep(1, version: 11, session);
        Assert.False(_cache.TryFind(P, Sample.Key(1), out _));
        Keep(1, version: 12, session);
        Assert.True(_cache.TryFind(P, Sample.Key(1), out _));
    }

    [Fact]
    public void Keep_ReadOlderThanAWriteOfThisProcess_IsRefused()
    {
        var session = _cache.Session(P);
        _cache.Wrote(P, 12, Sample.Key(1), Ids[0]);
        Keep(1, version: 11, session);
        Assert.False(_cache.TryFind(P, Sample.Key(1), out _));
    }

    [Fact]
    public void Keep_PartitionLostAndFollowedSinceTheRead_IsRefusedWhateverItsVersion()
    {
        // The partition may have another history now, in which versions mean other changes.
        var session = _cache.Session(P);
        _cache.Lost(P);
        _cache.Following(P, 10);
        Keep(1, version: 1_000, session);
        Assert.False(_cache.TryFind(P, Sample.Key(1), out _));
    }

    [Fact]
    public void Keep_PartitionNotFollowed_IsRefused()
    {
        _cache.Lost(P);
        Keep(1, version: 1_000);
        Assert.False(_cache.TryFind(P, Sample.Key(1), out _));
        Assert.Equal(0, _cache.Count);
    }

    [Fact]
    public void Find_ChangedOrWrittenOrLost_FindsNothing()
    {
        for (var i = 1; i <= 3; i++)
        {
            Keep(i, version: 10);
        }

        Change(version: 11, number: 1);
        Assert.False(_cache.TryFind(P, Sample.Key(1), out _));
        Assert.True(_cache.TryFind(P, Sample.Key(2), out _));
        _cache.Wrote(P, 12, Sample.Key(2), Ids[0]);
        Assert.False(_cache.TryFind(P, Sample.Key(2), out _));
        Assert.True(_cache.TryFind(P, Sample.Key(3), out _));
        Assert.Equal(2, _cache.Invalidations);
        _cache.Lost(P);
        Assert.False(_cache.TryFind(P, Sample.Key(3), out _));
        _cache.Following(P, 12);
        Assert.False(_cache.TryFind(P, Sample.Key(3), out _));
        Keep(3, version: 12);
        Assert.True(_cache.TryFind(P, Sample.Key(3), out _));
        AssertCounted(_cache);
    }

    [Fact]
    public void Keep_OtherFactsOfTheNumber_JoinsWhatWasKnown()
    {
        Keep(1, version: 10);
        FactId[] third = [Sample.ObjectionId("third")];
        _cache.Keep(_cache.Session(P), P, 10, Sample.Key(1), third, [new byte[] { 3 }]);
        // Read again: the newer value counts.
        _cache.Keep(_cache.Session(P), P, 10, Sample.Key(1), Ids.AsSpan(0, 1), [new byte[] { 8, 8 }]);
        Assert.True(_cache.TryFind(P, Sample.Key(1), out var facts));
        var cursor = 0;
        Assert.True(facts.TryFind(third[0], ref cursor, out var value));
        Assert.Equal([3], value.ToArray());
        Assert.True(facts.TryFind(Ids[0], ref cursor, out value));
        Assert.Equal([8, 8], value.ToArray());
        Assert.True(facts.TryFind(Ids[1], ref cursor, out value));
        Assert.True(value.IsNull);
        Assert.Equal(1, _cache.Count);
        AssertCounted(_cache);
    }

    [Fact]
    public void Keep_MoreThanAnEntryTakes_KeepsWhatWasReadLast()
    {
        var large = new byte[1_500];
        for (var i = 0; i < 6; i++)
        {
            FactId[] id = [Sample.ObjectionId("organisation" + i)];
            _cache.Keep(_cache.Session(P), P, 10, Sample.Key(1), id, [large]);
            Assert.True(_cache.TryFind(P, Sample.Key(1), out var facts));
            var cursor = 0;
            Assert.True(facts.TryFind(id[0], ref cursor, out _));
            Assert.InRange(_cache.Bytes, 1, FactCache.MaxEntry);
        }

        _cache.Keep(_cache.Session(P), P, 10, Sample.Key(2), Ids.AsSpan(0, 1), [new byte[FactCache.MaxEntry]]);
        Assert.False(_cache.TryFind(P, Sample.Key(2), out _));
        AssertCounted(_cache);
    }

    [Fact]
    public void Off_KeepsNothing()
    {
        var off = new FactCache(1, 0);
        off.Following(P, 10);
        off.Keep(off.Session(P), P, 10, Sample.Key(1), Ids, [new byte[1], null]);
        off.Changed(P, [new FeedChange(11, Sample.Key(1), Ids[0], default)]);
        off.Wrote(P, 12, Sample.Key(1), Ids[0]);
        off.Lost(P);
        Assert.False(off.TryFind(P, Sample.Key(1), out _));
        Assert.Equal(0, off.Count);
    }

    [Theory]
    [InlineData(16)]
    [InlineData(1_500)]
    public async Task Keep_MoreThanFits_StaysWithinItsBytes(int size)
    {
        const int Limit = 2_000_000;
        const int Numbers = 100_000;
        var keys = Keys(Numbers);
        var cache = new FactCache(1, Limit);
        cache.Following(P, 0);
        await Task.WhenAll(Enumerable.Range(0, 2).Select(worker => Task.Run(() =>
        {
            for (var i = worker; i < Numbers; i += 2)
            {
                cache.Keep(cache.Session(P), P, 0, keys[i], Ids.AsSpan(0, 1), [new byte[size]]);
                // Each worker may be about to add one.
                Assert.InRange(cache.Bytes, 0, Limit + (2 * FactCache.MaxEntry));
            }
        })));
        // Room for large ones is made in the background.
        for (var i = 0; cache.Evictions == 0; i = (i + 1) % Numbers)
        {
            cache.Keep(cache.Session(P), P, 0, keys[i], Ids.AsSpan(0, 1), [new byte[size]]);
            await Task.Yield();
        }

        while (cache.IsMakingRoom)
        {
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }

        Assert.InRange(cache.Bytes, Limit / 2, Limit + (2 * FactCache.MaxEntry));
        AssertCounted(cache);
    }

    [Fact]
    public void Bytes_AllChanged_AreGivenBack()
    {
        for (var i = 0; i < 1_000; i++)
        {
            Keep(i, version: 10);
        }

        for (var i = 0; i < 1_000; i++)
        {
            Change(version: (ulong)(11 + i), number: i);
        }

        Assert.Equal(0, _cache.Bytes);
        Assert.Equal(0, _cache.Count);
    }

    [Fact]
    public void Note_ListAskedTwice_TellsTheSecondTime()
    {
        const int Numbers = 8_192;
        var asked = new Doorkeeper(Numbers);
        var keys = Keys(Numbers);
        Assert.InRange(keys.Count(k => asked.MarkSeen(k)), 0, 20);
        // A few came to a word with four others.
        Assert.InRange(keys.Count(k => asked.MarkSeen(k)), 0.9 * Numbers, Numbers);
    }

    [Fact]
    public void Counts_HitsMissesAndChanges_AreTold()
    {
        Keep(1, version: 10);
        _cache.CountLookups(3, 2);
        Change(version: 11, number: 1);
        Assert.Equal((3, 2, 0, 1), (_cache.Hits, _cache.Misses, _cache.Evictions, _cache.Invalidations));
    }

    private static NumberPseudonym[] Keys(int count) => [.. Enumerable.Range(0, count).Select(Sample.Key)];

    private static void AssertCounted(FactCache cache)
    {
        Assert.Equal(cache.Entries.Sum(e => (long)e.Bytes), cache.Bytes);
        Assert.Equal(cache.Entries.Count(), cache.Count);
    }

    private void Keep(int number, ulong version, int? session = null) =>
        _cache.Keep(session ?? _cache.Session(P), P, version, Sample.Key(number), Ids, [new byte[] { 7, 7, 7 }, null]);

    private void Change(ulong version, int number) =>
        _cache.Changed(P, [new FeedChange(version, Sample.Key(number), Ids[0], new byte[] { 9 })]);
}
