using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Embedded;
using Lookup.Embedded.Engine;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Imports;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Reading;
using Lookup.Redis.Store;
using Lookup.Redis.Topology;
using Lookup.Redis.Writing;
using StackExchange.Redis;

namespace Lookup.StoreTests;

/// <summary>The encryption key of a store is rotated, on both kinds of stores.</summary>
public sealed class KeyRotationTests : IDisposable
{
    private const int Numbers = 400;

    private static readonly byte[] Old = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];
    private static readonly byte[] New = [.. Enumerable.Range(101, 32).Select(i => (byte)i)];
    private static readonly KeyRotationOptions Fast = new() { Bound = TimeSpan.FromMilliseconds(50), Notice = TimeSpan.Zero, WorkShare = 1 };

    private readonly NumberCipher _old = new(Old);
    private readonly NumberCipher _new = new(New);
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(4));

    public static TheoryData<string> Both => AnyStore.Both;

    private CancellationToken Token => _limit.Token;

    public void Dispose()
    {
        _limit.Dispose();
        _old.Dispose();
        _new.Dispose();
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Change_FactsTextsClaimsAndErasures_AreTheSameUnderTheNewKeyAndNothingIsLeftUnderTheOld(string kind)
    {
        await using var any = await StartAsync(kind);
        var (store, keys) = await any.OpenAsync(Old, New);
        var import = await store.Imports.SourceIdAsync("file", "ann", "20260101-000000-0001", Token);
        for (var n = 0; n < Numbers; n++)
        {
            await store.Writer.WriteAsync(
                [Objection(n, at: 1, detail: $"text {n}"), Objection(n, at: 2, withdrawn: true), Objection(n, at: 3, organisation: "other")], Token);
            if (n % 4 == 0)
            {
                await store.Writer.WriteAsync([Objection(n, at: 1) with { Entry = Objection(n, at: 1).Entry with { Source = import } }], Token);
            }
        }

        for (var n = 0; n < Numbers; n += 10)
        {
            await store.Writer.EraseAsync(_old.Encrypt(Number(n)), Objection(n, at: 9, organisation: "suppressed", detail: "erased"), Token);
        }

        var before = await AllAsync(store, _old);
        var result = await store.Maintenance.ChangeKeyAsync(_new.KeyCheck, Fast, (_, _) => { }, Token);

        Assert.Equal((await store.Maintenance.ProbeAsync(Token)).Facts, result.Copied);
        Assert.Equal(result.Copied, result.Removed);
        Assert.Equal(0, result.Compared);
        Assert.Equal(_new.KeyCheck, keys.KeyCheck);
        Assert.Equal(before, await AllAsync(store, _new));
        Assert.All(Enumerable.Range(0, Numbers), n => Assert.Equal(n % 10 == 0, before[n].Contains("erased", StringComparison.Ordinal)));
        // As old requests ask that were under way: what is written lands under the new key.
        await store.Writer.WriteAsync([Objection(1, at: 7, organisation: "late")], Token);
        Assert.Contains(" 7 ", string.Join(' ', await AllAsync(store, _new)), StringComparison.Ordinal);
        await AssertOnlyNewAsync(any, store);
        // It is over: again does nothing.
        Assert.Equal(new KeyRotationResult(0, 0, 0), await store.Maintenance.ChangeKeyAsync(_new.KeyCheck, Fast, (_, _) => { }, Token));
        await any.CheckAsync(store, Token);
        // What an import brought can be taken back, claims and all.
        await store.DisposeAsync();
        var (alone, _) = await any.OpenAsync(New);
        await using var opened = alone;
        Assert.Equal(_new.KeyCheck, alone.Manifest.KeyCheck);
        var first = await alone.Reader.ReadAllAsync(_new.Encrypt(Number(4)), Token);
        Assert.Contains(first, timeline => timeline.Details.Values.Contains("text 4"));
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Change_BrokenOffAtAnyPoint_IsGoneOnWithAndLosesNothing(string kind)
    {
        await using var any = await StartAsync(kind);
        var (store, keys) = await any.OpenAsync(Old, New);
        await using var open = store;
        await store.Writer.WriteAsync([.. Enumerable.Range(0, Numbers).Select(n => Objection(n, at: 1, detail: $"text {n}"))], Token);

        var random = new Random(1);
        var steps = new HashSet<KeyRotationStep>();
        var written = Numbers;
        for (var run = 0; ; run++)
        {
            Assert.True(run < 200, "It does not come to its end.");
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
            // Later from run to run, so that it gets to its end.
            var left = random.Next(1 + (run * 200));
            try
            {
                await store.Maintenance.ChangeKeyAsync(
                    _new.KeyCheck,
                    Fast,
                    (step, _) =>
                    {
                        steps.Add(step);
                        if (left-- == 0)
                        {
                            stop.Cancel();
                        }
                    },
                    stop.Token);
                break;
            }
            catch (Exception e) when (e is OperationCanceledException or StoreUnavailableException or KeyRotationException && stop.IsCancellationRequested)
            {
                // At whatever stage it is now, what is written counts.
                await store.Writer.WriteAsync([Objection(written, at: 1, detail: $"text {written}")], Token);
                written++;
            }
        }

        Assert.True(steps.Count >= 4, string.Join(' ', steps));
        var all = await AllAsync(store, _new, written);
        Assert.All(Enumerable.Range(0, written), n => Assert.Contains($"text {n}", all[n], StringComparison.Ordinal));
        await AssertOnlyNewAsync(any, store);
        await any.CheckAsync(store, Token);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Change_UnderWritersAndErasers_LosesNothingAndBringsNothingBack(string kind)
    {
        await using var any = await StartAsync(kind);
        var (store, _) = await any.OpenAsync(Old, New);
        await using var open = store;
        await store.Writer.WriteAsync([.. Enumerable.Range(0, Numbers).Select(n => Objection(n, at: 1))], Token);

        using var stop = new CancellationTokenSource();
        var acknowledged = new HashSet<int>[4];
        var erased = new bool[Numbers];
        var writers = Enumerable.Range(0, acknowledged.Length).Select(w => Task.Run(async () =>
        {
            var mine = acknowledged[w] = [];
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                var n = w + (acknowledged.Length * (i % (Numbers / acknowledged.Length)));
                if (i % 7 == 3)
                {
                    var stays = Objection(n, at: 5, organisation: "suppressed");
                    await store.Writer.EraseAsync(stays.Key, stays, Token);
                    erased[n] = true;
                    mine.Remove(n);
                }
                else if (!erased[n])
                {
                    await store.Writer.WriteAsync([Objection(n, at: 2, organisation: "more")], Token);
                    mine.Add(n);
                }
            }
        })).ToArray();
        // The numbers of the facts before and of the erased: what may be there is known for each at the end.
        await store.Maintenance.ChangeKeyAsync(_new.KeyCheck, Fast, (_, _) => { }, Token);
        await stop.CancelAsync();
        await Task.WhenAll(writers);

        Assert.Contains(true, erased);
        foreach (var mine in acknowledged)
        {
            foreach (var n in mine)
            {
                var read = await store.Reader.ReadAsync(_new.Encrypt(Number(n)), new[] { Id("more"), Id("acme") }, Token);
                Assert.All(read.Values, Assert.NotNull);
            }
        }

        for (var n = 0; n < Numbers; n++)
        {
            var read = await store.Reader.ReadAsync(_new.Encrypt(Number(n)), new[] { Id("acme"), Id("more"), Id("suppressed") }, Token);
            Assert.Equal((!erased[n], erased[n]), (read.Values[0] is not null, read.Values[2] is not null));
            Assert.False(erased[n] && read.Values[1] is not null, "What was erased is back.");
        }

        await AssertOnlyNewAsync(any, store);
        await any.CheckAsync(store, Token);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Change_WrittenOnceAtEachStep_IsReadAtTheEnd(string kind)
    {
        await using var any = await StartAsync(kind);
        var (store, _) = await any.OpenAsync(Old, New);
        await using var open = store;
        var written = 0;
        var last = (KeyRotationStep.Beginning, -1.0);
        await store.Maintenance.ChangeKeyAsync(
            _new.KeyCheck,
            Fast,
            (step, share) =>
            {
                // Also behind the last bucket of each pass, where nothing is copied any more.
                if (step == last.Item1 && share < 1 && share - last.Item2 < 0.3)
                {
                    return;
                }

                last = (step, share);
                store.Writer.WriteAsync([Objection(written, at: 1)], Token).GetAwaiter().GetResult();
                written++;
            },
            Token);

        Assert.True(written > 10, $"{written}");
        for (var n = 0; n < written; n++)
        {
            Assert.NotNull((await store.Reader.ReadAsync(_new.Encrypt(Number(n)), new[] { Id("acme") }, Token)).Values[0]);
        }
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Read_NumberEncryptedBeforeTheRotation_ReturnsItsFacts(string kind)
    {
        await using var any = await StartAsync(kind);
        var (store, _) = await any.OpenAsync(Old, New);
        await using var open = store;
        await store.Writer.WriteAsync([Objection(1, at: 1)], Token);
        await store.Maintenance.ChangeKeyAsync(_new.KeyCheck, Fast, (_, _) => { }, Token);

        var stale = _old.Encrypt(Number(1));
        Assert.NotNull((await store.Reader.ReadAsync(stale, new[] { Id("acme") }, Token)).Values[0]);
        var batch = new ReadBatch();
        batch.Add(stale, [Id("acme")]);
        await store.Reader.ReadAsync(batch, Token);
        Assert.False(batch.Value(0, 0).IsNull);
        Assert.Equal(_new.Encrypt(Number(1)), batch.Key(0));
    }

    [Fact]
    public async Task Copy_ReadBeforeAnErasureAndWrittenAfterIt_IsRefused()
    {
        await using var any = await StartAsync(AnyStore.Redis);
        var (store, _) = await any.OpenAsync(Old, New);
        await using var open = store;
        var fact = Objection(1, at: 1);
        await store.Writer.WriteAsync([fact], Token);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => store.Maintenance.ChangeKeyAsync(
            _new.KeyCheck,
            Fast,
            (step, _) =>
            {
                if (step == KeyRotationStep.Copying)
                {
                    stop.Cancel();
                }
            },
            stop.Token));
        var suppression = Objection(1, at: 5, organisation: "suppressed");
        await store.Writer.EraseAsync(suppression.Key, suppression, Token);

        // What one sends who read both before the erasure, when there was nothing under the new key yet.
        await using var behind = await ConnectionMultiplexer.ConnectAsync(any.Options.ConnectionString);
        var db = behind.GetDatabase();
        var key = _new.Encrypt(Number(1));
        var partition = key.Partition(2);
        string generations = (await db.HashGetAsync(Keys.Meta(partition), "g"))!;
        var generation = FilterGenerations.Parse(generations).All[0];
        var field = Keys.Field(key, fact.Id);
        Assert.Equal(-1, await CopyAsync(erasures: 0));
        Assert.False(await db.HashExistsAsync(Keys.Bucket(partition, key.Bucket), field));
        // Who counts it has read nothing that was erased.
        Assert.Equal(1, await CopyAsync(erasures: 1));

        async Task<int> CopyAsync(int erasures)
        {
            var arguments = new List<RedisValue>
            {
                $",{StoreManifestFormat.Epoch(store.Manifest.Epoch)}/1,", generations, 100, "", 1,
                6, field, "", Timeline.Single(fact.Id.Kind, fact.Entry), 0, erasures,
            };
            RedisWriter.AddBits(arguments, key, fact.Id, generation.Blocks);
            var answer = (RedisResult[])(await db.ScriptEvaluateAsync(
                Script.Copy,
                [
                    Keys.Meta(partition), Keys.Feed(partition), Keys.Counts(partition), Keys.Filter(partition, generation.Number),
                    Keys.Sums(partition, generation.Number), Keys.Bucket(partition, key.Bucket),
                ],
                [.. arguments]))!;
            return (int)answer[2];
        }
    }

    [Fact]
    public async Task Instance_WithTheOldKeyAlone_IsRefusedFromTheBeginAndForEver()
    {
        await using var any = await StartAsync(AnyStore.Redis);
        var (store, keys) = await any.OpenAsync(Old, New);
        await using var open = store;
        var (poor, _) = await any.OpenAsync(Old);
        await using var held = poor;
        await store.Writer.WriteAsync([Objection(1, at: 1)], Token);
        var seen = new HashSet<KeyRotationStep>();
        await store.Maintenance.ChangeKeyAsync(
            _new.KeyCheck,
            Fast,
            (step, _) =>
            {
                if (!seen.Add(step) || step == KeyRotationStep.Beginning)
                {
                    return;
                }
                // The partitions follow with the first step: before that it has all the facts.
                AssertRefused();
            },
            Token);
        Assert.Contains(KeyRotationStep.Copying, seen);
        AssertRefused();
        foreach (var key in (byte[][])[Old, new byte[32]])
        {
            Assert.Equal(StoreFault.WrongKey, (await Assert.ThrowsAsync<StoreUnavailableException>(() => any.OpenAsync(key))).Fault);
        }

        void AssertRefused()
        {
            foreach (var call in (Func<Task>[])
                [
                    () => poor.Reader.ReadAsync(_old.Encrypt(Number(1)), new[] { Id("acme") }, Token).AsTask(),
                    () => poor.Reader.ReadAllAsync(_old.Encrypt(Number(1)), Token),
                    () => poor.Writer.WriteAsync([Objection(2, at: 1)], Token),
                    () => poor.Writer.EraseAsync(_old.Encrypt(Number(1)), Objection(1, at: 2), Token),
                    () => poor.Registry.ReadAsync(Token),
                    () => poor.Maintenance.ProbeAsync(Token),
                    () => poor.Feed.PollAsync(new ulong?[2], Token),
                    () => poor.Feed.LoadFilterAsync(0, Token),
                    () => poor.Filters.RebuildAsync(0, new RebuildOptions(), _ => { }, Token),
                ])
            {
                var fault = Assert.Throws<StoreUnavailableException>(() => call().GetAwaiter().GetResult());
                Assert.Equal(StoreFault.WrongKey, fault.Fault);
            }
        }
    }

    [Fact]
    public async Task Stages_TwoApart_RefuseOneAnotherAndNeighboursAgree()
    {
        await using var any = await StartAsync(AnyStore.Redis);
        var (store, keys) = await any.OpenAsync(Old, New);
        await using var open = store;
        await store.Writer.WriteAsync([Objection(1, at: 1)], Token);
        // Each opened at one stage, and left there: none of them is asked for the registry, by which it would go on.
        var stages = new List<(NumberCipher Cipher, FactStore Store)>();
        var seen = new HashSet<KeyRotationStep>();
        await store.Maintenance.ChangeKeyAsync(
            _new.KeyCheck,
            Fast,
            (step, share) =>
            {
                if (step == KeyRotationStep.Comparing && share < 1)
                {
                    return;
                }

                if (seen.Add(step))
                {
                    var (opened, own) = any.OpenAsync(Old, New).GetAwaiter().GetResult();
                    stages.Add((own, opened));
                }

                foreach (var (cipher, one) in stages)
                {
                    var read = () => one.Reader.ReadAsync(cipher.Encrypt(Number(1)), new[] { Id("acme") }, Token).AsTask().GetAwaiter().GetResult();
                    try
                    {
                        Assert.NotNull(read().Values[0]);
                    }
                    catch (StoreUnavailableException e)
                    {
                        Assert.Equal(StoreFault.WrongKey, e.Fault);
                    }
                }
            },
            Token);
        foreach (var (cipher, one) in stages.Take(2))
        {
            // Those that read by the old key, when nothing is there any more.
            Assert.Equal(_old.KeyCheck, cipher.KeyCheck);
            await Assert.ThrowsAsync<StoreUnavailableException>(() => one.Reader.ReadAsync(cipher.Encrypt(Number(1)), new[] { Id("acme") }, Token).AsTask());
        }

        // A write goes on by itself.
        await stages[0].Store.Writer.WriteAsync([Objection(2, at: 1)], Token);
        Assert.Equal(_new.KeyCheck, stages[0].Cipher.KeyCheck);
        Assert.NotNull((await store.Reader.ReadAsync(_new.Encrypt(Number(2)), new[] { Id("acme") }, Token)).Values[0]);
        foreach (var (_, one) in stages)
        {
            await one.DisposeAsync();
        }
    }

    [Fact]
    public async Task Change_RedisKilledInTheMidst_IsGoneOnWithAndLosesNothing()
    {
        await using var any = await StartAsync(AnyStore.Redis, "--appendonly", "yes", "--appendfsync", "always");
        var (store, keys) = await any.OpenAsync(Old, New);
        await using var open = store;
        await store.Writer.WriteAsync([.. Enumerable.Range(0, Numbers).Select(n => Objection(n, at: 1, detail: $"text {n}"))], Token);

        for (var run = 0; run < 3; run++)
        {
            var calls = 0;
            await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Maintenance.ChangeKeyAsync(
                _new.KeyCheck,
                Fast,
                (step, _) =>
                {
                    if (step == KeyRotationStep.Copying && ++calls == 20)
                    {
                        any.Server!.KillAsync().GetAwaiter().GetResult();
                    }
                },
                Token));
            await any.Server!.RestartAsync();
            await UntilAsync(async () => (await store.Maintenance.ProbeAsync(Token)).Facts >= Numbers);
        }

        await store.Maintenance.ChangeKeyAsync(_new.KeyCheck, Fast, (_, _) => { }, Token);
        var all = await AllAsync(store, _new);
        Assert.All(Enumerable.Range(0, Numbers), n => Assert.Contains($"text {n}", all[n], StringComparison.Ordinal));
        await AssertOnlyNewAsync(any, store);
    }

    [Fact]
    public async Task Revert_WhileTheKeyIsChanged_IsRefusedAndOneBrokenOffBeforeBeginsAnew()
    {
        await using var any = await StartAsync(AnyStore.Redis);
        var (store, keys) = await any.OpenAsync(Old, New);
        await using var open = store;
        var session = await ImportSession.BeginAsync(store.Imports, new StoredImport { Id = "", Source = "file", Actor = "ann" }, TimeProvider.System, Token);
        var source = await session.SourceIdAsync("file", "ann", Token);
        await store.Writer.WriteAsync(
            [.. Enumerable.Range(0, Numbers).Select(n => Objection(n, at: 1)).Select(fact => fact with { Entry = fact.Entry with { Source = source } })], Token);

        await session.EndAsync(Token);
        // Far behind, as if killed near its end.
        var record = (await store.Imports.FindAsync(session.Id, Token))!;
        await store.Imports.TryPutAsync(
            record with { State = ImportState.Reverting, Revert = new StoredRevert { Begun = 1, Actor = "ann", Reason = "wrong", Partition = 1, Bucket = 65_280 } }, Token);
        var order = new RevertOrder(DryRun: false, "ann", "wrong");
        var refused = 0;
        await store.Maintenance.ChangeKeyAsync(
            _new.KeyCheck,
            Fast,
            (step, _) =>
            {
                if (step == KeyRotationStep.Copying && refused++ == 0)
                {
                    Assert.Throws<ImportException>(() => store.Imports.RevertAsync(session.Id, order, TimeProvider.System, _ => { }, Token).GetAwaiter().GetResult());
                }
            },
            Token);
        await store.Imports.RevertAsync(session.Id, order, TimeProvider.System, _ => { }, Token);

        Assert.True(refused > 0);
        Assert.Equal(0, (await store.Maintenance.ProbeAsync(Token)).Facts);
    }

    private static PhoneNumber Number(int n) => new(31_650_000_000UL + (ulong)n);

    private static FactId Id(string organisation) => Sample.ObjectionId(organisation);

    private static StoredFact Objection(int n, long at, bool withdrawn = false, string organisation = "acme", string? detail = null) =>
        Sample.Objection(n, at * 1_000, withdrawn, organisation, detail);

    // All that is known of each number, as text.
    private async Task<string[]> AllAsync(FactStore store, NumberCipher cipher, int count = Numbers)
    {
        var all = new string[count];
        var entries = new FactEntry[Timeline.MaxEntries];
        for (var n = 0; n < count; n++)
        {
            var timelines = await store.Reader.ReadAllAsync(cipher.Encrypt(Number(n)), Token);
            all[n] = string.Join(
                '\n',
                timelines.Select(timeline =>
                {
                    var found = Timeline.Read(timeline.Id.Kind, timeline.Value, entries, out _);
                    var times = string.Join(' ', entries.Take(found).Select(entry => $" {entry.Effective / 1_000} "));
                    return $"{timeline.Id} {times} {Convert.ToHexString(timeline.Value)} {string.Join(',', timeline.Details)}";
                }));
        }

        return all;
    }

    // Every field of every hash, every change of the feeds, and the filters.
    private async Task AssertOnlyNewAsync(ChangedStore any, FactStore store)
    {
        await using var behind = await ConnectionMultiplexer.ConnectAsync(any.Options.ConnectionString + ",allowAdmin=true");
        var db = behind.GetDatabase();
        long seen = 0;
        for (var p = 0; p < store.Manifest.Partitions; p++)
        {
            for (var bucket = 0; bucket < NumberPseudonym.Buckets; bucket += 4_096)
            {
                foreach (var kind in "btc")
                {
                    var names = Enumerable.Range(bucket, 4_096).ToArray();
                    var fields = await Task.WhenAll(names.Select(b => db.HashKeysAsync(Name(p, kind, b))));
                    for (var i = 0; i < names.Length; i++)
                    {
                        foreach (byte[]? field in fields[i])
                        {
                            Assert.True(_new.TryDecrypt(NumberPseudonym.FromField(names[i], field), out _), "Something is under the old key.");
                            seen++;
                        }
                    }
                }
            }

            foreach (byte[]? change in await db.ListRangeAsync($"{{{p:x2}}}f"))
            {
                Assert.True(_new.TryDecrypt(NumberPseudonym.FromField((change![8] << 8) | change[9], change.AsSpan(10)), out _), "A change is under the old key.");
            }
        }

        Assert.True(seen > 0);

        static RedisKey Name(int partition, char kind, int bucket) =>
            (byte[])[.. System.Text.Encoding.ASCII.GetBytes($"{{{partition:x2}}}{kind}:"), (byte)(bucket >> 8), (byte)bucket];
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        for (var i = 0; i < 200; i++)
        {
            try
            {
                if (await condition())
                {
                    return;
                }
            }
            catch (StoreUnavailableException)
            {
                // Not yet.
            }

            await Task.Delay(50, TestContext.Current.CancellationToken);
        }

        Assert.Fail("It did not get there.");
    }

    private async Task<ChangedStore> StartAsync(string kind, params string[] arguments) => kind == AnyStore.Embedded
        ? new ChangedStore(null, Directory.CreateTempSubdirectory("lookup-rekey-").FullName)
        : await ChangedStore.OnRedisAsync(_old.KeyCheck, arguments, Token);

    /// <summary>Where the store is; it can be opened with other keys.</summary>
    private sealed class ChangedStore(RedisServer? server, string? folder) : IAsyncDisposable
    {
        private EmbeddedStore? _embedded;

        internal RedisServer? Server => server;

        internal StoreOptions Options => server?.Options ?? RedisServer.Patient with { ConnectionString = _embedded!.ConnectionString };

        internal static async Task<ChangedStore> OnRedisAsync(string keyCheck, string[] arguments, CancellationToken cancellation)
        {
            var server = await RedisServer.StartAsync(arguments);
            await StoreAdmin.InitAsync(
                server.Options, new InitOptions { KeyCheck = keyCheck, Partitions = 2, ExpectedFacts = 10_000 }, TimeProvider.System, cancellation);
            return new ChangedStore(server, null);
        }

        internal async Task<(FactStore Store, NumberCipher Keys)> OpenAsync(params byte[][] keys)
        {
            if (server is not null)
            {
                var cipher = new NumberCipher(keys);
                return (await StoreAdmin.OpenAsync(server.Options, cipher, TimeProvider.System, TestContext.Current.CancellationToken), cipher);
            }

            var file = Path.Combine(folder!, "number.key");
            File.Delete(file);
            EncryptionKeyFile.Create(file);
            await File.WriteAllLinesAsync(file, keys.Select(Convert.ToHexStringLower), TestContext.Current.CancellationToken);
            _embedded = await EmbeddedStore.StartAsync(
                new EmbeddedOptions { Folder = folder, ExpectedFacts = 10_000, MemoryMiB = 64, Partitions = 2, ReadTimeoutMs = 10_000 }, null, TimeProvider.System, TestContext.Current.CancellationToken);
            return (_embedded, _embedded.Cipher);
        }

        internal async Task CheckAsync(FactStore store, CancellationToken cancellation)
        {
            var findings = await StoreAdmin.DoctorAsync(Options, store.EncryptionKeys.KeyCheck, TimeProvider.System, cancellation);
            Assert.DoesNotContain(
                findings, finding => finding is { Level: FindingLevel.Fail, Name: "count" or "filter" or "feed" or "timeline" or "partition" or "key" }
                    || finding.Name == "rekey");
            Assert.True(findings.Any(finding => finding is { Level: FindingLevel.Ok, Name: "facts" }), string.Join(Environment.NewLine, findings));
        }

        public async ValueTask DisposeAsync()
        {
            if (server is not null)
            {
                await server.DisposeAsync();
            }

            if (folder is not null)
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }
}
