using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Lookup.Client;
using Lookup.Core.Access;
using Lookup.Redis;
using Lookup.Redis.Imports;
using Lookup.V1;
using CredentialKind = Lookup.V1.CredentialKind;
using ImportState = Lookup.Redis.Imports.ImportState;

namespace Lookup.ServiceTests.Access;

/// <summary>What needs two administrators cannot be done by one person with two credentials.</summary>
public sealed class DualApprovalTests : IAsyncLifetime
{
    private const string Needed = "SECOND_ADMINISTRATOR_NEEDED";
    private const string Register = "nl-bmnr";
    private const ulong Base = 31_640_000_000;

    private GuardedServer _guarded = null!;
    private string _anna = null!;
    private string _bert = null!;
    private int _imports;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _guarded = await GuardedServer.StartAsync(configure: options => options.RevertApprovalFacts = 2, clock: new SteppedClock());
        // As 'lookup key create' makes them in the store: nobody else knows their secrets.
        (_anna, _bert) = (await _guarded.KeyAsync("anna", Roles.Admin), await _guarded.KeyAsync("bert", Roles.Admin));
    }

    public ValueTask DisposeAsync() => _guarded.DisposeAsync();

    [Fact]
    public async Task Rotate_OfAColleague_NeedsHimOrAnother()
    {
        var import = await LargeImportAsync();
        Assert.Equal(Needed, await RevertAsync(_anna, import));
        Assert.Equal(Needed, (await RotateAsync(_anna, "bert")).Refused);
        Assert.Equal(Needed, (await RotateAsync(_anna, "bert")).Refused);
        // Bert's own key still counts, and he is another person.
        Assert.Null(await RevertAsync(_bert, import));
    }

    [Fact]
    public async Task Rotate_ByTwo_GivesASecretThatTheSecondOneKnows()
    {
        var carl = await _guarded.KeyAsync("carl", Roles.Admin);
        Assert.Equal(Needed, (await RotateAsync(_anna, "carl")).Refused);
        var (_, told) = await RotateAsync(_bert, "carl");
        Assert.NotNull(told);
        // Bert was told it, so he and carl may be one.
        var import = await LargeImportAsync();
        Assert.Equal(Needed, await RevertAsync(_bert, import));
        Assert.Equal(Needed, await RevertAsync(told, import));
        Assert.Null(await RevertAsync(_anna, import));
        // And the other way round.
        import = await LargeImportAsync();
        Assert.Equal(Needed, await RevertAsync(told, import));
        Assert.Equal(Needed, await RevertAsync(_bert, import));
        Assert.Null(await RevertAsync(_anna, import));
        Assert.NotEqual(carl, told);
    }

    [Fact]
    public async Task Rotate_OfOnesOwn_IsOnesOwnAndTellsNobodyElse()
    {
        var (_, annas) = await RotateAsync(_anna, "anna");
        var import = await LargeImportAsync();
        Assert.Equal(Needed, await RevertAsync(annas!, import));
        Assert.Null(await RevertAsync(_bert, import));

        // A secret that is younger than the first request may be any one's.
        import = await LargeImportAsync();
        Assert.Equal(Needed, await RevertAsync(annas!, import));
        Advance(_guarded, TimeSpan.FromSeconds(1));
        var (_, berts) = await RotateAsync(_bert, "bert");
        Assert.Equal(Needed, await RevertAsync(berts!, import));
    }

    [Fact]
    public async Task Request_OfASecretThatWasTakenBackSince_AskedForNothing()
    {
        var import = await LargeImportAsync();
        Assert.Equal(Needed, await RevertAsync(_anna, import));
        await _guarded.Keeper.RotateAsync(new RotateCredentialRequest { CredentialId = "anna" }, Token);
        await _guarded.FollowAsync();
        Assert.Equal(Needed, await RevertAsync(_bert, import));
    }

    [Fact]
    public async Task Create_OfAnAdministrator_NeedsTwoAndOthersNeedOne()
    {
        Assert.Null((await CreateAsync(_anna, "dialer", Role.Check)).Refused);
        Assert.Equal(Needed, (await CreateAsync(_anna, "cat", Role.Admin)).Refused);
        Assert.Equal(Needed, (await CreateAsync(_anna, "cat", Role.Check, Role.Admin)).Refused);
        // The second one asks for the same, or it is something else.
        Assert.Equal(Needed, (await CreateAsync(_bert, "cat", Role.Admin, Role.Write)).Refused);
        var (refused, cat) = await CreateAsync(_bert, "cat", Role.Admin);
        Assert.Null(refused);

        // Bert was told cat's key: the two are no two.
        var import = await LargeImportAsync();
        Assert.Equal(Needed, await RevertAsync(cat!, import));
        Assert.Equal(Needed, await RevertAsync(_bert, import));
        Assert.Null(await RevertAsync(_anna, import));
        // The approval is used up.
        await _guarded.Keeper.RevokeAsync(new RevokeCredentialRequest { CredentialId = "cat" }, Token);
        Assert.Equal(Needed, (await CreateAsync(_bert, "cat", Role.Admin)).Refused);
    }

    [Fact]
    public async Task Create_OfATokenOrCertificateForAnAdministrator_NeedsTwoAndKeepsWhoMadeIt()
    {
        var request = new CreateCredentialRequest
        {
            Credential = new Credential { CredentialId = "sso", Kind = CredentialKind.Token, Subject = "anna@example.org", Roles = { Role.Admin } },
        };
        Assert.Equal(Needed, await TryAsync(() => Access(_anna).CreateCredentialAsync(request, cancellationToken: Token).ResponseAsync));
        Assert.Null(await TryAsync(() => Access(_bert).CreateCredentialAsync(request, cancellationToken: Token).ResponseAsync));
        var made = (await _guarded.Server.Store.Registry.ReadAsync(Token)).Credentials.Single(one => one.Id == "sso");
        Assert.Equal(["bert"], made.KnownTo);
    }

    [Fact]
    public async Task Chain_OfAdministratorsThatOneMade_IsOnePerson()
    {
        await using var guarded = await GuardedServer.StartAsync(configure: options => options.RevertApprovalFacts = 2, clock: new SteppedClock());
        var anna = await guarded.KeyAsync("anna", Roles.Admin);
        // The only one makes others, who make others.
        var (_, cat) = await CreateAsync(guarded, anna, "cat", Role.Admin);
        var (_, dog) = await CreateAsync(guarded, cat!, "dog", Role.Admin);
        var (_, cats) = await RotateAsync(guarded, cat!, "cat");
        var (_, dogs) = await RotateAsync(guarded, dog!, "dog");
        Assert.NotNull(dogs);
        string[] all = [anna, cats!, dogs!];
        foreach (var first in all)
        {
            var import = await LargeImportAsync(guarded);
            Assert.Equal(Needed, await RevertAsync(guarded, first, import));
            foreach (var second in all)
            {
                Assert.Equal(Needed, await RevertAsync(guarded, second, import));
            }
        }

        // One that was made in the store is another.
        var bert = await guarded.KeyAsync("bert", Roles.Admin);
        var last = await LargeImportAsync(guarded);
        Assert.Equal(Needed, await RevertAsync(guarded, dogs!, last));
        Assert.Equal(Needed, await RevertAsync(guarded, cats!, last));
        Advance(guarded, TimeSpan.FromMinutes(61));
        Assert.Equal(Needed, await RevertAsync(guarded, dogs!, last));
        Assert.Null(await RevertAsync(guarded, bert, last));
    }

    [Fact]
    public async Task SecretOfAVersionBefore_IsNeitherFirstNorSecond()
    {
        await _guarded.ChangeAsync("bert", known => known with { Secrets = [.. known.Secrets.Select(one => one with { Made = 0, KnownTo = null })] });
        var import = await LargeImportAsync();
        Assert.Equal(Needed, await RevertAsync(_bert, import));
        Assert.Equal(Needed, await RevertAsync(_anna, import));
        Assert.Equal(Needed, await RevertAsync(_bert, import));
        // There are no two any more who could agree, so one makes another, who is no second.
        var (refused, cat) = await CreateAsync(_anna, "cat", Role.Admin);
        Assert.Null(refused);
        Assert.Equal(Needed, await RevertAsync(cat!, import));
        // As 'lookup key rotate' does it in the store.
        var berts = (await _guarded.Keeper.RotateAsync(new RotateCredentialRequest { CredentialId = "bert" }, Token)).ApiKey;
        await _guarded.FollowAsync();
        import = await LargeImportAsync();
        Assert.Equal(Needed, await RevertAsync(_anna, import));
        Advance(_guarded, TimeSpan.FromMinutes(61));
        Assert.Equal(Needed, await RevertAsync(_anna, import));
        Assert.Null(await RevertAsync(berts, import));
    }

    [Fact]
    public async Task Revoke_OfTheOthers_SwitchesTheGuardOffForNobodyWithinAWeek()
    {
        await Access(_anna).RevokeCredentialAsync(new RevokeCredentialRequest { CredentialId = "bert" }, cancellationToken: Token);
        Assert.Equal(Needed, (await CreateAsync(_anna, "cat", Role.Admin)).Refused);
        Assert.Equal(Needed, await PutAsync(_anna, new Organisation { Name = "acme", SwitchedOffLayers = { Layer.Policy } }));
        Advance(_guarded, TimeSpan.FromDays(8));
        Assert.Null((await CreateAsync(_anna, "cat", Role.Admin)).Refused);
    }

    [Fact]
    public async Task AddGrant_ToAnAdministrator_NeedsTwoAndToOthersOne()
    {
        await CreateAsync(_anna, "dialer", Role.Check);
        Assert.Null(await GrantAsync(_anna, "dialer"));
        Assert.Equal(Needed, await GrantAsync(_anna, "anna"));
        Assert.Equal(Needed, await GrantAsync(_anna, "anna"));
        Assert.Null(await GrantAsync(_bert, "anna"));

        Task<string?> GrantAsync(string key, string to) => TryAsync(() => Access(key).AddGrantAsync(
            new AddGrantRequest { Grant = new Grant { CredentialId = to, Organisation = "*" } }, cancellationToken: Token).ResponseAsync);
    }

    [Fact]
    public async Task PutOrganisation_ThatBindsLess_NeedsTwoAndThatBindsMoreOne()
    {
        var strict = new Organisation { Name = "acme", Strict = true, AttemptCaps = { new AttemptCap { Max = 2, WithinHours = 24 } }, PauseAfterRefusalDays = 30 };
        Assert.Null(await PutAsync(_anna, strict));
        Assert.Null(await PutAsync(_anna, Changed(o => o.AttemptCaps[0].Max = 1)));
        Assert.Null(await PutAsync(_anna, Changed(o => { o.AttemptCaps[0].Max = 1; o.PauseAfterRefusalDays = 31; })));
        foreach (var change in (Action<Organisation>[])
            [
                o => o.SwitchedOffLayers.Add(Layer.Code),
                o => o.SwitchedOffLayers.Add(Layer.Policy),
                o => o.Strict = false,
                o => o.AttemptCaps.Clear(),
                o => o.AttemptCaps[0].Max = 3,
                o => o.AttemptCaps[0].WithinHours = 12,
                o => o.PauseAfterRefusalDays = 29,
                o => o.Sector = Sector.IdealOrCharity,
            ])
        {
            await _guarded.Server.Store.Registry.PutOrganisationAsync(Redis("acme"), Token);
            var looser = Changed(change);
            Assert.Equal(Needed, await PutAsync(_anna, looser));
            Assert.Equal(Needed, await PutAsync(_anna, looser));
            Assert.Null(await PutAsync(_bert, looser));
        }

        Organisation Changed(Action<Organisation> change)
        {
            var changed = strict.Clone();
            change(changed);
            return changed;
        }

        static StoredOrganisation Redis(string name) => new(
            name,
            Core.Sector.Other,
            Core.Layers.Default | Core.Layers.Strict,
            Core.Decisions.OwnRules.Create([new Core.Decisions.AttemptCap(2, 24, 0, false)], 30));
    }

    [Fact]
    public async Task LoadSnapshot_ThatTakesOffMoreThanTheShare_NeedsTwoWithTheSameNumbers()
    {
        // What was never loaded counts as a register that nobody is on.
        Assert.Equal(Needed, await LoadAsync(_anna, 1, Numbers(0, 1_000)));
        Assert.Null(await LoadAsync(_bert, 1, Numbers(0, 1_000)));
        // Within the share, whatever share the caller chose.
        Assert.Null(await LoadAsync(_anna, 2, Numbers(50, 1_000)));
        Assert.Equal(Needed, await LoadAsync(_anna, 3, Numbers(0, 1)));
        Assert.Equal(Needed, await LoadAsync(_bert, 3, Numbers(1, 1)));
        Assert.Equal(1_000, await CountAsync());
        Assert.Null(await LoadAsync(_bert, 3, Numbers(0, 1)));
        Assert.Equal(1, await CountAsync());
    }

    [Fact]
    public async Task LoadSnapshot_ManySmallOnes_AreOneLargeOne()
    {
        await LoadAsync(_anna, 1, Numbers(0, 1_000));
        Assert.Null(await LoadAsync(_bert, 1, Numbers(0, 1_000)));
        Assert.Null(await LoadAsync(_anna, 2, Numbers(60, 940)));
        Assert.Equal(Needed, await LoadAsync(_anna, 3, Numbers(120, 880)));
        // Nor does it help to add others first.
        Assert.Null(await LoadAsync(_anna, 3, Numbers(60, 4_000)));
        Assert.Equal(Needed, await LoadAsync(_anna, 4, Numbers(120, 3_940)));
        Advance(_guarded, TimeSpan.FromDays(8));
        Assert.Null(await LoadAsync(_anna, 4, Numbers(120, 3_940)));
    }

    [Fact]
    public async Task RecordSnapshot_ByHand_NeedsTwo()
    {
        Assert.Equal(Needed, await StateAsync(_anna));
        Assert.Null(await StateAsync(_bert));

        Task<string?> StateAsync(string key) => TryAsync(() => Registry(key).RecordSnapshotAsync(
            new RecordSnapshotRequest { Register = Register, SnapshotDate = Date(1) }, cancellationToken: Token).ResponseAsync);
    }

    [Fact]
    public async Task RevertImport_OfMostOfARegister_NeedsTwoHoweverSmallItIs()
    {
        await LoadAsync(_anna, 1, Numbers(0, 2));
        await LoadAsync(_bert, 1, Numbers(0, 2));
        var id = (await _guarded.Server.Store.Imports.ListOfRegisterAsync(Register, Token))[0].Id;
        Assert.Equal(Needed, await RevertAsync(_anna, id));
        Assert.Null(await RevertAsync(_bert, id));
    }

    // The counts are written once a second: a process that was killed before has said what it was about to store.
    [Fact]
    public async Task RevertImport_KilledBeforeItsCountsWereWritten_NeedsTwo()
    {
        var store = _guarded.Server.Store;
        var session = await ImportSession.BeginAsync(store.Imports, new StoredImport { Id = "" }, _guarded.Server.Clock, Token);
        await session.AnnounceAsync(3, Token);
        Advance(_guarded, TimeSpan.FromMinutes(2));
        Assert.Equal(0, (await store.Imports.FindAsync(session.Id, Token))!.Recorded);
        Assert.Equal(Needed, await RevertAsync(_anna, session.Id));
        Assert.Null(await RevertAsync(_bert, session.Id));
    }

    [Fact]
    public async Task RevertImport_ThatEndsBetweenTheLookAndTheRevert_IsNotReverted()
    {
        var store = _guarded.Server.Store;
        var session = await ImportSession.BeginAsync(store.Imports, new StoredImport { Id = "" }, _guarded.Server.Clock, Token);
        var seen = (await store.Imports.FindAsync(session.Id, Token))!;
        session.Count(3, 0, 0);
        await session.EndAsync(Token);
        var order = new RevertOrder(DryRun: false, "tester", "") { Expected = seen.Stored };
        var refusal = await Assert.ThrowsAsync<ImportException>(
            () => store.Imports.RevertAsync(session.Id, order, _guarded.Server.Clock, _ => { }, Token));
        Assert.Contains("changed at the same time", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(ImportState.Done, (await store.Imports.FindAsync(session.Id, Token))!.State);
    }

    private static void Advance(GuardedServer guarded, TimeSpan time) => ((SteppedClock)guarded.Server.Clock).Advance(time);

    private static ulong[] Numbers(int from, int count) => [.. Enumerable.Range(from, count).Select(i => Base + (ulong)i)];

    private static Timestamp Date(int day) => Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(day - 40).Date.ToUniversalTime());

    private static async Task<string?> TryAsync<T>(Func<Task<T>> call)
    {
        try
        {
            await call();
            return null;
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.FailedPrecondition)
        {
            return e.GetRpcStatus()?.GetDetail<ErrorInfo>()?.Reason ?? e.Status.Detail;
        }
    }

    private AccessService.AccessServiceClient Access(string key) => new(_guarded.As(key));

    private RegistryService.RegistryServiceClient Registry(string key) => new(_guarded.As(key));

    private Task<string?> PutAsync(string key, Organisation organisation) => TryAsync(
        () => Registry(key).PutOrganisationAsync(new PutOrganisationRequest { Organisation = organisation }, cancellationToken: Token).ResponseAsync);

    private Task<(string? Refused, string? Key)> CreateAsync(string key, string id, params Role[] roles) => CreateAsync(_guarded, key, id, roles);

    private static async Task<(string? Refused, string? Key)> CreateAsync(GuardedServer guarded, string key, string id, params Role[] roles)
    {
        string? made = null;
        var refused = await TryAsync(async () => made = (await new AccessService.AccessServiceClient(guarded.As(key)).CreateCredentialAsync(
            new CreateCredentialRequest { Credential = new Credential { CredentialId = id, Kind = CredentialKind.ApiKey, Roles = { roles } } },
            cancellationToken: Token)).ApiKey);
        Advance(guarded, TimeSpan.FromSeconds(1));
        return (refused, made);
    }

    private Task<(string? Refused, string? Key)> RotateAsync(string key, string id) => RotateAsync(_guarded, key, id);

    private static async Task<(string? Refused, string? Key)> RotateAsync(GuardedServer guarded, string key, string id)
    {
        string? made = null;
        var refused = await TryAsync(async () => made = (await new AccessService.AccessServiceClient(guarded.As(key)).RotateCredentialAsync(
            new RotateCredentialRequest { CredentialId = id, OverlapSeconds = 3_600 }, cancellationToken: Token)).ApiKey);
        Advance(guarded, TimeSpan.FromSeconds(1));
        return (refused, made);
    }

    private Task<string> LargeImportAsync() => LargeImportAsync(_guarded);

    private async Task<string> LargeImportAsync(GuardedServer guarded)
    {
        Advance(guarded, TimeSpan.FromSeconds(1));
        var import = new StoredImport { Id = $"20240101-000000-{_imports++:x4}", State = ImportState.Done, Recorded = 3 };
        return (await guarded.Server.Store.Imports.TryPutAsync(import, Token))!.Id;
    }

    private Task<string?> RevertAsync(string key, string id) => RevertAsync(_guarded, key, id);

    private static Task<string?> RevertAsync(GuardedServer guarded, string key, string id) => TryAsync(async () =>
    {
        using var call = new ImportService.ImportServiceClient(guarded.As(key)).RevertImport(new RevertImportRequest { ImportId = id }, cancellationToken: Token);
        while (await call.ResponseStream.MoveNext(Token))
        {
        }

        return true;
    });

    private async Task<string?> LoadAsync(string key, int day, ulong[] numbers)
    {
        using var client = new LookupClient(new LookupClientOptions { Address = _guarded.Server.Host.GrpcAddress, ApiKey = key });
        var open = new LoadSnapshotOpen { Register = Register, SnapshotDate = Date(day), MaxChangePercent = 100 };
        try
        {
            using var upload = await client.LoadSnapshotAsync(open, Token);
            foreach (var chunk in numbers.Chunk(SnapshotUpload.MaxChunk))
            {
                await upload.AddAsync(chunk, []);
            }

            await upload.CompareAsync("", 0);
            await upload.ApplyAsync(acceptChange: true, _ => { });
            return null;
        }
        catch (LookupException e) when (e.Status == StatusCode.FailedPrecondition)
        {
            return e.Message.Contains("Two administrators are needed", StringComparison.Ordinal) ? Needed : e.Message;
        }
    }

    private async Task<long> CountAsync()
    {
        var loads = await _guarded.Server.Store.Imports.ListOfRegisterAsync(Register, Token);
        return loads.Where(load => load.State == ImportState.Done).Sum(load => load.Additions - load.Removals);
    }
}
