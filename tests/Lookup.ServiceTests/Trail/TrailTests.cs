using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Lookup.Core.Access;
using Lookup.Core.Trail;
using Lookup.Redis;
using Lookup.Redis.Trail;
using Lookup.Server.Receipts;
using Lookup.Server.Trail;
using Lookup.ServiceTests.Access;
using Lookup.V1;

namespace Lookup.ServiceTests.Trail;

/// <summary>Administrative calls are in the trail before they take effect, and no other call is.</summary>
public sealed class TrailTests
{
    private const string Number = "+31612345987";
    private const string Digits = "612345987";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void Contract_EveryCall_IsAnActOrStatedToBeNone()
    {
        var calls = AnyCall.Methods.Select(method => method.Name).ToList();
        Assert.Equal(calls.Count, calls.Distinct().Count());
        Assert.Equal(calls.Order(), TrailActs.Kinds.Keys.Concat(TrailActs.Others).Order());
        // What only an administrator may call is an act unless it reads.
        Assert.All(
            AnyCall.Methods.Where(method => AccessRpcs.All[$"{method.Service.Name}.{method.Name}"].Role == Roles.Admin && TrailActs.Others.Contains(method.Name)),
            method => Assert.StartsWith("List", method.Name, StringComparison.Ordinal));
    }

    [Fact]
    public async Task EveryCall_OverGrpcAndJson_IsInTheTrailIfItIsAnAct()
    {
        await using var guarded = await GuardedServer.StartAsync();
        var key = await guarded.KeyAsync("anna", Roles.All, "*");
        foreach (var method in AnyCall.Methods)
        {
            var requests = AccessRpcs.All[$"{method.Service.Name}.{method.Name}"].Requests(GuardedServer.Own);
            var before = (await ReadAsync(guarded)).Count;
            if (method.Name == "LoadSnapshot")
            {
                await LoadAsync(guarded.As(key));
            }
            else
            {
                await AnyCall.GrpcAsync(guarded.Server.Invoker, method, requests, key);
            }

            var entries = await AfterAsync(guarded, before, method.Name);
            AssertAct(method.Name, entries);
            if (AnyCall.Route(method) is not null)
            {
                await AnyCall.JsonAsync(guarded.Server.Http, method, requests[0], key);
                AssertAct(method.Name, await AfterAsync(guarded, before + entries.Count, method.Name));
            }
        }
    }

    [Fact]
    public async Task Acts_WithNumbersInTheirTexts_LeaveNoNumberInTheTrail()
    {
        await using var guarded = await GuardedServer.StartAsync();
        var invoker = guarded.As(await guarded.KeyAsync("anna", Roles.All, "*"));
        var facts = new FactService.FactServiceClient(invoker);
        await facts.EraseNumberAsync(new EraseNumberRequest { Number = Number, Source = "letter of " + Number, Actor = "call 0612345987", Reason = Number }, cancellationToken: Token);
        await facts.RecordBlocksAsync(new RecordBlocksRequest { Blocks = { new Block { Organisation = "*", Pattern = "+31612345XXX", Source = Number } } }, cancellationToken: Token);
        await new AccessService.AccessServiceClient(invoker).CreateCredentialAsync(
            new CreateCredentialRequest { Credential = new Credential { CredentialId = "bert", Kind = CredentialKind.ApiKey, Roles = { Role.Check }, Note = "06-12345987" } }, cancellationToken: Token);
        using (var import = facts.ImportFacts(cancellationToken: Token))
        {
            await import.RequestStream.WriteAsync(new ImportFactsRequest
            {
                Sequence = 1,
                Facts = { Samples.Objection(Samples.NewNumber(), "acme") },
                Import = new ImportDescription { FileName = $"{Number}.csv", Actor = Number, Source = Number },
            }, Token);
            await import.RequestStream.CompleteAsync();
            Assert.True(await import.ResponseStream.MoveNext(Token));
            Assert.False(await import.ResponseStream.MoveNext(Token));
        }

        var entries = await ReadAsync(guarded);
        Assert.DoesNotContain(Digits, string.Concat(entries.Select(entry => entry.What).Append("")).Replace("-", "", StringComparison.Ordinal), StringComparison.Ordinal);
        // Who has the encryption key can tell which number was erased.
        var erased = JsonNode.Parse(entries.Single(entry => entry.Act == "EraseNumber" && entry.Of is null).What)!["number"]!.GetValue<string>();
        Span<byte> pseudonym = stackalloc byte[Core.Numbers.NumberPseudonym.Size];
        Assert.True(Core.Numbers.PhoneNumber.TryParse(Number, out var number, out _));
        guarded.Server.Cipher.Encrypt(number).WriteTo(pseudonym);
        Assert.Equal(Convert.ToHexStringLower(pseudonym), erased);
        var imported = entries.Single(entry => entry.Act == "ImportFacts" && entry.Of is not null);
        Assert.Matches(@"^done: \d{8}-\d{6}-[0-9a-f]{4}$", imported.Result);
    }

    // The trail is written before the endpoint rejects the value.
    [Theory]
    [InlineData(long.MaxValue, 0)]
    [InlineData(0, -1)]
    public async Task Act_WithATimeThatHasNoJsonForm_IsInvalidAndInTheTrail(long seconds, int nanos)
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        var access = new AccessService.AccessServiceClient(server.Invoker);
        var grant = new Grant { CredentialId = "crm", Organisation = "acme", FromTime = new Timestamp { Seconds = seconds, Nanos = nanos } };
        var refused = await Assert.ThrowsAsync<RpcException>(() => access.AddGrantAsync(new AddGrantRequest { Grant = grant }, cancellationToken: Token).ResponseAsync);
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        var entries = await ReadAsync(server.Store.Trail);
        var act = entries.Single(entry => entry.Act == "AddGrant" && entry.Of is null);
        Assert.Equal("acme", (string?)JsonNode.Parse(act.What)!["grant"]!["organisation"]);
    }

    [Fact]
    public async Task Act_TrailRefusesIt_IsRefusedAndChangesNothing()
    {
        var store = await LookupServer.EmbeddedAsync();
        var trail = new StoppedTrail(store.Trail);
        await using var server = await LookupServer.StartAsync(store with { Trail = trail });
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(Number, "acme")), cancellationToken: Token);
        trail.IsStopped = true;
        foreach (var method in AnyCall.Methods.Where(method => TrailActs.Kinds.ContainsKey(method.Name)))
        {
            var status = method.Name == "LoadSnapshot"
                ? (await Assert.ThrowsAsync<RpcException>(() => LoadAsync(server.Invoker))).StatusCode
                : (await AnyCall.GrpcAsync(server.Invoker, method, Valid(method.Name), null)).Status;
            Assert.True(status == StatusCode.Unavailable, $"{method.Name}: {status}");
        }

        trail.IsStopped = false;
        Assert.Empty((await server.Registry.ListOrganisationsAsync(new ListOrganisationsRequest(), cancellationToken: Token)).Organisations);
        Assert.Empty((await new AccessService.AccessServiceClient(server.Invoker).ListCredentialsAsync(new ListCredentialsRequest(), cancellationToken: Token)).Credentials);
        Assert.Empty((await new ImportService.ImportServiceClient(server.Invoker).ListImportsAsync(new ListImportsRequest(), cancellationToken: Token)).Imports);
        Assert.Empty((await server.Facts.ListBlocksAsync(new ListBlocksRequest(), cancellationToken: Token)).Blocks);
        var known = Assert.Single((await server.Facts.ListFactsAsync(new ListFactsRequest { Number = Number }, cancellationToken: Token)).Facts);
        Assert.Equal("acme", known.Fact.Objection.Organisation);
        // The service answers checks meanwhile.
        Assert.Equal(Verdict.Deny, (await server.Lookup.CheckAsync(Samples.Check(Number, "acme"), cancellationToken: Token)).Decision.Verdict);
    }

    [Fact]
    public async Task Start_TrailRefusesIt_IsWrittenBeforeTheFirstActOnceItCan()
    {
        var store = await LookupServer.EmbeddedAsync();
        var trail = new StoppedTrail(store.Trail) { IsStopped = true };
        await using var server = await LookupServer.StartAsync(store with { Trail = trail }, options => options.MaxRecordFacts = 7);
        await server.Lookup.CheckAsync(Samples.Check(Number, "acme"), cancellationToken: Token);
        trail.IsStopped = false;
        await server.Registry.PutOrganisationAsync(new PutOrganisationRequest { Organisation = new Organisation { Name = "acme" } }, cancellationToken: Token);

        var entries = await ReadAsync(store.Trail);
        Assert.Equal(["StartService", "PutOrganisation", "PutOrganisation"], entries.Select(entry => entry.Act));
        var start = JsonNode.Parse(entries[0].What)!;
        Assert.Equal("7", start["settings"]!["MaxRecordFacts"]!.GetValue<string>());
        Assert.Contains("NL ", start["rules"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal(Core.Regimes.RegimeSet.BuiltIn.Sha256, start["rules_sha256"]!.GetValue<string>());
    }

    [Fact]
    public async Task DualApproval_RequestedAndGiven_IsInTheTrailWithBothNames()
    {
        await using var guarded = await GuardedServer.StartAsync();
        var anna = await guarded.KeyAsync("anna", Roles.Admin, "*");
        var bert = await guarded.KeyAsync("bert", Roles.Admin, "*");
        var request = new CreateCredentialRequest { Credential = new Credential { CredentialId = "carl", Kind = CredentialKind.ApiKey, Roles = { Role.Admin } } };
        await Assert.ThrowsAsync<RpcException>(async () => await new AccessService.AccessServiceClient(guarded.As(anna)).CreateCredentialAsync(request, cancellationToken: Token));
        await new AccessService.AccessServiceClient(guarded.As(bert)).CreateCredentialAsync(request, cancellationToken: Token);

        var entries = (await ReadAsync(guarded)).Where(entry => entry.Kind is "approval" or "credential").ToList();
        Assert.Equal(
            [("anna", "CreateCredential", ""), ("anna", "RequestApproval", "done"), ("anna", "CreateCredential", "refused: FailedPrecondition SECOND_ADMINISTRATOR_NEEDED"),
                ("bert", "CreateCredential", ""), ("bert", "GiveApproval", "done"), ("bert", "CreateCredential", "done")],
            entries.Select(entry => (entry.Who, entry.Act, entry.Result)));
        Assert.Equal("anna", JsonNode.Parse(entries[4].What)!["with"]!.GetValue<string>());
    }

    [Fact]
    public async Task Acts_OfTwoInstancesAtOnce_AreOneChainThatTheReceiptsProve()
    {
        using var temp = new TempFolder();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var publicKey = temp.Write("key.pub", key.ExportSubjectPublicKeyInfoPem());
        await using var store = await LookupServer.EmbeddedAsync();
        string[] folders = [temp.PathOf("a"), temp.PathOf("b")];
        using (var logA = ReceiptLog.Open(folders[0], key, TimeProvider.System))
        using (var logB = ReceiptLog.Open(folders[1], key, TimeProvider.System))
        {
            await using var a = await LookupServer.StartAsync(store, receipts: logA, ownsStore: false);
            await using var b = await LookupServer.StartAsync(store, receipts: logB, ownsStore: false);
            await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(async () =>
                await (i % 2 == 0 ? a : b).Registry.PutOrganisationAsync(new PutOrganisationRequest { Organisation = new Organisation { Name = "org" + i } }, cancellationToken: Token))));
            var count = (await ReadAsync(store.Trail)).Count;
            Assert.Equal(2 + (2 * 20), count);
            logA.Seal();
            logB.Seal();

            string[] verify = ["trail", "verify", "--receipts", folders[0], "--receipts", folders[1], "--public-key", publicKey, "--address", a.Host.GrpcAddress.ToString()];
            var intact = await CliRun.Async(verify);
            Assert.True(intact.ExitCode == 0, intact.Error);
            Assert.Contains($"prove the first {count}", intact.Output, StringComparison.Ordinal);

            // Behind the store: who can write to it removes the newest entry.
            await using var behind = await StackExchange.Redis.ConnectionMultiplexer.ConnectAsync(store.ConnectionString);
            await behind.GetDatabase().ListTrimAsync("{lookup}:trail", 0, count - 2);
            var cut = await CliRun.Async(verify);
            Assert.Equal(Lookup.Cli.ExitCodes.Error, cut.ExitCode);
            Assert.Contains("the newest entries were removed", cut.Error, StringComparison.Ordinal);
            var alone = await CliRun.Async("trail", "verify", "--address", a.Host.GrpcAddress.ToString());
            Assert.True(alone.ExitCode == 0 && alone.Output.Contains("Without --receipts", StringComparison.Ordinal), alone.Output + alone.Error);

            await behind.GetDatabase().ListTrimAsync("{lookup}:trail", 1, -1);
            var headless = await CliRun.Async("trail", "list", "--address", a.Host.GrpcAddress.ToString());
            Assert.Contains("Entry 0 of the trail", headless.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task ToolOnTheStore_EveryAct_IsInTheTrailWithItsUser()
    {
        using var temp = new TempFolder();
        var data = await temp.StoreAsync();
        var file = temp.Write("optouts.csv", "phone\n+31612345987\n");
        await DoneAsync("key", "create", "anna", "--role", "admin", "--data", data);
        await DoneAsync("grant", "add", "anna", "*", "--data", data);
        await DoneAsync("key", "list", "--data", data);
        await DoneAsync("import", file, "--set", "kind=objection", "--set", "organisation=acme", "--map", "number=phone", "--data", data);
        var import = JsonNode.Parse(await DoneAsync("imports", "--json", "--data", data))!["imports"]![0]!["importId"]!.GetValue<string>();
        await DoneAsync("retention", "--dry-run", "--data", data);
        await DoneAsync("retention", "--yes", "--data", data);
        await DoneAsync("revert", import, "--dry-run", "--data", data);
        await DoneAsync("revert", import, "--yes", "--data", data);
        await DoneAsync("key", "rotate", "anna", "--data", data);
        var refused = await CliRun.Async("key", "rotate", "nobody", "--data", data);
        Assert.Equal(Lookup.Cli.ExitCodes.Error, refused.ExitCode);

        var acts = (await DoneAsync("trail", "list", "--json", "--data", data)).Trim().Split('\n').Select(line => JsonNode.Parse(line)!).ToList();
        Assert.Equal(
            [("SetUpStore", "done"), ("CreateCredential", "done"), ("AddGrant", "done"), ("ImportFacts", "done: " + import),
                ("ApplyRetention", "done: nothing was due"), ("RevertImport", "done"), ("RotateCredential", "done"), ("RotateCredential", "refused: NotFound")],
            acts.Select(act => (act["act"]!.GetValue<string>(), act["result"]!.GetValue<string>())));
        Assert.All(acts, act => Assert.Equal($"tool:{Environment.UserName}@{Environment.MachineName}", act["who"]!.GetValue<string>()));
        Assert.Contains("AddGrant", await DoneAsync("trail", "list", "--kind", "grant", "--who", "tool", "--data", data), StringComparison.Ordinal);
        Assert.Contains("No acts", await DoneAsync("trail", "list", "--who", "anna", "--data", data), StringComparison.Ordinal);
        Assert.Contains("Intact", await DoneAsync("trail", "verify", "--data", data), StringComparison.Ordinal);
    }

    private static async Task<string> DoneAsync(params string[] arguments)
    {
        var run = await CliRun.Async(arguments);
        Assert.True(run.ExitCode == 0, string.Join(' ', arguments) + ": " + run.Error);
        return run.Output;
    }

    // The result of a stream is written when its call has ended, which its caller does not wait for.
    private static async Task<List<TrailEntry>> AfterAsync(GuardedServer guarded, int before, string name)
    {
        while (true)
        {
            var entries = (await ReadAsync(guarded)).Skip(before).ToList();
            if (!TrailActs.Kinds.ContainsKey(name) || entries.Any(entry => entry.Of is not null))
            {
                return entries;
            }

            await Task.Delay(20, Token);
        }
    }

    private static void AssertAct(string name, List<TrailEntry> entries)
    {
        if (!TrailActs.Kinds.TryGetValue(name, out var kind))
        {
            Assert.True(entries.Count == 0, $"{name}: {string.Join(", ", entries)}");
            return;
        }

        var acts = entries.Where(entry => entry.Kind != "approval").ToList();
        Assert.True(acts.Count == 2, $"{name}: {acts.Count} entries");
        Assert.Equal((name, kind, "anna", ""), (acts[0].Act, acts[0].Kind, acts[0].Who, acts[0].Result));
        Assert.Equal((name, kind, "anna", acts[0].Number), (acts[1].Act, acts[1].Kind, acts[1].Who, acts[1].Of));
        Assert.NotEmpty(acts[1].Result);
    }

    // Compares a snapshot of one number, and applies it.
    private static async Task LoadAsync(CallInvoker invoker)
    {
        using var load = new RegistryService.RegistryServiceClient(invoker).LoadSnapshot(cancellationToken: Token);
        foreach (var request in (LoadSnapshotRequest[])
        [
            new() { Open = new LoadSnapshotOpen { Register = "nl-bmnr", SnapshotDate = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(-1)) } },
            new() { Numbers = new LoadSnapshotNumbers { Numbers = { 31612300078 } } },
            new() { Compare = new LoadSnapshotCompare() },
        ])
        {
            await load.RequestStream.WriteAsync(request, Token);
        }

        Assert.True(await load.ResponseStream.MoveNext(Token));
        await load.RequestStream.WriteAsync(new LoadSnapshotRequest { Apply = new LoadSnapshotApply { AcceptChange = true } }, Token);
        await load.RequestStream.CompleteAsync();
        while (await load.ResponseStream.MoveNext(Token))
        {
        }
    }

    private static IReadOnlyList<IMessage> Valid(string name) => name switch
    {
        "CreateCredential" => [new CreateCredentialRequest { Credential = new Credential { CredentialId = "bert", Kind = CredentialKind.ApiKey, Roles = { Role.Check } } }],
        "EraseNumber" => [new EraseNumberRequest { Number = Number, Source = "letter" }],
        _ => AccessRpcs.All.Single(rpc => rpc.Key.EndsWith("." + name, StringComparison.Ordinal)).Value.Requests("acme"),
    };

    private static Task<List<TrailEntry>> ReadAsync(GuardedServer guarded) => ReadAsync(guarded.Server.Store.Trail);

    private static async Task<List<TrailEntry>> ReadAsync(ITrailStore trail)
    {
        var check = new TrailCheck();
        return [.. (await trail.ReadAsync(0, ITrailStore.MaxPage, Token)).Select(stored => check.Add(stored))];
    }

    /// <summary>A trail that a test stops.</summary>
    private sealed class StoppedTrail(ITrailStore inner) : ITrailStore
    {
        internal bool IsStopped { get; set; }

        public Task<AppendedEntry> AppendAsync(TrailEntry entry, CancellationToken cancellation) => IsStopped
            ? throw new StoreUnavailableException(StoreFault.Unreachable, "The store cannot be reached.")
            : inner.AppendAsync(entry, cancellation);

        public Task<IReadOnlyList<byte[]>> ReadAsync(long from, int count, CancellationToken cancellation) => inner.ReadAsync(from, count, cancellation);

        public Task<IReadOnlyList<byte[]>> NewestAsync(int count, CancellationToken cancellation) => inner.NewestAsync(count, cancellation);
    }
}
