using Lookup.Redis;
using Lookup.Redis.Imports;
using Lookup.Redis.Store;
using Lookup.Redis.Writing;
using StackExchange.Redis;

namespace Lookup.StoreTests;

/// <summary>Records of imports and their sources, on both kinds of store: pages, what goes by itself, and what versions before left.</summary>
public sealed class ImportRecordStoreTests
{
    private const long Hour = 3_600_000;

    private static readonly RevertOrder Order = new(DryRun: false, "tester", "");

    public static TheoryData<string> Kinds => AnyStore.Both;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task List_PageByPage_HasEachRecordOnceTheNewestFirst(string kind)
    {
        await using var any = await AnyStore.OpenAsync(kind, Token);
        var imports = any.Store.Imports;
        var ids = Enumerable.Range(0, 25).Select(i => $"202601{1 + (i / 5):00}-1200{i % 5:00}-{i * 997:x4}").ToList();
        foreach (var id in ids.OrderBy(id => id[^1]))
        {
            await imports.TryPutAsync(new StoredImport { Id = id, State = ImportState.Done, Recorded = 1, Register = id[7] == '1' ? "nl-bmnr" : "" }, Token);
        }

        var found = new List<string>();
        for (string? before = null; ; before = found[^1])
        {
            var page = await imports.ListAsync(before, 7, Token);
            found.AddRange(page.Select(import => import.Id));
            if (page.Count < 7)
            {
                break;
            }
        }

        var expected = ids.OrderDescending(StringComparer.Ordinal).ToList();
        Assert.Equal(expected, found);
        Assert.Equal(expected, (await imports.ListAsync(Token)).Select(import => import.Id));
        Assert.Equal(expected.Where(id => id[7] == '1'), (await imports.ListOfRegisterAsync("nl-bmnr", Token)).Select(import => import.Id));
        Assert.Empty(await imports.ListOfRegisterAsync("us-dnc", Token));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Put_RecordsThatRecordedNothing_GoAfterADayAndNoOthers(string kind)
    {
        await using var any = await AnyStore.OpenAsync(kind, Token);
        var imports = any.Store.Imports;
        StoredImport empty = new() { Id = "20260101-000000-0000", Form = 1, State = ImportState.Done, Touched = Hour, Refused = 3 };
        StoredImport[] kept =
        [
            empty with { Id = "20260101-000000-0001", Recorded = 1 },
            empty with { Id = "20260101-000000-0002", Unchanged = 1 },
            empty with { Id = "20260101-000000-0003", State = ImportState.BrokenOff, Announced = 1 },
            empty with { Id = "20260101-000000-0004", Register = "nl-bmnr" },
            // A version before wrote it, which told nothing of what it was about to do.
            empty with { Id = "20260101-000000-0005", Form = 0, State = ImportState.Running },
            empty with { Id = "20260101-000000-0006", Touched = 24 * Hour },
        ];
        StoredImport[] gone = [empty, empty with { Id = "20260101-000000-0007", State = ImportState.BrokenOff }, empty with { Id = "20260101-000000-0008", State = ImportState.Running }];
        foreach (var import in (IEnumerable<StoredImport>)[.. kept, .. gone])
        {
            Assert.NotNull(await imports.TryPutAsync(import, Token));
        }

        // One that goes on and records something stays.
        var goesOn = (await imports.TryPutAsync(empty with { Id = "20260101-000000-0009" }, Token))!;
        Assert.NotNull(await imports.TryPutAsync(goesOn with { Announced = 5 }, Token));
        Assert.Equal(kept.Length + gone.Length + 1, (await imports.ListAsync(Token)).Count);
        Assert.NotNull(await imports.TryPutAsync(empty with { Id = "20260102-000000-0000", Recorded = 1, Touched = 26 * Hour }, Token));
        Assert.Equal(
            kept.Select(import => import.Id).Append(goesOn.Id).Append("20260102-000000-0000").Order(),
            (await imports.ListAsync(Token)).Select(import => import.Id).Order());
    }

    [Fact]
    public async Task List_OfAStoreThatAVersionBeforeWrote_FindsAllAndGoesOn()
    {
        await using var server = await RedisServer.StartAsync();
        await using var store = await OpenAsync(server);
        var admin = (await server.AdminAsync()).GetDatabase();
        var ids = Enumerable.Range(0, 3_000).Select(i => $"20260101-{i / 3600:00}{i / 60 % 60:00}{i % 60:00}-{i % 0x10000:x4}").ToList();
        await admin.HashSetAsync(
            Keys.Imports, [.. ids.Select((id, i) => new HashEntry(id, $$"""{"id":"{{id}}","state":2,"recorded":1,"register":"{{(i % 1_000 == 0 ? "nl-bmnr" : "")}}"}"""))]);
        Assert.Equal(ids.AsEnumerable().Reverse(), (await store.Imports.ListAsync(Token)).Select(import => import.Id));
        Assert.Equal([ids[2_000], ids[1_000], ids[0]], (await store.Imports.ListOfRegisterAsync("nl-bmnr", Token)).Select(import => import.Id));

        // One that it writes while a newer version works on the store, too.
        await admin.HashSetAsync(Keys.Imports, "20260201-000000-0000", """{"id":"20260201-000000-0000","state":2,"recorded":1,"register":""}""");
        Assert.Equal("20260201-000000-0000", (await store.Imports.ListAsync(null, 1, Token))[0].Id);
    }

    // As versions before wrote them, with separators in actor and source alone.
    [Theory]
    [InlineData("form\u001fanna\u001fID", 7, true)]
    [InlineData("form\u001fx\u001fy\u001fID", 7, true)]
    [InlineData("form\u001fanna\u001fOTHER", 7, false)]
    [InlineData("form\u001fanna", 6, false)]
    [InlineData("form\u001fOTHER\u001fanna", 6, false)]
    public async Task Revert_SourcesThatAVersionBeforeWrote_AreThoseOfTheImport(string text, uint number, bool isOfIt)
    {
        await using var server = await RedisServer.StartAsync();
        await using var store = await OpenAsync(server);
        await PutOldAsync(server, text, number);
        await store.Writer.WriteAsync([Sample.Objection(1) with { Entry = Sample.Objection(1).Entry with { Source = number } }], Token);
        await store.Imports.TryPutAsync(new StoredImport { Id = Id, State = ImportState.Done, Recorded = 1 }, Token);
        var done = await store.Imports.RevertAsync(Id, Order, TimeProvider.System, _ => { }, Token);
        Assert.Equal(isOfIt ? 1 : 0, done.Revert!.Counts.Gone.Values.Sum());
        Assert.Equal(isOfIt ? 0 : 1, (await store.Maintenance.ProbeAsync(Token)).Facts);
    }

    [Theory]
    [InlineData("form\u001fanna\u001fID", 6)]
    [InlineData("form\u001fx\u001fy\u001fID", 6)]
    [InlineData("formID", 7)]
    public async Task Revert_ASourceThatMayOrMayNotBeOfTheImport_FailsLoudlyAndRevertsNothing(string text, uint number)
    {
        await using var server = await RedisServer.StartAsync();
        await using var store = await OpenAsync(server);
        await PutOldAsync(server, text, number);
        await store.Writer.WriteAsync([Sample.Objection(1) with { Entry = Sample.Objection(1).Entry with { Source = number } }], Token);
        await store.Imports.TryPutAsync(new StoredImport { Id = Id, State = ImportState.Done, Recorded = 1 }, Token);
        var refusal = await Assert.ThrowsAsync<ImportException>(() => store.Imports.RevertAsync(Id, Order, TimeProvider.System, _ => { }, Token));
        Assert.Contains($"Source {number} of the store may or may not belong to the import", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(1, (await store.Maintenance.ProbeAsync(Token)).Facts);
        Assert.Equal(ImportState.Done, (await store.Imports.FindAsync(Id, Token))!.State);
        // It is shown without what a terminal takes for its own.
        Assert.All((await store.Names.SourceAsync(number, Token))!.Source, one => Assert.False(char.IsControl(one)));
    }

    [Fact]
    public async Task SourceId_OfAPairThatAVersionBeforeWrote_IsTheSame()
    {
        await using var server = await RedisServer.StartAsync();
        await using var store = await OpenAsync(server);
        await PutOldAsync(server, "form\u001fanna", 6);
        await (await server.AdminAsync()).GetDatabase().HashSetAsync(Keys.Sources, "form\u001fanna", 6);
        Assert.Equal(6U, await store.Names.SourceIdAsync("form", "anna", Token));
        Assert.Equal(new StoredSource("form", "anna"), await store.Names.SourceAsync(6, Token));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task SourceId_AnyTexts_ReadAsTheyWereAndNoTwoAreOne(string kind)
    {
        await using var any = await AnyStore.OpenAsync(kind, Token);
        StoredSource[] all =
        [
            new("form", "anna"), new("form", "anna", Id), new("4:4:form", "anna"), new("1:2:a", "bc", Id), new("1", "2:a", Id), new("", "form"), new("form", ""),
            new("form\u001fanna", ""), new("form", "\u001fanna"), new("form", "anna\u001f" + Id), new("Zoë 👩‍👧", "ש"),
        ];
        var numbers = new List<uint>();
        foreach (var one in all)
        {
            numbers.Add(await any.Store.Imports.SourceIdAsync(one.Source, one.Actor, one.ImportId, Token));
        }

        Assert.Equal(all.Length, numbers.Distinct().Count());
        Assert.Equal(all.Count(one => one.ImportId.Length > 0), numbers.Count(number => number % 2 == 1));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task SourceId_MoreNewOnesThanTheBudget_AreRefusedAndKnownOnesAreNot(string kind)
    {
        await using var any = await AnyStore.OpenAsync(kind, Token);
        var budget = new SourceBudget("crm", 3);
        var first = await any.Store.Imports.SourceIdAsync("crm", "a", "", budget, Token);
        await any.Store.Imports.SourceIdAsync("crm", "b", "", budget, Token);
        await any.Store.Imports.SourceIdAsync("crm", "a", Id, budget, Token);
        await Assert.ThrowsAsync<TooManySourcesException>(() => any.Store.Imports.SourceIdAsync("crm", "c", "", budget, Token).AsTask());
        await Assert.ThrowsAsync<TooManySourcesException>(() => any.Store.Imports.SourceIdAsync("crm", "c", Id, budget, Token).AsTask());
        Assert.Equal(first, await any.Store.Imports.SourceIdAsync("crm", "a", "", budget, Token));
        // Others have budgets of their own, and what is known is nobody's.
        await any.Store.Imports.SourceIdAsync("crm", "c", "", budget with { Credential = "other" }, Token);
        await any.Store.Imports.SourceIdAsync("crm", "c", "", budget, Token);
        await any.Store.Imports.SourceIdAsync("crm", "d", "", null, Token);
    }

    // What a caller with an actor for each fact leaves: as many sources as facts. Written past the service, which would take hours.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Revert_HalfAMillionSources_WorksAndNoCommandReadsMoreThanAFewThousand(bool isListed)
    {
        const int Count = 500_000;
        const int Most = 2_048;
        await using var server = await RedisServer.StartAsync();
        await using var store = await OpenAsync(server);
        var connection = await server.AdminAsync();
        var admin = connection.GetDatabase();
        foreach (var chunk in Enumerable.Range(1, Count).Chunk(10_000))
        {
            HashEntry[] ids = [.. chunk.Select(i => new HashEntry((2 * i) + 1, isListed ? SourceText.Write(new StoredSource("crm", $"a{i}", Id)) : $"crm\u001fa{i}\u001f{Id}"))];
            await Task.WhenAll(
                admin.HashSetAsync(Keys.SourceIds, ids),
                admin.HashSetAsync(Keys.Sources, [.. ids.Select(entry => new HashEntry(entry.Value, entry.Name))]),
                isListed ? admin.SetAddAsync(Keys.ImportSources(Id), [.. ids.Select(entry => entry.Name)]) : Task.CompletedTask);
        }

        await admin.HashSetAsync(Keys.Manifest, "sources", Count);
        uint[] used = [3, Count + 1, (2 * Count) + 1];
        await store.Writer.WriteAsync([.. used.Select((source, i) => Sample.Objection(i) with { Entry = Sample.Objection(i).Entry with { Source = source } })], Token);
        await store.Imports.TryPutAsync(new StoredImport { Id = Id, Form = isListed ? 1 : 0, State = ImportState.Done, Recorded = 3 }, Token);
        await admin.ExecuteAsync("CONFIG", "SET", "slowlog-max-len", "1000000", "slowlog-log-slower-than", "0");
        await admin.ExecuteAsync("SLOWLOG", "RESET");

        var done = await store.Imports.RevertAsync(Id, Order, TimeProvider.System, _ => { }, Token);

        await admin.ExecuteAsync("CONFIG", "SET", "slowlog-log-slower-than", "-1");
        Assert.Equal(ImportState.Reverted, done.State);
        Assert.Equal(3, done.Revert!.Counts.Gone["objection"]);
        // Every command was logged: none reads all of what belongs to no partition, but for the registry, which holds the blocks.
        HashSet<string> registry = [.. new[] { Keys.Organisations, Keys.Snapshots, Keys.Credentials, Keys.Grants }.Select(key => (string)key!)];
        var commands = ((RedisResult[])(await admin.ExecuteAsync("SLOWLOG", "GET", "-1"))!)
            .Select(entry => ((string[])((RedisResult[])entry!)[3]!)).Where(arguments => arguments.Length > 1 && arguments[1].StartsWith("{lookup}:", StringComparison.Ordinal)).ToList();
        Assert.True(commands.Count > Count / Most / 2, $"{commands.Count} commands");
        Assert.DoesNotContain(commands, arguments => arguments[0].ToUpperInvariant() is "HGETALL" or "SMEMBERS" or "HVALS" or "HKEYS" && !registry.Contains(arguments[1]));
        Assert.All(
            commands.Where(arguments => arguments[0].EndsWith("SCAN", StringComparison.OrdinalIgnoreCase)),
            arguments => Assert.InRange(int.Parse(arguments[^1], System.Globalization.CultureInfo.InvariantCulture), 1, Most));
        await connection.DisposeAsync();
    }

    private const string Id = "20260101-000000-0001";

    private static async Task<FactStore> OpenAsync(RedisServer server)
    {
        await StoreAdmin.InitAsync(
            server.Options, new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, Partitions = 2, ExpectedFacts = 10_000 }, TimeProvider.System, Token);
        return await StoreAdmin.OpenAsync(server.Options with { WriteTimeoutMs = 30_000 }, Sample.Cipher.KeyCheck, TimeProvider.System, Token);
    }

    private static async Task PutOldAsync(RedisServer server, string text, uint number)
    {
        await using var connection = await server.AdminAsync();
        text = text.Replace("ID", Id, StringComparison.Ordinal).Replace("OTHER", "20250101-000000-0001", StringComparison.Ordinal);
        await connection.GetDatabase().HashSetAsync(Keys.SourceIds, number, text);
    }
}
