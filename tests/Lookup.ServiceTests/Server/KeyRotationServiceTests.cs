using System.Collections.Concurrent;
using System.Security.Cryptography;
using Grpc.Core;
using Grpc.Health.V1;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Redis.Store;
using Lookup.Server.Receipts;
using Lookup.Server.Watch;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

/// <summary>'lookup rekey' rotates the encryption key while instances answer and record.</summary>
public sealed class KeyRotationServiceTests : IAsyncLifetime
{
    private const int BoundMs = 500;

    private readonly TempFolder _temp = new();
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(5));
    private readonly List<LookupServer> _servers = [];

    // What one instance records as of now must not be ahead for another.
    private readonly ShiftedClock _clock = new(ShiftedClock.Afternoon);
    private RedisServer _redis = null!;
    private byte[] _old = null!;
    private byte[] _new = null!;

    private CancellationToken Token => _limit.Token;

    private string KeyFile => _temp.PathOf("number.key");

    private string[] Rekey => ["rekey", "--redis", $"127.0.0.1:{_redis.Port}", "--key-file", KeyFile, "--bound", $"{BoundMs + 100}", "--share", "100", "--json"];

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisServer.StartAsync();
        string[] store = ["--redis", $"127.0.0.1:{_redis.Port}", "--key-file", KeyFile];
        Assert.Equal(0, (await CliRun.Async(["init", .. store, "--new-key", "--partitions", "2"])).ExitCode);
        var alone = await CliRun.Async(Rekey);
        Assert.Contains("The key file has only one encryption key", alone.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await CliRun.Async(["rekey", .. store, "--new-key"])).ExitCode);
        var keys = EncryptionKeyFile.Load(KeyFile);
        (_old, _new) = (keys[0], keys[1]);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers)
        {
            await server.DisposeAsync();
        }

        await _redis.DisposeAsync();
        _temp.Dispose();
        _limit.Dispose();
    }

    [Fact]
    public async Task Rekey_KilledWithNineUnderChecksWritesAndErasures_NoWrongAnswerNoRefusalAndNothingLost()
    {
        var one = await ServeAsync([_old, _new]);
        var two = await ServeAsync([_old, _new]);
        LookupServer[] both = [one, two];
        string[] permitted = [.. Enumerable.Range(0, 300).Select(_ => Samples.NewNumber())];
        string[] consented = [.. Enumerable.Range(0, 2_000).Select(_ => Samples.NewNumber())];
        foreach (var chunk in permitted.Concat(consented).Chunk(1_000))
        {
            await one.Facts.RecordFactsAsync(Samples.Record(chunk.Select(number => Samples.Consent(number))), cancellationToken: Token);
        }

        await UntilAllowedAsync(two, permitted[^1]);

        using var stop = new CancellationTokenSource();
        var objected = new ConcurrentQueue<(string Number, long At)>();
        var wrong = new ConcurrentQueue<string>();
        long checks = 0;
        using var watch = await WatchCall.OpenAsync(one);
        var told = new ConcurrentDictionary<string, bool>();
        var watching = WatchAsync();
        var writing = Task.Run(async () =>
        {
            var next = 0;
            while (!stop.IsCancellationRequested && next < consented.Length)
            {
                var number = consented[next];
                var (here, there) = next++ % 2 == 0 ? (one, two) : (two, one);
                var token = next % 10 == 0
                    ? (await here.Facts.EraseNumberAsync(new EraseNumberRequest { Number = number, Source = "call 4711", Actor = "anna", Reason = "asked" }, cancellationToken: Token)).ConsistencyToken
                    : (await here.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(number)), cancellationToken: Token)).ConsistencyToken;
                objected.Enqueue((number, Environment.TickCount64));
                var request = Samples.Check(number);
                request.Consistency = new Consistency { AtLeastAsFresh = token };
                Expect("with the token", number, Verdict.Deny, (await there.Lookup.CheckAsync(request, cancellationToken: Token)).Decision.Verdict);
                await Task.Delay(5, Token);
            }
        });
        var reading = both.SelectMany(server => Enumerable.Range(0, 2).Select(kind => Task.Run(() => ReadAsync(server, kind)))).ToArray();

        var killed = new List<string>();
        foreach (var stage in (string[])["/1", "/2", "/3"])
        {
            using var tool = ToolProcess.Start(Rekey);
            await using var admin = await _redis.AdminAsync();
            // Somewhere behind the begin of each stage.
            await UntilAsync(async () => tool.HasExited || ((string?)await admin.GetDatabase().HashGetAsync("{00}m", "e"))!.EndsWith(stage, StringComparison.Ordinal));
            await Task.Delay(100, Token);
            if (!tool.HasExited)
            {
                await tool.KillAsync();
                killed.Add(stage);
            }
        }

        var ended = await CliRun.Async(Rekey);
        // Everybody is at the new key alone for a while.
        await Task.Delay(2 * BoundMs, Token);
        await stop.CancelAsync();
        await Task.WhenAll([writing, .. reading]);
        await watching;

        Assert.Equal((0, ""), (ended.ExitCode, ended.Error));
        Assert.True(killed.Count >= 2, string.Join(' ', killed));
        Assert.Empty(wrong);
        Assert.True(objected.Count > 200, $"Only {objected.Count} were recorded.");
        Assert.True(checks > 1_000, $"Only {checks} checks.");
        Assert.All(objected, pair => Assert.True(told.ContainsKey(pair.Number), "The watch missed a number."));
        var third = await ServeAsync([_new]);
        foreach (var server in both.Append(third))
        {
            Assert.Equal(new NumberCipher(_new).KeyCheck, server.Cipher.KeyCheck);
            foreach (var (number, _) in objected)
            {
                Assert.Equal(Verdict.Deny, (await server.Lookup.CheckAsync(Samples.Check(number), cancellationToken: Token)).Decision.Verdict);
            }

            Assert.Equal(Verdict.Allow, (await server.Lookup.CheckAsync(Samples.Check(permitted[0]), cancellationToken: Token)).Decision.Verdict);
            Assert.Equal(0, (await Scrape.OfAsync(server)).Value("lookup_wrong_allows_total"));
        }

        void Expect(string how, string number, Verdict expected, Verdict found)
        {
            Interlocked.Increment(ref checks);
            if (expected != found)
            {
                wrong.Enqueue($"{how}: {found} instead of {expected} for {number}");
            }
        }

        async Task ReadAsync(LookupServer server, int kind)
        {
            var random = new Random(kind);
            ulong sequence = 0;
            while (!stop.IsCancellationRequested)
            {
                await Task.Delay(5, Token);
                // Acknowledged longer ago than the bound.
                var old = objected.Where(pair => Environment.TickCount64 - pair.At > BoundMs + 200).Select(pair => pair.Number).ToArray();
                var free = permitted[random.Next(permitted.Length)];
                var denied = old.Length > 0 ? old[random.Next(old.Length)] : null;
                if (kind == 0)
                {
                    var request = Samples.Check(free);
                    request.Consistency = random.Next(2) == 0 ? null : new Consistency { Exact = true };
                    Expect("check", free, Verdict.Allow, (await server.Lookup.CheckAsync(request, cancellationToken: Token)).Decision.Verdict);
                    if (denied is not null)
                    {
                        Expect("check", denied, Verdict.Deny, (await server.Lookup.CheckAsync(Samples.Check(denied), cancellationToken: Token)).Decision.Verdict);
                    }
                }
                else
                {
                    await using var stream = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = Samples.Question() });
                    string[] all = [free, .. old.TakeLast(50)];
                    var answer = await stream.AskTextsAsync(++sequence, all);
                    for (var i = 0; i < all.Length; i++)
                    {
                        Expect("stream", all[i], i == 0 ? Verdict.Allow : Verdict.Deny, answer.Verdicts[i]);
                    }
                }
            }
        }

        async Task WatchAsync()
        {
            // Heartbeats come while nothing changes, so this ends; what was acknowledged before is told before.
            var drained = 0;
            while (drained < 3)
            {
                var next = await watch.NextAsync();
                if (next.Change is { } change)
                {
                    told.TryAdd(change.Number, true);
                    drained = 0;
                }
                else if (stop.IsCancellationRequested)
                {
                    drained++;
                }
            }
        }
    }

    [Fact]
    public async Task Watch_FurtherInTheFeedOfTheNewKey_IsToldOfAWithdrawalLast()
    {
        var server = await ServeAsync([_old, _new]);
        using var before = new NumberCipher(_old);
        using var after = new NumberCipher(_new);
        // A stream looks into the first partition first.
        var number = Enumerable.Range(0, 1_000).Select(_ => Samples.NewNumber()).First(
            text => PhoneNumber.TryParse(text, out var parsed, out _) && before.Encrypt(parsed).Partition(2) == 1 && after.Encrypt(parsed).Partition(2) == 0);
        var behind = await TokenAsync();
        var consent = Samples.Consent(number);
        await server.Facts.RecordFactsAsync(Samples.Record(consent), cancellationToken: Token);

        // Facts are read by the new key and written under both.
        using var tool = ToolProcess.Start(Rekey);
        await UntilAsync(() => Task.FromResult(server.Cipher.KeyCheck == after.KeyCheck));
        await tool.KillAsync();
        var ahead = await TokenAsync();
        consent.Withdrawn = true;
        await server.Facts.RecordFactsAsync(Samples.Record(consent), cancellationToken: Token);

        using var watch = await WatchCall.OpenAsync(server, WatchPosition.Write(
            server.Store.Manifest.Epoch,
            [ahead.Token.VersionOf(0), behind.Token.VersionOf(1)],
            [ahead.MarkOf(0), behind.MarkOf(1)]));
        var token = watch.LastToken;
        var told = new List<(V1.Fact Fact, bool IsLast)>();
        while (told.Count < 8)
        {
            var next = await watch.NextAsync();
            if (next.Change is { Fact.Fact: { Consent: not null } fact })
            {
                told.Add((fact, next.ResumeToken != token));
            }

            token = next.ResumeToken;
        }

        // Of two purposes each: under the new key the withdrawal; under the old one the consent, what became of it, and the withdrawal.
        Assert.Equal(2, told.Count(one => !one.Fact.Withdrawn));
        for (var i = 0; i < told.Count; i++)
        {
            if (!told[i].Fact.Withdrawn)
            {
                Assert.True(told[i + 1].Fact.Withdrawn, "A consent that was withdrawn was told last.");
                Assert.Equal(told[i].Fact.Consent.Purposes, told[i + 1].Fact.Consent.Purposes);
                Assert.Equal((false, true), (told[i].IsLast, told[i + 1].IsLast));
            }
        }

        async Task<WatchPosition> TokenAsync()
        {
            using var call = await WatchCall.OpenAsync(server);
            Assert.True(WatchPosition.TryParse(call.LastToken, out var position, out var error), error);
            return position;
        }
    }

    [Fact]
    public async Task Rekey_InstanceWithoutTheNewKey_IsNotServingAndAnswersNothingFromHalfOfTheFacts()
    {
        var rich = await ServeAsync([_old, _new]);
        var poor = await ServeAsync([_old]);
        var (permitted, objected) = (Samples.NewNumber(), Samples.NewNumber());
        await rich.Facts.RecordFactsAsync(
            Samples.Record(Samples.Consent(permitted), Samples.Consent(objected), Samples.Objection(objected)), cancellationToken: Token);
        await UntilAllowedAsync(poor, permitted);

        using var tool = ToolProcess.Start(Rekey);
        await UntilAsync(async () => await HealthAsync(poor) == HealthCheckResponse.Types.ServingStatus.NotServing);
        while (!tool.HasExited)
        {
            await AssertRefusedAsync();
            Assert.Equal(Verdict.Allow, (await rich.Lookup.CheckAsync(Samples.Check(permitted), cancellationToken: Token)).Decision.Verdict);
        }

        Assert.Equal(0, (await tool.EndAsync()).ExitCode);
        await AssertRefusedAsync();
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, await HealthAsync(rich));
        Assert.Contains("encryption key", poor.Log.All, StringComparison.Ordinal);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => ServeAsync([_old]));

        async Task AssertRefusedAsync()
        {
            foreach (var number in (string[])[permitted, objected, Samples.NewNumber()])
            {
                var e = await Assert.ThrowsAsync<RpcException>(() => poor.Lookup.CheckAsync(Samples.Check(number), cancellationToken: Token).ResponseAsync);
                Assert.Equal(StatusCode.Unavailable, e.StatusCode);
                e = await Assert.ThrowsAsync<RpcException>(
                    () => poor.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(number)), cancellationToken: Token).ResponseAsync);
                Assert.Equal(StatusCode.Unavailable, e.StatusCode);
            }
        }
    }

    [Fact]
    public async Task Receipts_FromBeforeTheKeyWasChanged_AreFoundAndErasedWithTheOldKeyAtHand()
    {
        using var signing = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var number = Samples.NewNumber();
        using (var log = ReceiptLog.Open(_temp.PathOf("receipts"), signing, TimeProvider.System, 8_192))
        {
            var server = await ServeAsync([_old, _new], log);
            await server.Lookup.CheckAsync(Samples.Check(number), cancellationToken: Token);
            Assert.Equal(0, (await CliRun.Async(Rekey)).ExitCode);
            await UntilAsync(() => Task.FromResult(server.Cipher.KeyCheck == new NumberCipher(_new).KeyCheck));
            await server.Lookup.CheckAsync(Samples.Check(number), cancellationToken: Token);
            Assert.Equal(2, (await ListAsync(server)).Receipts.Count);
            _servers.Remove(server);
            await server.DisposeAsync();
        }

        // Offline, from the folder.
        using var keys = new NumberCipher([_old, _new]);
        PhoneNumber.TryFrom(ulong.Parse(number[1..], System.Globalization.CultureInfo.InvariantCulture), out var parsed, out _);
        Assert.Equal(2, new ReceiptFolder(_temp.PathOf("receipts")).ReceiptsOf(keys.EncryptWithAllKeys(parsed), 0, Token).Count());
        using (var log = ReceiptLog.Open(_temp.PathOf("receipts"), signing, TimeProvider.System, 8_192))
        {
            // Without the old key, half of them: they cannot be told from those of other numbers.
            var poor = await ServeAsync([_new], log);
            Assert.Single((await ListAsync(poor)).Receipts);
            _servers.Remove(poor);
            await poor.DisposeAsync();
        }

        using (var log = ReceiptLog.Open(_temp.PathOf("receipts"), signing, TimeProvider.System, 8_192))
        {
            var server = await ServeAsync([_new, _old], log);
            var erased = await server.Facts.EraseNumberAsync(new EraseNumberRequest { Number = number, Source = "call 4711", Actor = "anna", Reason = "asked" }, cancellationToken: Token);
            Assert.Equal(2U, erased.ErasedReceipts);
            // The erasure's own is left.
            Assert.Single((await ListAsync(server)).Receipts);
            _servers.Remove(server);
            await server.DisposeAsync();
        }

        async Task<ListReceiptsResponse> ListAsync(LookupServer server) =>
            await new ReceiptService.ReceiptServiceClient(server.Invoker).ListReceiptsAsync(new ListReceiptsRequest { Number = number }, cancellationToken: Token);
    }

    private async Task<LookupServer> ServeAsync(byte[][] keys, ReceiptLog? receipts = null)
    {
        var cipher = new NumberCipher(keys);
        var store = await StoreAdmin.OpenAsync(_redis.Options with { ReadTimeoutMs = 2_000 }, cipher, TimeProvider.System, Token);
        var server = await LookupServer.StartAsync(store, options => options.FreshnessBoundMs = BoundMs, receipts, clock: _clock, keys: cipher);
        _servers.Add(server);
        return server;
    }

    private async Task UntilAllowedAsync(LookupServer server, string number) => await UntilAsync(
        async () => (await server.Lookup.CheckAsync(Samples.Check(number), cancellationToken: Token)).Decision.Verdict == Verdict.Allow);

    private static async Task<HealthCheckResponse.Types.ServingStatus> HealthAsync(LookupServer server) =>
        (await new Health.HealthClient(server.Invoker).CheckAsync(new HealthCheckRequest())).Status;

    private async Task UntilAsync(Func<Task<bool>> condition)
    {
        while (!await condition())
        {
            await Task.Delay(20, Token);
        }
    }
}
