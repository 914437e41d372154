using Google.Protobuf.Reflection;
using Grpc.Core;
using Lookup.Core.Access;
using Lookup.V1;

namespace Lookup.ServiceTests.Access;

/// <summary>Every call of the contract, with every role, organisation and state of a credential, over gRPC and JSON.</summary>
public sealed class AccessMatrixTests : IAsyncLifetime
{
    private static readonly Roles[] EachRole = [Roles.Check, Roles.Write, Roles.Watch, Roles.Admin, Roles.Observe];

    private GuardedServer _guarded = null!;

    public async ValueTask InitializeAsync()
    {
        _guarded = await GuardedServer.StartAsync();
        var all = await _guarded.KeyAsync("all", Roles.All, "*");
        await new FactService.FactServiceClient(_guarded.As(all)).RecordFactsAsync(Samples.Record(
            Samples.Consent(AccessRpcs.Known, GuardedServer.Own), Samples.Consent(AccessRpcs.Known, GuardedServer.Other)));
    }

    public ValueTask DisposeAsync() => _guarded.DisposeAsync();

    [Fact]
    public void Contract_EveryCall_HasALineHereAndInTheService()
    {
        var calls = AnyCall.Methods.Select(NameOf).Order();
        Assert.Equal(calls, AccessRpcs.All.Keys.Order());
        Assert.Equal(calls, Lookup.Server.Access.RpcRoles.Table.Keys.Select(path => path["/lookup.v1.".Length..].Replace('/', '.')).Order());
    }

    [Fact]
    public void EveryEndpoint_OfTheService_HasARoleThatSomebodyChose()
    {
        foreach (var endpoint in _guarded.Server.Host.Endpoints.Endpoints.OfType<Microsoft.AspNetCore.Routing.RouteEndpoint>())
        {
            var path = endpoint.RoutePattern.RawText!;
            var isCall = endpoint.Metadata.GetMetadata<Grpc.AspNetCore.Server.GrpcMethodMetadata>() is not null;
            var isPage = endpoint.Metadata.GetMetadata<Lookup.Server.Telemetry.ObserverPage>() is not null;
            var isUnimplemented = path.EndsWith("{unimplementedMethod:grpcunimplemented}", StringComparison.Ordinal);
            var stated = endpoint.Metadata.GetMetadata<Lookup.Server.Access.RoleOfEndpoint>();
            Assert.True(isCall || isPage || isUnimplemented || stated is not null || path == "/health", path);
            if (!isCall && path != "/health")
            {
                Assert.Equal(isPage ? Roles.Observe : path == "/v1/gate" ? Roles.Check : Roles.None, Lookup.Server.Access.RpcRoles.Of(endpoint));
            }
        }
    }

    [Fact]
    public async Task EveryCall_OfEveryRoleAndOrganisation_IsLetInOrToldWhatIsMissing()
    {
        foreach (var held in EachRole)
        {
            var key = await _guarded.KeyAsync($"has-{held}".ToLowerInvariant(), held, GuardedServer.Own);
            await ForEachCallAsync(async (name, rpc, organisation, call) =>
            {
                var outcome = await call(key);
                var because = $"{name} about {organisation} by a credential with {held}: {outcome}";
                if (rpc.Role != Roles.None && rpc.Role != held)
                {
                    Assert.True(
                        outcome is { Status: StatusCode.PermissionDenied, Reason: "ROLE_MISSING" } && outcome.Missing == NameOf(rpc.Role),
                        because);
                }
                else if (organisation == GuardedServer.Other && rpc.Foreign == Foreign.Denied)
                {
                    Assert.True(
                        outcome is { Status: StatusCode.PermissionDenied, Reason: "ORGANISATION_NOT_GRANTED", Missing: GuardedServer.Other }, because);
                }
                else
                {
                    Assert.True(outcome.IsLetIn, because);
                    Assert.True(Shows(rpc.Foreign, organisation, outcome), because);
                }
            });
        }
    }

    [Theory]
    [InlineData("absent", "CREDENTIAL_MISSING")]
    [InlineData("unknown", "CREDENTIAL_UNKNOWN")]
    [InlineData("wrong", "CREDENTIAL_UNKNOWN")]
    [InlineData("garbage", "CREDENTIAL_UNKNOWN")]
    [InlineData("expired", "CREDENTIAL_EXPIRED")]
    [InlineData("revoked", "CREDENTIAL_REVOKED")]
    [InlineData("replaced", "CREDENTIAL_UNKNOWN")]
    public async Task EveryCall_CredentialDoesNotCount_IsUnauthenticated(string state, string reason)
    {
        foreach (var held in EachRole.Append(Roles.All))
        {
            var id = $"{state}-{held}".ToLowerInvariant();
            var key = await _guarded.KeyAsync(id, held, "*");
            var shown = state switch
            {
                "absent" => null,
                "unknown" => key.Replace(state, "nobody", StringComparison.Ordinal),
                "wrong" => key[..^1] + (key[^1] == '0' ? '1' : '0'),
                "garbage" => "lk_",
                _ => key,
            };
            if (state == "replaced")
            {
                await _guarded.Keeper.RotateAsync(new RotateCredentialRequest { CredentialId = id }, TestContext.Current.CancellationToken);
            }
            else if (state == "revoked")
            {
                await _guarded.Keeper.RevokeAsync(new RevokeCredentialRequest { CredentialId = id }, TestContext.Current.CancellationToken);
            }
            else if (state == "expired")
            {
                await _guarded.ChangeAsync(id, known => known with { Expires = _guarded.Now - 1 });
            }

            await _guarded.FollowAsync();

            await ForEachCallAsync(async (name, _, organisation, call) =>
            {
                var outcome = await call(shown);
                Assert.True(
                    outcome.Status == StatusCode.Unauthenticated && outcome.Reason == reason,
                    $"{name} about {organisation}, credential {state}, with {held}: {outcome}");
            });
        }
    }

    private static bool Shows(Foreign foreign, string organisation, Outcome outcome) => (foreign, outcome.Answer) switch
    {
        (Foreign.ItemRefused, RecordFactsResponse) => organisation != GuardedServer.Other,
        // All facts of the request are refused.
        (Foreign.ItemRefused, null) => outcome.Status == StatusCode.InvalidArgument && organisation == GuardedServer.Other,
        (Foreign.ItemRefused, RecordBlocksResponse or RemoveBlocksResponse) => organisation != GuardedServer.Other,
        (Foreign.ItemRefused, ImportFactsResponse answer) => (answer.Refused.Count == 1) == (organisation == GuardedServer.Other),
        (Foreign.Hidden, ListFactsResponse answer) =>
            answer.Facts.Count > 0 && answer.Facts.All(known => known.Fact.Consent.Organisation == GuardedServer.Own),
        (Foreign.ItemRefused or Foreign.Hidden, _) => false,
        _ => true,
    };

    private static string NameOf(Roles role) => role.ToString().ToLowerInvariant();

    private static string NameOf(MethodDescriptor method) => $"{method.Service.Name}.{method.Name}";

    private async Task ForEachCallAsync(Func<string, AccessRpc, string, Func<string?, Task<Outcome>>, Task> check)
    {
        var all = await _guarded.KeyAsync($"any-{Guid.NewGuid():n}", Roles.All, "*");
        foreach (var method in AnyCall.Methods)
        {
            var rpc = AccessRpcs.All[NameOf(method)];
            var probe = await AnyCall.GrpcAsync(_guarded.Server.Invoker, method, rpc.Requests(GuardedServer.Own), all);
            if (probe.Status == StatusCode.Unimplemented)
            {
                // Not served yet.
                continue;
            }

            foreach (var organisation in (string[])[GuardedServer.Own, GuardedServer.Other])
            {
                await check(
                    NameOf(method), rpc, organisation, key => AnyCall.GrpcAsync(_guarded.Server.Invoker, method, rpc.Requests(organisation), key));
                if (AnyCall.Route(method) is not null)
                {
                    await check(
                        NameOf(method) + " in JSON", rpc, organisation, key => AnyCall.JsonAsync(_guarded.Server.Http, method, rpc.Requests(organisation)[0], key));
                }
            }
        }
    }
}
