using System.Globalization;
using System.Text;
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Store;
using StackExchange.Redis;

namespace Lookup.StoreTests;

/// <summary>What no longer has to be kept is deleted from both kinds of store, and nothing else.</summary>
public sealed class RetentionTests
{
    private const int Numbers = 400;

    // In few enough partitions that each has facts that stay and some that go.
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeMilliseconds(Sample.Now);

    public static TheoryData<string> Kinds => AnyStore.Both;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Run_WhileOthersWrite_LeavesNothingThatHadToGo_AndAllThatHadToStay(string kind)
    {
        await using var any = await AnyStore.OpenAsync(kind, Token);
        var store = any.Store;
        var facts = Enumerable.Range(0, Numbers).SelectMany(Facts).ToList();
        // Another source asserts some of them too, so that they have claims.
        var imported = facts.Where((_, i) => i % 5 == 0).Select(fact => fact with { Entry = fact.Entry with { Source = 3 } });
        foreach (var chunk in facts.Concat(imported).Chunk(200))
        {
            await store.Writer.WriteAsync(chunk, Token);
        }

        var before = await DumpAsync(any);
        Assert.True(Count(before, "GONE") > Numbers / 2 && Count(before, "STAY") > Numbers / 2);
        var order = RetentionOrder.Create(RegimeSet.BuiltIn, Sample.Cipher, Now, dryRun: true);
        var due = await store.Maintenance.RetainAsync(order, _ => { }, Token);
        Assert.Equal(before, await DumpAsync(any));
        // Others write while it runs: about the same numbers, and about others.
        var writing = Task.Run(
            async () =>
            {
                for (var n = 0; n < Numbers; n += 4)
                {
                    await store.Writer.WriteAsync([Sample.Objection(n, organisation: "late", detail: Text("STAY late")), Sample.Objection(Numbers + n, organisation: "late")], Token);
                }
            },
            Token);
        var share = 0.0;
        var done = await store.Maintenance.RetainAsync(order with { DryRun = false }, value => share = value, Token);
        await writing;

        Assert.Equal(1.0, share);
        Assert.Equal(due, done);
        var model = facts.Where(IsDue).GroupBy(fact => (Country(fact), fact.Id.Kind)).ToDictionary(group => group.Key, group => (group.Count(), group.Min(fact => fact.Entry.Effective)));
        Assert.Equal(model, done.ToDictionary(count => (count.Country, count.Kind), count => ((int)count.Count, count.Oldest)));
        Assert.Empty(await store.Maintenance.RetainAsync(order with { DryRun = false }, _ => { }, Token));

        var expected = facts.Where(fact => !IsDue(fact)).ToLookup(fact => fact.Key);
        var emptied = new List<NumberPseudonym>();
        foreach (var key in facts.Select(fact => fact.Key).Distinct())
        {
            var left = await store.Reader.ReadAllAsync(key, Token);
            if (left.Count == 0)
            {
                emptied.Add(key);
            }

            Assert.Equal(
                expected[key].Select(fact => $"{fact.Id} {fact.Entry.Effective}").Order(StringComparer.Ordinal),
                left.Where(one => one.Details.Values.All(text => !text.Contains("late", StringComparison.Ordinal))).SelectMany(Versions).Order(StringComparer.Ordinal));
            Assert.All(left.SelectMany(one => one.Details.Values), text => Assert.Contains("STAY", text, StringComparison.Ordinal));
        }

        await any.CheckAsync(Token);
        var dump = await DumpAsync(any);
        Assert.Equal(0, Count(dump, "GONE"));
        Assert.Equal(Count(before, "STAY"), Count(dump, "STAY") - Count(dump, "STAY late"));
        // No value, text or claim is left of a number whose facts all had to go, and after the second run no trace in the feed but the newest change.
        Assert.True(emptied.Count > Numbers / 8);
        Assert.True(emptied.Count(key => dump.Contains(Hex(key), StringComparison.Ordinal)) <= store.Manifest.Partitions);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Run_StoppedAtAnyMoment_IsFinishedByTheNext(string kind)
    {
        await using var any = await AnyStore.OpenAsync(kind, Token);
        var facts = Enumerable.Range(0, Numbers).SelectMany(Facts).ToList();
        foreach (var chunk in facts.Chunk(200))
        {
            await any.Store.Writer.WriteAsync(chunk, Token);
        }

        var order = RetentionOrder.Create(RegimeSet.BuiltIn, Sample.Cipher, Now, dryRun: false);
        for (var stop = 0.0; stop < 1; stop += 0.13)
        {
            using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => any.Store.Maintenance.RetainAsync(
                order,
                share =>
                {
                    if (share > stop)
                    {
                        cancel.Cancel();
                    }
                },
                cancel.Token));
            await any.CheckAsync(Token);
        }

        await any.Store.Maintenance.RetainAsync(order, _ => { }, Token);
        Assert.Equal(0, Count(await DumpAsync(any), "GONE"));
        Assert.Equal(facts.Where(fact => !IsDue(fact)).Select(fact => (fact.Key, fact.Id)).Distinct().Count(), (await any.Store.Maintenance.ProbeAsync(Token)).Facts);
    }

    [Fact]
    public async Task Redis_FilesAfterTheRunAndARewrite_HoldNothingThatHadToGo()
    {
        await using var server = await RedisServer.StartAsync("--appendonly", "yes", "--rdbcompression", "no", "--maxmemory-policy", "noeviction");
        await StoreAdmin.InitAsync(server.Options, new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, Partitions = 2, ExpectedFacts = 10_000 }, TimeProvider.System, Token);
        await using (var store = await StoreAdmin.OpenAsync(server.Options, Sample.Cipher.KeyCheck, TimeProvider.System, Token))
        {
            foreach (var chunk in Enumerable.Range(0, Numbers).SelectMany(Facts).Chunk(200))
            {
                await store.Writer.WriteAsync(chunk, Token);
            }

            await RewriteAsync(server);
            Assert.Contains("GONE", Files(server), StringComparison.Ordinal);
            await store.Maintenance.RetainAsync(RetentionOrder.Create(RegimeSet.BuiltIn, Sample.Cipher, Now, dryRun: false), _ => { }, Token);
        }

        await RewriteAsync(server);
        var files = Files(server);
        Assert.DoesNotContain("GONE", files, StringComparison.Ordinal);
        Assert.Contains("STAY", files, StringComparison.Ordinal);
    }

    // Five years before Now is June 2021. Of each number, by its place: consents that expired, were withdrawn or permit, objections, attempts.
    private static IEnumerable<StoredFact> Facts(int number) => (number % 8) switch
    {
        0 => [Fact(number, FactKind.Consent, 2015, "GONE", until: 2016)],
        1 => [Fact(number, FactKind.Consent, 2015, "STAY", until: 2024)],
        2 => [Fact(number, FactKind.Consent, 2015, "GONE"), Fact(number, FactKind.Consent, 2016, "STAY", withdrawn: true)],
        3 => [Fact(number, FactKind.Objection, 2014, "STAY"), Fact(number, FactKind.Attempt, 2014, "GONE"), Fact(number, FactKind.Attempt, 2024, "STAY")],
        4 => [Fact(number, FactKind.Objection, 2014, "GONE"), Fact(number, FactKind.Objection, 2015, "GONE", withdrawn: true)],
        5 => [Fact(number, FactKind.Relation, 2013, "GONE", until: 2015), Fact(number, FactKind.Consent, 2013, "STAY")],
        6 => [Fact(number, FactKind.Refusal, 2013, "GONE"), Fact(number, FactKind.Registration, 2013, "STAY")],
        _ => [Fact(number, FactKind.Consent, 2015, "GONE", until: 2016), Fact(number, FactKind.Relation, 2014, "GONE", until: 2015)],
    };

    private static bool IsDue(StoredFact fact) => fact.Detail!.Contains("GONE", StringComparison.Ordinal);

    private static StoredFact Fact(int number, FactKind kind, int year, string word, int until = 0, bool withdrawn = false)
    {
        // Dutch and German numbers.
        var key = number % 3 == 0 ? Sample.Cipher.Encrypt(new PhoneNumber(4_915_100_000_000UL + (ulong)number)) : Sample.Key(number);
        var at = new DateTimeOffset(year, 1, 1 + (number % 20), 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();
        return new StoredFact(
            key,
            new FactId(kind, kind == FactKind.Consent ? (byte)Purpose.Commercial : kind == FactKind.Relation ? (byte)1 : (byte)0, Scope.FromName("acme")),
            new FactEntry
            {
                Effective = at,
                Recorded = (uint)(at / 1_000) + 60,
                Source = 2,
                Withdrawn = withdrawn,
                Until = until == 0 ? FactEntry.Open : new DateTimeOffset(until, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds(),
                Marks = kind == FactKind.Consent && !withdrawn ? FactMarks.Evidence : 0,
            },
            "acme",
            Text($"{word} {number} {year}"));
    }

    private static string Text(string words) => FactDetail.Write(words, null)!;

    private static string Country(StoredFact fact) =>
        RegimeSet.BuiltIn.Find(Sample.Cipher.Decrypt(fact.Key), Sample.Now)!.Retention!.Country;

    private static IEnumerable<string> Versions(StoredTimeline timeline)
    {
        var entries = new FactEntry[Timeline.MaxEntries];
        var count = Timeline.Read(timeline.Id.Kind, timeline.Value, entries, out _);
        return entries[..count].Select(entry => $"{timeline.Id} {entry.Effective}");
    }

    // Every key of the store with its content, bytes in hexadecimal, and texts as they are.
    private static async Task<string> DumpAsync(AnyStore any)
    {
        var text = new StringBuilder();
        await using var behind = await ConnectionMultiplexer.ConnectAsync(any.Options.ConnectionString + ",allowAdmin=true");
        var database = behind.GetDatabase();
        for (var p = 0; p < any.Store.Manifest.Partitions; p++)
        {
            foreach (var bucket in Enumerable.Range(0, NumberPseudonym.Buckets).Chunk(4_096))
            {
                foreach (var name in new Func<int, int, RedisKey>[] { Redis.Keys.Bucket, Redis.Keys.Details, Redis.Keys.Claims })
                {
                    var hashes = await Task.WhenAll(bucket.Select(async b => (Bucket: b, Entries: await database.HashGetAllAsync(name(p, b)))));
                    foreach (var (b, entries) in hashes)
                    {
                        foreach (var entry in entries.OrderBy(entry => Convert.ToHexString((byte[])entry.Name!)))
                        {
                            text.Append(CultureInfo.InvariantCulture, $"{b:x4}{Convert.ToHexStringLower((byte[])entry.Name!)} {Convert.ToHexStringLower((byte[])entry.Value!)} {Encoding.Latin1.GetString((byte[])entry.Value!)}\n");
                        }
                    }
                }
            }

            foreach (var change in await database.ListRangeAsync(Redis.Keys.Feed(p)))
            {
                text.Append(Convert.ToHexStringLower(((byte[])change!).AsSpan(8))).Append('\n');
            }
        }

        return text.ToString();
    }

    private static string Hex(NumberPseudonym key) => $"{key.Bucket:x4}{Convert.ToHexStringLower(Redis.Keys.Prefix(key))}";

    private static int Count(string dump, string word) => dump.Split(word).Length - 1;

    private static async Task RewriteAsync(RedisServer server)
    {
        await using var admin = await server.AdminAsync();
        var redis = admin.GetServer($"127.0.0.1:{server.Port}");
        await redis.ExecuteAsync("BGREWRITEAOF");
        while (await IsRewritingAsync())
        {
            await Task.Delay(20, Token);
        }

        await redis.ExecuteAsync("SAVE");

        async Task<bool> IsRewritingAsync()
        {
            var info = (await redis.ExecuteAsync("INFO", "persistence")).ToString()!;
            return !info.Contains("aof_rewrite_in_progress:0", StringComparison.Ordinal) || !info.Contains("aof_rewrite_scheduled:0", StringComparison.Ordinal);
        }
    }

    private static string Files(RedisServer server) => string.Concat(new DirectoryInfo(server.Folder).EnumerateFiles("*", SearchOption.AllDirectories)
        .Where(file => file.Length > 0)
        .Select(file =>
        {
            using var stream = new FileStream(file.FullName, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return Encoding.Latin1.GetString(bytes);
        }));
}
