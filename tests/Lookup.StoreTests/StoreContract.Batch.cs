using Lookup.Core.Facts;
using Lookup.Redis;
using Lookup.Redis.Reading;
using StackExchange.Redis;

namespace Lookup.StoreTests;

/// <content>Reads of many numbers at once.</content>
public abstract partial class StoreContract
{
    [Fact]
    public async Task ReadBatch_ManyNumbers_IsWhatSingleReadsTell()
    {
        // Several facts of one number, several versions of one fact, numbers without facts, and one number twice.
        var facts = Enumerable.Range(0, 2_000)
            .SelectMany(i => Enumerable.Range(0, i % 4).Select(o => Sample.Objection(i, Sample.Now + (o * i % 7), organisation: "org" + o)))
            .Concat(Enumerable.Range(0, 500).Select(i => Sample.Objection(i * 4, Sample.Now + 50, organisation: "org1")))
            .ToArray();
        await Store.Writer.WriteAsync(facts, Token);
        var batch = new ReadBatch();
        for (var round = 0; round < 3; round++)
        {
            batch.Clear();
            var asked = Enumerable.Range(round, 2_000).Append(round)
                .Select(i => (Number: i, Ids: Enumerable.Range(0, (i + round) % 5).Select(o => Sample.ObjectionId("org" + o)).ToArray()))
                .ToArray();
            Assert.Equal(Enumerable.Range(0, asked.Length), asked.Select(a => batch.Add(Sample.Key(a.Number), a.Ids)));
            await Store.Reader.ReadAsync(batch, Token);

            Assert.Equal(asked.Length, batch.Count);
            for (var item = 0; item < asked.Length; item++)
            {
                var single = await Store.Reader.ReadAsync(Sample.Key(asked[item].Number), asked[item].Ids, Token);
                Assert.Null(batch.Fault(item));
                Assert.Equal((single.Partition, single.Version), batch.Position(item));
                Assert.Equal(single.Values, Enumerable.Range(0, asked[item].Ids.Length).Select(i => batch.Value(item, i).ToArray()));
            }
        }
    }

    [Fact]
    public async Task Read_ManyAtOnce_EachGetsWhatIsItsOwn()
    {
        var facts = Enumerable.Range(0, 1_000).Where(i => i % 3 != 0).Select(i => Sample.Objection(i, Sample.Now + i)).ToArray();
        await Store.Writer.WriteAsync(facts, Token);
        var reads = await Task.WhenAll(Enumerable.Range(0, 4_000).Select(i => Task.Run(
            async () => (Number: i % 1_000, Read: await Store.Reader.ReadAsync(Sample.Key(i % 1_000), new[] { Sample.ObjectionId() }, Token)))));
        var stored = facts.ToDictionary(fact => fact.Key);
        foreach (var (number, read) in reads)
        {
            var key = Sample.Key(number);
            Assert.Equal(key.Partition(Store.Manifest.Partitions), read.Partition);
            if (number % 3 == 0)
            {
                Assert.Null(read.Values[0]);
            }
            else
            {
                Assert.Equal(Timeline.Single(stored[key].Id.Kind, stored[key].Entry), read.Values[0]);
            }
        }
    }

    [Fact]
    public async Task Read_GivenUpByOne_IsAnsweredForTheOthers()
    {
        await Store.Writer.WriteAsync([Sample.Objection(1)], Token);
        using var gone = new CancellationTokenSource();
        var reads = Enumerable.Range(0, 200)
            .Select(i => Store.Reader.ReadAsync(Sample.Key(1), new[] { Sample.ObjectionId() }, i % 2 == 0 ? gone.Token : Token).AsTask()).ToArray();
        await gone.CancelAsync();
        for (var i = 1; i < reads.Length; i += 2)
        {
            Assert.NotNull((await reads[i]).Values[0]);
        }
    }

    [Fact]
    public async Task ReadBatch_Full_IsRefusedBeyondAndRead()
    {
        var batch = new ReadBatch();
        for (var i = 0; i < ReadBatch.MaxItems; i++)
        {
            batch.Add(Sample.Key(i), [Sample.ObjectionId()]);
        }

        Assert.Throws<InvalidOperationException>(() => batch.Add(Sample.Key(0), []));
        Assert.Throws<InvalidOperationException>(() => batch.Fault(0));
        await Store.Writer.WriteAsync([Sample.Objection(8_000)], Token);
        await Store.Reader.ReadAsync(batch, Token);
        Assert.All(
            Enumerable.Range(0, batch.Count), item => Assert.Equal(item != 8_000, batch.Value(item, 0).IsNull));
    }

    [Fact]
    public async Task ReadBatch_Empty_EndsAtOnce()
    {
        await Store.Reader.ReadAsync(new ReadBatch(), Token);
    }

    [Fact]
    public async Task ReadBatch_PartitionGone_IsAFaultOfItsNumbersAlone()
    {
        var facts = Enumerable.Range(0, 100).Select(i => Sample.Objection(i)).ToArray();
        await Store.Writer.WriteAsync(facts, Token);
        var lost = Sample.Key(1).Partition(Store.Manifest.Partitions);
        await using (var behind = await BehindAsync())
        {
            await behind.GetDatabase().KeyDeleteAsync(Keys.Meta(lost));
        }

        var batch = new ReadBatch();
        foreach (var fact in facts)
        {
            batch.Add(fact.Key, [fact.Id]);
        }

        await Store.Reader.ReadAsync(batch, Token);
        for (var item = 0; item < facts.Length; item++)
        {
            if (facts[item].Key.Partition(Store.Manifest.Partitions) == lost)
            {
                Assert.Equal(StoreFault.NotInitialised, batch.Fault(item)?.Fault);
                Assert.Throws<InvalidOperationException>(() => batch.Value(item, 0));
            }
            else
            {
                Assert.Null(batch.Fault(item));
                Assert.False(batch.Value(item, 0).IsNull);
            }
        }
    }

    [Fact]
    public async Task ReadBatch_ValuesOfOddLengths_AreNeverAbsent()
    {
        int[] lengths = [0, 1, Timeline.MaxSize, Timeline.MaxSize + 1, 5_000];
        await using (var behind = await BehindAsync())
        {
            for (var i = 0; i < lengths.Length; i++)
            {
                var key = Sample.Key(i);
                await behind.GetDatabase().HashSetAsync(
                    Keys.Bucket(key.Partition(Store.Manifest.Partitions), key.Bucket),
                    [new HashEntry(Keys.Field(key, Sample.ObjectionId()), new byte[lengths[i]])]);
            }
        }

        var batch = new ReadBatch();
        for (var i = 0; i < lengths.Length; i++)
        {
            batch.Add(Sample.Key(i), [Sample.ObjectionId(), Sample.ObjectionId("other")]);
        }

        await Store.Reader.ReadAsync(batch, Token);
        for (var i = 0; i < lengths.Length; i++)
        {
            Assert.False(batch.Value(i, 0).IsNull);
            Assert.Equal(lengths[i] > Timeline.MaxSize ? 0 : lengths[i], batch.Value(i, 0).Span.Length);
            Assert.True(batch.Value(i, 1).IsNull);
        }
    }

    /// <summary>The fault that every item of a read gets.</summary>
    private protected async Task<StoreFault?> BatchFaultAsync()
    {
        var batch = new ReadBatch();
        for (var i = 0; i < 50; i++)
        {
            batch.Add(Sample.Key(i), [Sample.ObjectionId()]);
        }

        await Store.Reader.ReadAsync(batch, Token);
        return Assert.Single(Enumerable.Range(0, batch.Count).Select(item => batch.Fault(item)?.Fault).Distinct());
    }
}
