using System.Security.Cryptography;
using Google.Rpc;
using Grpc.Core;
using Lookup.Core.Access;
using Lookup.Server.Access;
using Lookup.Server.Receipts;
using Lookup.ServiceTests.Server;
using Lookup.V1;

namespace Lookup.ServiceTests.Access;

/// <summary>Limits of a credential, second administrators, and walks through number ranges.</summary>
public sealed class LimitTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Requests_MoreThanTheLimit_AreExhaustedWithAdviceAndComeBack()
    {
        var clock = new SteppingClock();
        await using var guarded = await GuardedServer.StartAsync(clock: clock);
        var key = await guarded.KeyAsync(
            new Credential { CredentialId = "dialer", Kind = CredentialKind.ApiKey, RequestsPerSecond = 5 }, Roles.Check, GuardedServer.Own);
        var client = new LookupService.LookupServiceClient(guarded.As(key));
        var other = await guarded.KeyAsync("other", Roles.Check, GuardedServer.Own);
        clock.Stop();
        for (var i = 0; i < 5; i++)
        {
            // A second's worth is let in at once.
            await client.CheckAsync(Samples.Check(Samples.NewNumber()), cancellationToken: Token);
        }

        var refusal = await Assert.ThrowsAsync<RpcException>(() => client.CheckAsync(Samples.Check(Samples.NewNumber()), cancellationToken: Token).ResponseAsync);
        Assert.Equal(StatusCode.ResourceExhausted, refusal.StatusCode);
        var wait = refusal!.GetRpcStatus()!.GetDetail<RetryInfo>().RetryDelay.ToTimeSpan();
        Assert.InRange(wait, TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(1));
        clock.Advance(wait);
        await client.CheckAsync(Samples.Check(Samples.NewNumber()), cancellationToken: Token);
        await new LookupService.LookupServiceClient(guarded.As(other)).CheckAsync(Samples.Check(Samples.NewNumber()), cancellationToken: Token);
    }

    [Fact]
    public async Task Streams_MoreThanTheLimit_AreExhaustedAndLongChunksInvalid()
    {
        await using var guarded = await GuardedServer.StartAsync();
        var key = await guarded.KeyAsync(
            new Credential { CredentialId = "list", Kind = CredentialKind.ApiKey, MaxStreams = 1, MaxChunk = 2 }, Roles.Check, GuardedServer.Own);
        using (var first = await OpenAsync())
        {
            await SendAsync(first, 1, 31612345678, 31612345679);
            Assert.True(await first.ResponseStream.MoveNext(Token));
            using var second = await OpenAsync();
            var full = await Assert.ThrowsAsync<RpcException>(() => second.ResponseStream.MoveNext(Token));
            Assert.Equal(StatusCode.ResourceExhausted, full.StatusCode);
            Assert.NotNull(full.GetRpcStatus()!.GetDetail<RetryInfo>());

            await SendAsync(first, 2, 31612345678, 31612345679, 31612345680);
            var chunk = await Assert.ThrowsAsync<RpcException>(() => first.ResponseStream.MoveNext(Token));
            Assert.Equal(StatusCode.InvalidArgument, chunk.StatusCode);
            Assert.Contains("must be 1 to 2", chunk.Status.Detail, StringComparison.Ordinal);
        }

        using var again = await OpenAsync();
        await SendAsync(again, 1, 31612345678);
        Assert.True(await again.ResponseStream.MoveNext(Token));

        async Task<AsyncDuplexStreamingCall<CheckStreamRequest, CheckStreamResponse>> OpenAsync()
        {
            var call = new LookupService.LookupServiceClient(guarded.As(key)).CheckStream(cancellationToken: Token);
            await call.RequestStream.WriteAsync(new CheckStreamRequest { Open = new CheckStreamOpen { Question = Samples.Question() } }, Token);
            return call;
        }

        static Task SendAsync(AsyncDuplexStreamingCall<CheckStreamRequest, CheckStreamResponse> call, ulong sequence, params IEnumerable<ulong> numbers) =>
            call.RequestStream.WriteAsync(
                new CheckStreamRequest { Chunk = new CheckStreamChunk { Sequence = sequence, Numbers = { numbers } } }, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task RevertImport_Large_NeedsTwoAdministrators()
    {
        await using var guarded = await GuardedServer.StartAsync(configure: options => options.RevertApprovalFacts = 2);
        var writer = await guarded.KeyAsync("writer", Roles.Write, "*");
        var anna = await guarded.KeyAsync("anna", Roles.Admin);
        var bert = await guarded.KeyAsync("bert", Roles.Admin);
        var small = await ImportAsync(2);
        var large = await ImportAsync(3);

        Assert.Null(await RevertAsync(anna, small));
        Assert.Null(await RevertAsync(anna, large, dryRun: true));
        Assert.Equal("SECOND_ADMINISTRATOR_NEEDED", await RevertAsync(anna, large));
        Assert.Equal("SECOND_ADMINISTRATOR_NEEDED", await RevertAsync(anna, large));
        // One that anna made for it is not another administrator.
        var cat = await guarded.KeyAsync("cat", Roles.Admin);
        Assert.Equal("SECOND_ADMINISTRATOR_NEEDED", await RevertAsync(cat, large));
        Assert.Null(await RevertAsync(bert, large));

        var stolen = await ImportAsync(3);
        Assert.Equal("SECOND_ADMINISTRATOR_NEEDED", await RevertAsync(anna, stolen));
        await guarded.Keeper.RevokeAsync(new RevokeCredentialRequest { CredentialId = "anna" }, Token);
        await guarded.FollowAsync();
        Assert.Equal("SECOND_ADMINISTRATOR_NEEDED", await RevertAsync(bert, stolen));

        async Task<string> ImportAsync(int count)
        {
            using var call = new FactService.FactServiceClient(guarded.As(writer)).ImportFacts(cancellationToken: Token);
            await call.RequestStream.WriteAsync(
                new ImportFactsRequest { Sequence = 1, Facts = { Enumerable.Range(0, count).Select(_ => Samples.Objection(Samples.NewNumber())) } }, Token);
            Assert.True(await call.ResponseStream.MoveNext(Token));
            var id = call.ResponseStream.Current.ImportId;
            await call.RequestStream.CompleteAsync();
            Assert.False(await call.ResponseStream.MoveNext(Token));
            return id;
        }

        async Task<string?> RevertAsync(string key, string id, bool dryRun = false)
        {
            try
            {
                using var call = new ImportService.ImportServiceClient(guarded.As(key)).RevertImport(
                    new RevertImportRequest { ImportId = id, DryRun = dryRun }, cancellationToken: Token);
                while (await call.ResponseStream.MoveNext(Token))
                {
                }

                return null;
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.FailedPrecondition)
            {
                return e.GetRpcStatus()?.GetDetail<ErrorInfo>()?.Reason;
            }
        }
    }

    [Fact]
    public async Task RevertImport_SecondAdministratorTooLate_IsAFirstOneAgain()
    {
        var clock = new SteppedClock();
        await using var guarded = await GuardedServer.StartAsync(clock: clock);
        var (anna, bert) = (await guarded.KeyAsync("anna", Roles.Admin), await guarded.KeyAsync("bert", Roles.Admin));
        var import = (await guarded.Server.Store.Imports.TryPutAsync(
            new Lookup.Redis.Imports.StoredImport { Id = "20240101-000000-0000", State = Redis.Imports.ImportState.Done, Recorded = 20_000 }, Token))!;
        await RefusedAsync(anna);
        clock.Advance(TimeSpan.FromMinutes(61));
        await RefusedAsync(bert);
        // So the first one is the second now.
        using var call = Revert(anna);
        while (await call.ResponseStream.MoveNext(Token))
        {
        }

        async Task RefusedAsync(string key)
        {
            using var refused = Revert(key);
            Assert.Equal(StatusCode.FailedPrecondition, (await Assert.ThrowsAsync<RpcException>(() => refused.ResponseStream.MoveNext(Token))).StatusCode);
        }

        AsyncServerStreamingCall<RevertImportResponse> Revert(string key) =>
            new ImportService.ImportServiceClient(guarded.As(key)).RevertImport(new RevertImportRequest { ImportId = import.Id }, cancellationToken: Token);
    }

    [Fact]
    public async Task Import_OfAnotherCredential_CannotBeContinued()
    {
        await using var guarded = await GuardedServer.StartAsync();
        var (one, two) = (await guarded.KeyAsync("one", Roles.Write, "*"), await guarded.KeyAsync("two", Roles.Write, "*"));
        string id;
        using (var call = new FactService.FactServiceClient(guarded.As(one)).ImportFacts(cancellationToken: Token))
        {
            await call.RequestStream.WriteAsync(new ImportFactsRequest { Sequence = 1, Facts = { Samples.Objection(Samples.NewNumber()) } }, Token);
            Assert.True(await call.ResponseStream.MoveNext(Token));
            id = call.ResponseStream.Current.ImportId;
        }

        Assert.Equal("IMPORT_OF_ANOTHER", await ContinueAsync(two));
        Assert.Null(await ContinueAsync(one));

        async Task<string?> ContinueAsync(string key)
        {
            while (true)
            {
                using var call = new FactService.FactServiceClient(guarded.As(key)).ImportFacts(cancellationToken: Token);
                await call.RequestStream.WriteAsync(
                    new ImportFactsRequest
                    {
                        Sequence = 1,
                        Import = new ImportDescription { ImportId = id },
                        Facts = { Samples.Objection(Samples.NewNumber()) },
                    },
                    Token);
                try
                {
                    Assert.True(await call.ResponseStream.MoveNext(Token));
                    return null;
                }
                catch (RpcException e) when (e.StatusCode == StatusCode.FailedPrecondition)
                {
                    if (e.GetRpcStatus()?.GetDetail<ErrorInfo>()?.Reason is { } reason)
                    {
                        return reason;
                    }
                    // It is not noticed yet that the first one has ended.
                    await Task.Delay(20, Token);
                }
            }
        }
    }

    [Fact]
    public async Task Walk_ThroughARange_IsCountedAndLoggedWithoutTheNumber()
    {
        await using var guarded = await GuardedServer.StartAsync(configure: options => options.EnumerationNumbers = 64);
        var walker = await guarded.KeyAsync("walker", Roles.Check, GuardedServer.Own);
        var dialer = await guarded.KeyAsync("dialer", Roles.Check, GuardedServer.Own);
        var (walks, dials) = (new LookupService.LookupServiceClient(guarded.As(walker)), new LookupService.LookupServiceClient(guarded.As(dialer)));
        for (var i = 0; i < 100; i++)
        {
            await walks.CheckAsync(Samples.Check($"+3165554{i:0000}"), cancellationToken: Token);
            await dials.CheckAsync(Samples.Check($"+316{10_000_000 + (i * 77_777)}"), cancellationToken: Token);
        }

        using var list = walks.CheckStream(cancellationToken: Token);
        await list.RequestStream.WriteAsync(new CheckStreamRequest { Open = new CheckStreamOpen { Question = Samples.Question() } }, Token);
        await list.RequestStream.WriteAsync(
            new CheckStreamRequest { Chunk = new CheckStreamChunk { Sequence = 1, Numbers = { Enumerable.Range(0, 200).Select(i => 31657700000UL + (ulong)i) } } }, Token);
        Assert.True(await list.ResponseStream.MoveNext(Token));

        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        request.Headers.Authorization = new("Bearer", await guarded.KeyAsync("admin", Roles.Admin));
        using var response = await guarded.Server.Http.SendAsync(request, Token);
        var metrics = await response.Content.ReadAsStringAsync(Token);
        Assert.Contains("lookup_enumerations_total{credential=\"walker\"} 2", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("lookup_enumerations_total{credential=\"dialer\"}", metrics, StringComparison.Ordinal);
        Assert.Contains("credential walker enumerates number ranges", guarded.Server.Log.All, StringComparison.Ordinal);
        Assert.DoesNotContain("65554", guarded.Server.Log.All, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("upwards")]
    [InlineData("downwards")]
    [InlineData("shuffled")]
    [InlineData("among others")]
    [InlineData("steps of four")]
    public void IsWalk_NumbersOfARange_AreOneInAnyOrder(string order)
    {
        var random = new Random(7);
        var numbers = Enumerable.Range(0, 1_024).Select(i => 31_612_000_000UL + (ulong)i).ToArray();
        switch (order)
        {
            case "downwards":
                Array.Reverse(numbers);
                break;
            case "shuffled":
                random.Shuffle(numbers);
                break;
            case "among others":
                numbers = [.. numbers, .. Enumerable.Range(0, 7_168).Select(_ => 31_600_000_000UL + (ulong)random.NextInt64(99_999_999))];
                random.Shuffle(numbers);
                break;
            case "steps of four":
                numbers = [.. numbers.Select(number => 31_612_000_000UL + ((number - 31_612_000_000UL) * 4))];
                break;
            default:
                break;
        }

        Assert.True(EnumerationDetector.IsEnumeration(numbers, 256));
    }

    [Fact]
    public void IsWalk_ListsThatPeopleHave_AreNone()
    {
        var random = new Random(7);
        var list = Enumerable.Range(0, 8_192).Select(_ => 31_600_000_000UL + (ulong)random.NextInt64(99_999_999)).ToArray();
        Assert.False(EnumerationDetector.IsEnumeration(list, 256));
        Array.Sort(list);
        Assert.False(EnumerationDetector.IsEnumeration(list, 256));
        Assert.False(EnumerationDetector.IsEnumeration(Enumerable.Repeat(31_612_345_678UL, 8_192).ToArray(), 256));
        Assert.False(EnumerationDetector.IsEnumeration([], 256));
        Assert.False(EnumerationDetector.IsEnumeration(Enumerable.Range(0, 200).Select(i => 31_612_000_000UL + (ulong)i).ToArray(), 256));
    }

    [Fact]
    public async Task Walk_ByTextsDownwardsOrByReceipts_IsCounted()
    {
        using var temp = new TempFolder();
        using var signing = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var log = ReceiptLog.Open(temp.PathOf("receipts"), signing, TimeProvider.System);
        await using var guarded = await GuardedServer.StartAsync(configure: options => options.EnumerationNumbers = 64, receipts: log);
        var texts = await guarded.KeyAsync("by-texts", Roles.Check, GuardedServer.Own);
        var lists = await guarded.KeyAsync("by-receipts", Roles.Check, GuardedServer.Own);
        using var list = new LookupService.LookupServiceClient(guarded.As(texts)).CheckStream(cancellationToken: Token);
        await list.RequestStream.WriteAsync(new CheckStreamRequest { Open = new CheckStreamOpen { Question = Samples.Question(), DefaultRegion = "NL" } }, Token);
        await list.RequestStream.WriteAsync(
            new CheckStreamRequest { Chunk = new CheckStreamChunk { Sequence = 1, Texts = { Enumerable.Range(0, 100).Select(i => $"06 - 1234 5{999 - i:000}") } } }, Token);
        Assert.True(await list.ResponseStream.MoveNext(Token));
        var receipts = new ReceiptService.ReceiptServiceClient(guarded.As(lists));
        for (var i = 0; i < 100; i++)
        {
            await receipts.ListReceiptsAsync(new ListReceiptsRequest { Number = $"+3165554{i:0000}" }, cancellationToken: Token);
        }

        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        request.Headers.Authorization = new("Bearer", await guarded.KeyAsync("prometheus", Roles.Observe));
        using var response = await guarded.Server.Http.SendAsync(request, Token);
        var metrics = await response.Content.ReadAsStringAsync(Token);
        Assert.Contains("lookup_enumerations_total{credential=\"by-texts\"} 1", metrics, StringComparison.Ordinal);
        Assert.Contains("lookup_enumerations_total{credential=\"by-receipts\"} 1", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public void EnumerationDetector_EnumerationAmongOtherNumbers_IsReportedOnceAndOthersAreNot()
    {
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        var detector = new EnumerationDetector();
        const ulong Begin = 31_612_000_000 / EnumerationDetector.BlockSize * EnumerationDetector.BlockSize;
        var walk = Enumerable.Range(0, 400).Select(i => Begin + (ulong)i).ToArray();
        random.Shuffle(walk);
        var noticed = 0;
        foreach (var number in walk)
        {
            noticed += detector.Add(number, 256) ? 1 : 0;
            // A busy floor: the same numbers again, and a few others in between.
            Assert.False(detector.Add(31_650_000_000 + (ulong)random.NextInt64(99_999_999), 256), $"seed {seed}");
            Assert.False(detector.Add(31_699_999_999, 256), $"seed {seed}");
        }

        Assert.True(noticed == 1, $"seed {seed}: noticed {noticed} times");
    }
}
