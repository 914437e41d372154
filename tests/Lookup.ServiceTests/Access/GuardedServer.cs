using Grpc.Core;
using Grpc.Core.Interceptors;
using Lookup.Core.Access;
using Lookup.Embedded;
using Lookup.Embedded.Engine;
using Lookup.Redis.Credentials;
using Lookup.Redis.Store;
using Lookup.Server;
using Lookup.Server.Access;
using Lookup.Server.Receipts;
using Lookup.V1;
using CredentialKind = Lookup.V1.CredentialKind;

namespace Lookup.ServiceTests.Access;

/// <summary>A service that asks for credentials.</summary>
internal sealed class GuardedServer : IAsyncDisposable
{
    internal const string Own = "acme";
    internal const string Other = "rival";

    private GuardedServer(LookupServer server)
    {
        Server = server;
        Keeper = new CredentialKeeper(server.Store.Registry, server.Store.Access, server.Clock);
    }

    internal LookupServer Server { get; }

    internal CredentialKeeper Keeper { get; }

    internal long Now => Server.Clock.GetUtcNow().ToUnixTimeMilliseconds();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    internal static async Task<GuardedServer> StartAsync(
        FactStore? store = null, Action<LookupServerOptions>? configure = null, ReceiptLog? receipts = null, TimeProvider? clock = null) =>
        new(await LookupServer.StartAsync(store ?? await PatientAsync(), o =>
        {
            o.Credentials = true;
            // A loaded machine may stand still for longer than the usual bound, and streams then end. What changes counts with the next poll.
            o.FreshnessBoundMs = 5_000;
            (o.StoreReadLimitMs, o.StoreWriteLimitMs) = (10_000, 60_000);
            configure?.Invoke(o);
        }, receipts, clock: clock));

    // With limits that a loaded machine keeps to: nothing here is about a slow store.
    private static async Task<FactStore> PatientAsync() => await EmbeddedStore.StartAsync(
        new EmbeddedOptions { ExpectedFacts = 10_000, MemoryMiB = 64, ReadTimeoutMs = 10_000, WriteTimeoutMs = 60_000 },
        LookupServer.Key,
        TimeProvider.System,
        Token);

    /// <summary>Makes an API key, and lets the service know at once.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="roles">Its roles.</param>
    /// <param name="organisations">What it is granted.</param>
    internal async Task<string> KeyAsync(string id, Roles roles, params string[] organisations)
    {
        var credential = new Credential { CredentialId = id, Kind = CredentialKind.ApiKey };
        return await KeyAsync(credential, roles, organisations);
    }

    internal async Task<string> KeyAsync(Credential credential, Roles roles, params string[] organisations)
    {
        credential.Roles.AddRange(Enum.GetValues<Role>().Where(role => role != Role.Unspecified && roles.HasFlag((Roles)(1 << ((int)role - 1)))));
        var made = await Keeper.CreateAsync(new CreateCredentialRequest { Credential = credential }, Token);
        foreach (var organisation in organisations)
        {
            await Keeper.AddGrantAsync(
                new AddGrantRequest { Grant = new Grant { CredentialId = credential.CredentialId, Organisation = organisation } }, Token);
        }

        await FollowAsync();
        return made.ApiKey;
    }

    /// <summary>Changes what is kept of a credential, past the service.</summary>
    internal async Task ChangeAsync(string id, Func<StoredCredential, StoredCredential> change)
    {
        var known = (await Server.Store.Registry.ReadAsync(Token)).Credentials.Single(one => one.Id == id);
        Assert.True(await Server.Store.Access.TryPutAsync(change(known), Token));
        await FollowAsync();
    }

    /// <summary>The service has what the store has now.</summary>
    internal Task FollowAsync() => Server.Host.FollowRegistryAsync(Token);

    /// <summary>Calls with a credential.</summary>
    internal CallInvoker As(string bearer) => As(Server.Invoker, bearer);

    internal static CallInvoker As(CallInvoker invoker, string bearer) => invoker.Intercept(metadata =>
    {
        metadata.Add("authorization", "Bearer " + bearer);
        return metadata;
    });

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}
