using Google.Protobuf;
using Lookup.Client;
using Lookup.Core.Facts;
using Lookup.Redis;
using Lookup.Server.Mapping;
using Lookup.V1;

namespace Lookup.Cli.Declared;

/// <summary>A record or grant that the service has otherwise than the file declares it.</summary>
/// <param name="Before">As the service has it; null: it does not.</param>
/// <param name="After">As the file declares it; null: it does not.</param>
internal sealed record DeclaredChange(IMessage? Before, IMessage? After)
{
    private IMessage Any => After ?? Before!;

    /// <summary>"add", "change" or "remove".</summary>
    public string Action => Before is null ? "add" : After is null ? "remove" : "change";

    /// <summary>"organisation" or "grant".</summary>
    public string Kind => Any is Organisation ? "organisation" : "grant";

    /// <summary>Name of the organisation, or credential and organisation of the grant.</summary>
    public string Name => Any is Organisation organisation ? organisation.Name : $"{((Grant)Any).CredentialId} {((Grant)Any).Organisation}";

    /// <summary>Whether the organisation may call where it may not now, so that a second administrator may be needed.</summary>
    public bool BindsLess => After is Organisation after && Stored(after).BindsLessThan(Before is Organisation before ? Stored(before) : null);

    /// <summary>Makes the change.</summary>
    public Task ApplyAsync(LookupClient client, CancellationToken ct) => (After, Before) switch
    {
        (Organisation organisation, _) => client.PutOrganisationAsync(new PutOrganisationRequest { Organisation = organisation }, ct),
        (Grant grant, _) => client.AddGrantAsync(new AddGrantRequest { Grant = grant }, ct),
        (_, Grant grant) => client.RemoveGrantAsync(new RemoveGrantRequest { CredentialId = grant.CredentialId, Organisation = grant.Organisation }, ct),
        _ => throw new InvalidOperationException("An organisation's record cannot be removed."),
    };

    private static StoredOrganisation Stored(Organisation organisation)
    {
        List<FieldFault>? faults = null;
        return LayerMapping.Read(organisation, ref faults);
    }
}
