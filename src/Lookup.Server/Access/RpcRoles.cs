using System.Collections.Frozen;
using Grpc.AspNetCore.Server;
using Lookup.Core.Access;
using Lookup.Server.Telemetry;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lookup.Server.Access;

/// <summary>The role that each call requires. docs/guide/access.md has the same table; a test fails on a call without an entry.</summary>
internal static class RpcRoles
{
    private const string Health = "/grpc.health.v1.Health/";

    // Reveals only the contract, which is public.
    private const string Reflection = "/grpc.reflection.";

    /// <summary>The role by the path of a call; None accepts any credential.</summary>
    internal static FrozenDictionary<string, Roles> Table { get; } = new Dictionary<string, Roles>
    {
        ["/lookup.v1.LookupService/Check"] = Roles.Check,
        ["/lookup.v1.LookupService/CheckBatch"] = Roles.Check,
        ["/lookup.v1.LookupService/CheckStream"] = Roles.Check,
        ["/lookup.v1.LookupService/Explain"] = Roles.Check,
        ["/lookup.v1.FactService/RecordFacts"] = Roles.Write,
        ["/lookup.v1.FactService/RecordOutcome"] = Roles.Write,
        ["/lookup.v1.FactService/ImportFacts"] = Roles.Write,
        ["/lookup.v1.FactService/ListFacts"] = Roles.Check,
        ["/lookup.v1.FactService/RecordBlocks"] = Roles.Write,
        ["/lookup.v1.FactService/RemoveBlocks"] = Roles.Write,
        ["/lookup.v1.FactService/ListBlocks"] = Roles.Check,
        ["/lookup.v1.FactService/EraseNumber"] = Roles.Admin,
        ["/lookup.v1.FactService/ApplyRetention"] = Roles.Admin,
        ["/lookup.v1.WatchService/Watch"] = Roles.Watch,
        ["/lookup.v1.ImportService/ListImports"] = Roles.Admin,
        ["/lookup.v1.ImportService/RevertImport"] = Roles.Admin,
        ["/lookup.v1.RegistryService/PutOrganisation"] = Roles.Admin,
        ["/lookup.v1.RegistryService/ListOrganisations"] = Roles.Admin,
        ["/lookup.v1.RegistryService/RecordSnapshot"] = Roles.Admin,
        ["/lookup.v1.RegistryService/LoadSnapshot"] = Roles.Admin,
        ["/lookup.v1.RegistryService/ListRegisters"] = Roles.Admin,
        ["/lookup.v1.AccessService/CreateCredential"] = Roles.Admin,
        ["/lookup.v1.AccessService/ListCredentials"] = Roles.Admin,
        ["/lookup.v1.AccessService/RotateCredential"] = Roles.Admin,
        ["/lookup.v1.AccessService/RevokeCredential"] = Roles.Admin,
        ["/lookup.v1.AccessService/AddGrant"] = Roles.Admin,
        ["/lookup.v1.AccessService/ListGrants"] = Roles.Admin,
        ["/lookup.v1.AccessService/RemoveGrant"] = Roles.Admin,
        ["/lookup.v1.TrailService/ListTrail"] = Roles.Admin,
        ["/lookup.v1.ReceiptService/GetReceiptProof"] = Roles.Check,
        ["/lookup.v1.ReceiptService/ListReceipts"] = Roles.Check,
        ["/lookup.v1.ReceiptService/GetSignedHead"] = Roles.None,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Path of the service's health on the JSON port, for probes that do not support gRPC over TLS.</summary>
    internal const string HealthPage = "/health";

    /// <summary>Returns whether a path needs no credential: health, by gRPC and by HTTP.</summary>
    internal static bool IsHealth(string path) => path.StartsWith(Health, StringComparison.Ordinal) || path == HealthPage;

    /// <summary>Returns the role for the path of a call; Admin if the table does not have it.</summary>
    internal static Roles Of(string method) =>
        Table.TryGetValue(method, out var role) ? role
        : method.StartsWith(Reflection, StringComparison.Ordinal) ? Roles.None
        : Roles.Admin;

    /// <summary>
    /// Returns the role for an endpoint; Admin if it is unknown. Only the endpoint decides, never headers or other content of the request.
    /// </summary>
    internal static Roles Of(Endpoint endpoint) =>
        endpoint.Metadata.GetMetadata<GrpcMethodMetadata>() is { } call ? Of(call.Method.FullName)
        : endpoint.Metadata.GetMetadata<ObserverPage>() is not null ? Roles.Observe
        : endpoint.Metadata.GetMetadata<RoleOfEndpoint>() is { } stated ? stated.Role
        : IsUnimplemented(endpoint) ? Roles.None
        : Roles.Admin;

    // The gRPC library's endpoint for unknown methods.
    private static bool IsUnimplemented(Endpoint endpoint) =>
        endpoint is RouteEndpoint route && route.RoutePattern.GetParameter("unimplementedMethod") is not null;
}

/// <summary>States the role that an endpoint outside the contract requires.</summary>
/// <param name="role">The role; None accepts any credential.</param>
internal sealed class RoleOfEndpoint(Roles role)
{
    internal Roles Role => role;
}
