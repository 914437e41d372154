using System.Diagnostics;
using System.Security.Cryptography;
using Google.Rpc;
using Grpc.Core;
using Lookup.Core.Access;
using Lookup.Redis;
using Lookup.Redis.Credentials;
using Lookup.Redis.Store;
using Lookup.Server.Receipts;
using Lookup.ServiceTests.Server;
using Lookup.V1;

namespace Lookup.ServiceTests.Access;

/// <summary>What changes of credentials and grants does to calls and running streams.</summary>
public sealed class AccessEffectTests
{
    // It is a few polls; a loaded machine takes longer for them.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Grant_RemovedAtOneInstance_EndsAtBothWithinTheBound()
    {
        await using var redis = await RedisServer.StartAsync();
        await StoreAdmin.InitAsync(
            redis.Options, new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, Partitions = 2, ExpectedFacts = 10_000 }, TimeProvider.System, Token);
        await using var one = await GuardedServer.StartAsync(await StoreAdmin.OpenAsync(redis.Options, Sample.Cipher.KeyCheck, TimeProvider.System, Token));
        await using var two = await GuardedServer.StartAsync(await StoreAdmin.OpenAsync(redis.Options, Sample.Cipher.KeyCheck, TimeProvider.System, Token));
        var admin = await one.KeyAsync("admin", Roles.Admin);
        var dialer = await one.KeyAsync("dialer", Roles.Check, GuardedServer.Own);
        await two.FollowAsync();
        Assert.Null(await RefusalAsync(one, dialer));
        Assert.Null(await RefusalAsync(two, dialer));

        var access = new AccessService.AccessServiceClient(one.As(admin));
        await access.RemoveGrantAsync(new RemoveGrantRequest { CredentialId = "dialer", Organisation = GuardedServer.Own }, cancellationToken: Token);
        Assert.Equal(StatusCode.PermissionDenied, await RefusalAsync(one, dialer));
        await UntilAsync(async () => await RefusalAsync(two, dialer) == StatusCode.PermissionDenied);

        await access.AddGrantAsync(
            new AddGrantRequest { Grant = new Grant { CredentialId = "dialer", Organisation = GuardedServer.Own } }, cancellationToken: Token);
        await UntilAsync(async () => await RefusalAsync(two, dialer) is null);
        await access.RevokeCredentialAsync(new RevokeCredentialRequest { CredentialId = "dialer" }, cancellationToken: Token);
        Assert.Equal(StatusCode.Unauthenticated, await RefusalAsync(one, dialer));
        await UntilAsync(async () => await RefusalAsync(two, dialer) == StatusCode.Unauthenticated);
    }

    [Fact]
    public async Task Grant_OfAPeriod_HoldsFromItsBeginUntilItsEnd()
    {
        await using var guarded = await GuardedServer.StartAsync();
        var dialer = await guarded.KeyAsync("dialer", Roles.Check);
        Assert.True(await HoldsAsync(-1_000, 60_000));
        Assert.False(await HoldsAsync(60_000, 120_000));
        Assert.False(await HoldsAsync(-60_000, -1_000));

        async Task<bool> HoldsAsync(long from, long until)
        {
            await guarded.Server.Store.Access.PutGrantAsync(
                new StoredGrant("dialer", GuardedServer.Own, guarded.Now + from, guarded.Now + until), Token);
            await guarded.FollowAsync();
            return await RefusalAsync(guarded, dialer) is null;
        }
    }

    [Theory]
    [InlineData("revoked", StatusCode.Unauthenticated, "CREDENTIAL_REVOKED")]
    [InlineData("expired", StatusCode.Unauthenticated, "CREDENTIAL_EXPIRED")]
    [InlineData("rotated", StatusCode.Unauthenticated, "CREDENTIAL_REVOKED")]
    [InlineData("grant removed", StatusCode.PermissionDenied, "ORGANISATION_NOT_GRANTED")]
    [InlineData("grant over", StatusCode.PermissionDenied, "ORGANISATION_NOT_GRANTED")]
    public async Task Streams_CredentialEnds_EndWithinTheBound(string what, StatusCode status, string reason)
    {
        await using var guarded = await GuardedServer.StartAsync();
        await guarded.Server.Store.Registry.PutOrganisationAsync(new StoredOrganisation(GuardedServer.Own, Core.Sector.Other, Core.Layers.Default), Token);
        var key = await guarded.KeyAsync("dialer", Roles.Check | Roles.Watch, GuardedServer.Own);
        var invoker = guarded.As(key);
        using var list = new LookupService.LookupServiceClient(invoker).CheckStream(cancellationToken: Token);
        await list.RequestStream.WriteAsync(new CheckStreamRequest { Open = new CheckStreamOpen { Question = Samples.Question() } }, Token);
        await list.RequestStream.WriteAsync(new CheckStreamRequest { Chunk = new CheckStreamChunk { Sequence = 1, Numbers = { 31612345678 } } }, Token);
        Assert.True(await list.ResponseStream.MoveNext(Token));
        using var watch = new WatchService.WatchServiceClient(invoker).Watch(new WatchRequest { Organisations = { GuardedServer.Own } }, cancellationToken: Token);
        Assert.True(await watch.ResponseStream.MoveNext(Token));

        var store = guarded.Server.Store.Access;
        switch (what)
        {
            case "revoked":
                await guarded.Keeper.RevokeAsync(new RevokeCredentialRequest { CredentialId = "dialer" }, Token);
                break;
            case "expired":
                await guarded.ChangeAsync("dialer", known => known with { Expires = guarded.Now + 1 });
                break;
            case "rotated":
                await guarded.Keeper.RotateAsync(new RotateCredentialRequest { CredentialId = "dialer" }, Token);
                break;
            case "grant removed":
                await store.RemoveGrantAsync("dialer", GuardedServer.Own, Token);
                break;
            default:
                await store.PutGrantAsync(new StoredGrant("dialer", GuardedServer.Own, 0, guarded.Now + 1), Token);
                break;
        }

        var begin = Stopwatch.GetTimestamp();
        Assert.Equal((status, reason), await EndAsync(list.ResponseStream));
        Assert.Equal((status, reason), await EndAsync(watch.ResponseStream));
        Assert.True(Stopwatch.GetElapsedTime(begin) < Limit, $"It took {Stopwatch.GetElapsedTime(begin)}.");
    }

    [Fact]
    public async Task ImportFacts_CredentialRevoked_Ends()
    {
        await using var guarded = await GuardedServer.StartAsync();
        var key = await guarded.KeyAsync("writer", Roles.Write, GuardedServer.Own);
        using var import = new FactService.FactServiceClient(guarded.As(key)).ImportFacts(cancellationToken: Token);
        await import.RequestStream.WriteAsync(new ImportFactsRequest { Sequence = 1, Facts = { Samples.Objection(Samples.NewNumber()) } }, Token);
        Assert.True(await import.ResponseStream.MoveNext(Token));
        await guarded.Keeper.RevokeAsync(new RevokeCredentialRequest { CredentialId = "writer" }, Token);
        Assert.Equal((StatusCode.Unauthenticated, "CREDENTIAL_REVOKED"), await EndAsync(import.ResponseStream));
    }

    [Fact]
    public async Task Watch_WithoutOrganisations_TellsWhatIsGrantedAtThatMoment()
    {
        await using var guarded = await GuardedServer.StartAsync();
        var all = await guarded.KeyAsync("all", Roles.All, "*");
        var own = await guarded.KeyAsync("own", Roles.Watch, GuardedServer.Own);
        using var watch = new WatchService.WatchServiceClient(guarded.As(own)).Watch(new WatchRequest(), cancellationToken: Token);
        Assert.True(await watch.ResponseStream.MoveNext(Token));

        var grouped = Samples.Consent(Samples.NewNumber());
        grouped.Consent.ProductGroup = "energy";
        var foreignGrouped = Samples.Consent(Samples.NewNumber(), GuardedServer.Other);
        foreignGrouped.Consent.ProductGroup = "energy";
        Fact[] told = [Samples.Objection(Samples.NewNumber()), grouped, Samples.Objection(Samples.NewNumber(), "*")];
        Fact[] hidden = [Samples.Objection(Samples.NewNumber(), GuardedServer.Other), foreignGrouped];
        await RecordAsync([.. hidden, .. told]);
        // Changes of a number come in order: behind its mark, nothing of it was left out.
        Fact[] marks = [.. hidden.Select(fact => Samples.Objection(fact.Number, "*"))];
        await RecordAsync(marks);
        var changes = await ToldAsync(told.Length + marks.Length);
        Assert.Equal(told.Concat(marks).Select(fact => fact.Number).Order(), changes.Select(change => change.Number).Distinct().Order());
        Assert.All(changes.Where(change => marks.Any(mark => mark.Number == change.Number)), change => Assert.Equal("*", Concerned(change)));

        await guarded.Server.Store.Access.RemoveGrantAsync("own", GuardedServer.Own, Token);
        await guarded.FollowAsync();
        // The stream's lease has it with one of its next looks; from then on nothing of the organisation is told.
        string first;
        do
        {
            var number = Samples.NewNumber();
            await RecordAsync([Samples.Objection(number)]);
            await RecordAsync([Samples.Objection(number, "*")]);
            first = Concerned((await ToldAsync(1, number))[0]);
        }
        while (first != "*");

        async Task RecordAsync(Fact[] facts)
        {
            var answer = await new FactService.FactServiceClient(guarded.As(all)).RecordFactsAsync(Samples.Record(facts), cancellationToken: Token);
            Assert.All(answer.Results, result => Assert.Equal(FactResult.Types.Outcome.Recorded, result.Outcome));
        }

        // Whom the newest version of a change concerns.
        static string Concerned(Change change) =>
            change.Fact.Fact.Objection is { } objection ? objection.Organisation : change.Fact.Fact.Consent.Organisation;

        // What is told, until it is of so many numbers, or of this one.
        async Task<List<Change>> ToldAsync(int count, string? number = null)
        {
            var changes = new List<Change>();
            while (changes.Select(change => change.Number).Distinct().Count() < count)
            {
                Assert.True(await watch.ResponseStream.MoveNext(Token));
                if (watch.ResponseStream.Current.Change is { } change && (number ?? change.Number) == change.Number)
                {
                    changes.Add(change);
                }
            }

            return changes;
        }
    }

    [Fact]
    public async Task RecordFacts_Batch_RefusesWhatIsForeignOrConcernsAll()
    {
        await using var guarded = await GuardedServer.StartAsync();
        var writer = await guarded.KeyAsync("writer", Roles.Write, GuardedServer.Own);
        var subscriber = new Fact { Number = Samples.NewNumber(), Source = "s", Subscriber = new Subscriber { Type = SubscriberType.Consumer } };
        var answer = await new FactService.FactServiceClient(guarded.As(writer)).RecordFactsAsync(
            Samples.Record(
                Samples.Consent(Samples.NewNumber()),
                Samples.Consent(Samples.NewNumber(), GuardedServer.Other),
                Samples.Objection(Samples.NewNumber(), "*"),
                subscriber),
            cancellationToken: Token);
        Assert.Equal([FactResult.Types.Outcome.Recorded, .. Enumerable.Repeat(FactResult.Types.Outcome.Refused, 3)], answer.Results.Select(one => one.Outcome));
        Assert.Equal(["consent.organisation", "objection.organisation", "kind"], answer.Results.Skip(1).Select(one => one.Errors.Single().Field));
    }

    [Fact]
    public async Task Store_GoesAway_NobodyIsLetInAndStreamsEnd()
    {
        var store = new TroubledStore(await LookupServer.EmbeddedAsync());
        await using var guarded = await GuardedServer.StartAsync(store, o =>
        {
            o.StoreReadLimitMs = 100;
            o.FreshnessBoundMs = 1_000;
        });
        var key = await guarded.KeyAsync("dialer", Roles.Check, GuardedServer.Own);
        using var list = new LookupService.LookupServiceClient(guarded.As(key)).CheckStream(cancellationToken: Token);
        await list.RequestStream.WriteAsync(new CheckStreamRequest { Open = new CheckStreamOpen { Question = Samples.Question() } }, Token);
        await list.RequestStream.WriteAsync(new CheckStreamRequest { Chunk = new CheckStreamChunk { Sequence = 1, Numbers = { 31612345678 } } }, Token);
        Assert.True(await list.ResponseStream.MoveNext(Token));

        store.Trouble = _ => throw new StoreUnavailableException(StoreFault.Unreachable, "Away.");
        Assert.Equal(StatusCode.Unavailable, (await EndAsync(list.ResponseStream)).Status);
        Assert.Equal(StatusCode.Unavailable, await RefusalAsync(guarded, key));
        Assert.Equal(StatusCode.Unavailable, await RefusalAsync(guarded, "lk_nobody_" + new string('0', 64)));
        var http = AnyCall.Methods.Single(method => method.Name == "Check");
        Assert.Equal(StatusCode.Unavailable, (await AnyCall.JsonAsync(guarded.Server.Http, http, Samples.Check(AccessRpcs.Known), key)).Status);

        store.Trouble = _ => Task.CompletedTask;
        await UntilAsync(async () => await RefusalAsync(guarded, key) is null);
    }

    [Fact]
    public async Task Rotation_WithOverlap_LetsBothSecretsInUntilItEnds()
    {
        await using var guarded = await GuardedServer.StartAsync();
        var old = await guarded.KeyAsync("dialer", Roles.Check, GuardedServer.Own);
        var rotated = await guarded.Keeper.RotateAsync(new RotateCredentialRequest { CredentialId = "dialer", OverlapSeconds = 60 }, Token);
        await guarded.FollowAsync();
        Assert.Null(await RefusalAsync(guarded, old));
        Assert.Null(await RefusalAsync(guarded, rotated.ApiKey));

        await guarded.ChangeAsync("dialer", known => known with { Secrets = [known.Secrets[0], known.Secrets[1] with { Until = guarded.Now - 1 }] });
        Assert.Equal(StatusCode.Unauthenticated, await RefusalAsync(guarded, old));
        Assert.Null(await RefusalAsync(guarded, rotated.ApiKey));
    }

    [Fact]
    public async Task Connection_ThatShowedAKey_IsAskedForEachRequest()
    {
        var clock = new SteppingClock();
        await using var guarded = await GuardedServer.StartAsync(clock: clock);
        var key = await guarded.KeyAsync("dialer", Roles.Check, GuardedServer.Own);
        var other = await guarded.KeyAsync("other", Roles.Check);
        // All over one connection.
        Assert.Null(await RefusalAsync(guarded, key));
        Assert.Null(await RefusalAsync(guarded, key));
        Assert.Equal(StatusCode.PermissionDenied, await RefusalAsync(guarded, other));
        Assert.Equal(StatusCode.Unauthenticated, await RefusalAsync(guarded, key[..^1] + (key[^1] == '0' ? '1' : '0')));
        Assert.Null(await RefusalAsync(guarded, key));
        await guarded.ChangeAsync("dialer", known => known with { Expires = guarded.Now + 3_600_000 });
        Assert.Null(await RefusalAsync(guarded, key));
        clock.AdvanceWall(TimeSpan.FromHours(1));
        await guarded.FollowAsync();
        Assert.Equal(StatusCode.Unauthenticated, await RefusalAsync(guarded, key));
    }

    [Fact]
    public async Task Secrets_NeitherStoreNorLogNorListHasThem()
    {
        await using var redis = await RedisServer.StartAsync();
        await StoreAdmin.InitAsync(
            redis.Options, new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, Partitions = 2, ExpectedFacts = 10_000 }, TimeProvider.System, Token);
        await using var guarded = await GuardedServer.StartAsync(
            await StoreAdmin.OpenAsync(redis.Options, Sample.Cipher.KeyCheck, TimeProvider.System, Token));
        var admin = await guarded.KeyAsync("admin", Roles.Admin);
        var access = new AccessService.AccessServiceClient(guarded.As(admin));
        var made = await access.CreateCredentialAsync(
            new CreateCredentialRequest { Credential = new Credential { CredentialId = "new", Kind = V1.CredentialKind.ApiKey, Roles = { Role.Check } } });
        var rotated = await access.RotateCredentialAsync(new RotateCredentialRequest { CredentialId = "new", OverlapSeconds = 9 });
        Assert.Equal(StatusCode.Unauthenticated, await RefusalAsync(guarded, made.ApiKey[..^2] + "zz"));

        var listed = (await access.ListCredentialsAsync(new ListCredentialsRequest())).ToString();
        var stored = string.Join('\n', (await guarded.Server.Store.Registry.ReadAsync(Token)).Credentials.Select(one => one.Stored));
        using var connection = await StackExchange.Redis.ConnectionMultiplexer.ConnectAsync(redis.Options.ConnectionString);
        var raw = string.Join('\n', (await connection.GetDatabase().HashGetAllAsync("{lookup}:credentials")).Select(entry => entry.ToString()));
        Assert.Contains("\"id\":\"new\"", raw);
        foreach (var key in (string[])[admin, made.ApiKey, rotated.ApiKey])
        {
            var secret = key[^64..];
            var forms = (string[])[secret, Convert.ToBase64String(Convert.FromHexString(secret))];
            Assert.All(forms, form => Assert.All((string[])[listed, stored, raw, guarded.Server.Log.All], text => Assert.DoesNotContain(form, text)));
        }
    }

    [Fact]
    public async Task Receipts_OfForeignOrganisations_AreNotShown()
    {
        using var temp = new TempFolder();
        using var signing = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var log = ReceiptLog.Open(temp.PathOf("receipts"), signing, TimeProvider.System, 8_192);
        await using var guarded = await GuardedServer.StartAsync(receipts: log);
        var all = await guarded.KeyAsync("all", Roles.Check, "*");
        var own = await guarded.KeyAsync("own", Roles.Check, GuardedServer.Own);
        var number = Samples.NewNumber();
        var ids = new List<string>();
        foreach (var organisation in (string[])[GuardedServer.Own, GuardedServer.Other])
        {
            ids.Add((await new LookupService.LookupServiceClient(guarded.As(all)).CheckAsync(Samples.Check(number, organisation))).Receipt.Id);
        }

        var request = new ListReceiptsRequest { Number = number };
        var receipts = new ReceiptService.ReceiptServiceClient(guarded.As(own));
        Assert.Equal(ids.Take(1), (await receipts.ListReceiptsAsync(request)).Receipts.Select(receipt => receipt.Id));
        Assert.Equal(ids, (await new ReceiptService.ReceiptServiceClient(guarded.As(all)).ListReceiptsAsync(request)).Receipts.Select(receipt => receipt.Id));
        Assert.Equal(StatusCode.OK, await ProveAsync(ids[0]));
        Assert.Equal(StatusCode.NotFound, await ProveAsync(ids[1]));

        async Task<StatusCode> ProveAsync(string id)
        {
            while (true)
            {
                try
                {
                    await receipts.GetReceiptProofAsync(new GetReceiptProofRequest { Id = id }, cancellationToken: Token);
                    return StatusCode.OK;
                }
                catch (RpcException e) when (e.StatusCode != StatusCode.Unavailable)
                {
                    return e.StatusCode;
                }
                catch (RpcException)
                {
                    // Not signed yet.
                    await Task.Delay(100, Token);
                }
            }
        }
    }

    [Fact]
    public async Task Reflection_AnyCredential_IsToldAndNobodyElse()
    {
        await using var guarded = await GuardedServer.StartAsync();
        var key = await guarded.KeyAsync("watcher", Roles.Watch);
        Assert.Equal(StatusCode.OK, await ReflectAsync(guarded.As(key)));
        Assert.Equal(StatusCode.Unauthenticated, await ReflectAsync(guarded.Server.Invoker));
        var health = await new Grpc.Health.V1.Health.HealthClient(guarded.Server.Invoker).CheckAsync(new Grpc.Health.V1.HealthCheckRequest());
        Assert.Equal(Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus.Serving, health.Status);

        static async Task<StatusCode> ReflectAsync(CallInvoker invoker)
        {
            try
            {
                using var call = new Grpc.Reflection.V1Alpha.ServerReflection.ServerReflectionClient(invoker).ServerReflectionInfo();
                await call.RequestStream.WriteAsync(new Grpc.Reflection.V1Alpha.ServerReflectionRequest { ListServices = "" });
                return await call.ResponseStream.MoveNext(Token) ? StatusCode.OK : StatusCode.Unknown;
            }
            catch (RpcException e)
            {
                return e.StatusCode;
            }
        }
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/live")]
    [InlineData("/metrics")]
    public async Task Pages_NeedAnObserverOrAnAdministrator(string path)
    {
        await using var guarded = await GuardedServer.StartAsync();
        var admin = await guarded.KeyAsync("admin", Roles.Admin);
        var dialer = await guarded.KeyAsync("dialer", Roles.Check, "*");
        Assert.Equal(401, await AskAsync(null));
        Assert.Equal("SERVING\n", await guarded.Server.Http.GetStringAsync("/health", Token));
        Assert.Equal(403, await AskAsync("Bearer " + dialer));
        Assert.Equal(403, await AskAsync("Bearer " + await guarded.KeyAsync("others", Roles.Check | Roles.Write | Roles.Watch, "*")));
        Assert.Equal(200, await AskAsync("Bearer " + await guarded.KeyAsync("prometheus", Roles.Observe)));
        Assert.Equal(200, await AskAsync("Bearer " + admin));
        Assert.Equal(200, await AskAsync("Basic " + Convert.ToBase64String(System.Text.Encoding.ASCII.GetBytes("any:" + admin))));

        // What a request says of its body changes nothing, on neither port.
        foreach (var type in (string[])["application/grpc", "application/grpc+json", "APPLICATION/GRPC", "application/grpc-web"])
        {
            Assert.Equal(401, await AskAsync(null, type));
            Assert.Equal(403, await AskAsync("Bearer " + dialer, type));
            Assert.True(await IsRefusedByGrpcAsync(dialer, type));
        }

        async Task<bool> IsRefusedByGrpcAsync(string key, string type)
        {
            using var client = new HttpClient { BaseAddress = guarded.Server.Host.GrpcAddress };
            using var request = new HttpRequestMessage(HttpMethod.Get, path)
            {
                Version = System.Net.HttpVersion.Version20,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Content = new ByteArrayContent([]),
            };
            request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + key);
            request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token);
            return response.Headers.TryGetValues("grpc-status", out var status) && status.Single() == "7";
        }

        async Task<int> AskAsync(string? authorization, string? type = null)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Content = type is null ? null : new ByteArrayContent([]);
            request.Content?.Headers.TryAddWithoutValidation("Content-Type", type);
            if (authorization is not null)
            {
                request.Headers.TryAddWithoutValidation("Authorization", authorization);
            }

            using var response = await guarded.Server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token);
            if ((int)response.StatusCode == 401)
            {
                Assert.Contains("Basic", response.Headers.WwwAuthenticate.ToString());
            }

            return (int)response.StatusCode;
        }
    }

    [Fact]
    public async Task Pages_PasswordOfABrowser_AsksNothingElse()
    {
        await using var guarded = await GuardedServer.StartAsync();
        var all = await guarded.KeyAsync("all", Roles.All, "*");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/credentials");
        request.Headers.TryAddWithoutValidation("Authorization", "Basic " + Convert.ToBase64String(System.Text.Encoding.ASCII.GetBytes("any:" + all)));
        using var response = await guarded.Server.Http.SendAsync(request, Token);
        Assert.Equal(401, (int)response.StatusCode);
    }

    private static async Task<StatusCode?> RefusalAsync(GuardedServer guarded, string key)
    {
        try
        {
            await new LookupService.LookupServiceClient(guarded.As(key)).CheckAsync(Samples.Check(AccessRpcs.Known), cancellationToken: Token);
            return null;
        }
        catch (RpcException e)
        {
            return e.StatusCode;
        }
    }

    private static async Task<(StatusCode Status, string Reason)> EndAsync<T>(IAsyncStreamReader<T> stream)
    {
        var end = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await stream.MoveNext(Token))
            {
            }
        });
        return (end.StatusCode, end.GetRpcStatus()?.GetDetail<ErrorInfo>()?.Reason ?? "");
    }

    private static async Task UntilAsync(Func<Task<bool>> met)
    {
        var begin = Stopwatch.GetTimestamp();
        while (!await met())
        {
            Assert.True(Stopwatch.GetElapsedTime(begin) < Limit, "It does not count.");
            await Task.Delay(10, Token);
        }
    }
}
