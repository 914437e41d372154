using Google.Protobuf;
using Lookup.Core.Access;
using Lookup.V1;

namespace Lookup.ServiceTests.Access;

/// <summary>What becomes of a call about an organisation that is not granted.</summary>
internal enum Foreign
{
    /// <summary>The call is about none.</summary>
    None,

    /// <summary>It is refused.</summary>
    Denied,

    /// <summary>The item is refused, the call answered.</summary>
    ItemRefused,

    /// <summary>It is answered without what is of that organisation.</summary>
    Hidden,
}

/// <summary>What the matrix knows of a call.</summary>
/// <param name="Role">The role that it needs; none: any credential.</param>
/// <param name="Foreign">What becomes of it for an organisation that is not granted.</param>
/// <param name="Requests">Its requests, about an organisation.</param>
internal sealed record AccessRpc(Roles Role, Foreign Foreign, Func<string, IReadOnlyList<IMessage>> Requests);

/// <summary>One line for each call of the contract.</summary>
internal static class AccessRpcs
{
    /// <summary>A number with a consent to each organisation of the matrix.</summary>
    internal const string Known = "+31618765432";

    internal static IReadOnlyDictionary<string, AccessRpc> All { get; } = new Dictionary<string, AccessRpc>
    {
        ["LookupService.Check"] = new(Roles.Check, Foreign.Denied, org => [Samples.Check(Known, org)]),
        ["LookupService.CheckBatch"] = new(Roles.Check, Foreign.Denied, org => [new CheckBatchRequest { Numbers = { Known }, Question = Samples.Question(org) }]),
        ["LookupService.CheckStream"] = new(Roles.Check, Foreign.Denied, org =>
        [
            new CheckStreamRequest { Open = new CheckStreamOpen { Question = Samples.Question(org) } },
            new CheckStreamRequest { Chunk = new CheckStreamChunk { Sequence = 1, Numbers = { 31618765432 } } },
        ]),
        ["LookupService.Explain"] = new(Roles.Check, Foreign.Denied, org => [new ExplainRequest { Number = Known, Question = Samples.Question(org) }]),
        ["FactService.RecordFacts"] = new(Roles.Write, Foreign.ItemRefused, org => [Samples.Record(Samples.Objection(Samples.NewNumber(), org))]),
        ["FactService.RecordOutcome"] = new(Roles.Write, Foreign.Denied, org => [Samples.Outcome(Samples.NewNumber(), CallOutcome.NoAnswer, org)]),
        ["FactService.ImportFacts"] = new(Roles.Write, Foreign.ItemRefused, org =>
            [new ImportFactsRequest { Sequence = 1, Facts = { Samples.Objection(Samples.NewNumber(), org) } }]),
        ["FactService.ListFacts"] = new(Roles.Check, Foreign.Hidden, _ => [new ListFactsRequest { Number = Known }]),
        ["FactService.RecordBlocks"] = new(Roles.Write, Foreign.ItemRefused, org =>
            [new RecordBlocksRequest { Blocks = { new Block { Organisation = org, Pattern = "+1313XXXXXXX", Source = "test" } } }]),
        ["FactService.RemoveBlocks"] = new(Roles.Write, Foreign.ItemRefused, org =>
            [new RemoveBlocksRequest { Blocks = { new Block { Organisation = org, Pattern = "+1313XXXXXXX", Source = "test" } } }]),
        ["FactService.ListBlocks"] = new(Roles.Check, Foreign.Denied, org => [new ListBlocksRequest { Organisation = org }]),
        ["FactService.EraseNumber"] = new(Roles.Admin, Foreign.None, _ => [new EraseNumberRequest { Number = Samples.NewNumber(), Source = "letter" }]),
        ["FactService.ApplyRetention"] = new(Roles.Admin, Foreign.None, _ => [new ApplyRetentionRequest()]),
        ["WatchService.Watch"] = new(Roles.Watch, Foreign.Denied, org => [new WatchRequest { Organisations = { org } }]),
        ["ImportService.ListImports"] = new(Roles.Admin, Foreign.None, _ => [new ListImportsRequest()]),
        ["ImportService.RevertImport"] = new(Roles.Admin, Foreign.None, _ => [new RevertImportRequest { ImportId = "none" }]),
        ["RegistryService.PutOrganisation"] = new(Roles.Admin, Foreign.None, org =>
            [new PutOrganisationRequest { Organisation = new Organisation { Name = org } }]),
        ["RegistryService.ListOrganisations"] = new(Roles.Admin, Foreign.None, _ => [new ListOrganisationsRequest()]),
        ["RegistryService.LoadSnapshot"] = new(Roles.Admin, Foreign.None, _ => [new LoadSnapshotRequest { Open = new LoadSnapshotOpen { Register = "none" } }]),
        ["RegistryService.RecordSnapshot"] = new(Roles.Admin, Foreign.None, _ => [new RecordSnapshotRequest { Register = "none" }]),
        ["RegistryService.ListRegisters"] = new(Roles.Admin, Foreign.None, _ => [new ListRegistersRequest()]),
        ["AccessService.CreateCredential"] = new(Roles.Admin, Foreign.None, _ => [new CreateCredentialRequest()]),
        ["AccessService.ListCredentials"] = new(Roles.Admin, Foreign.None, _ => [new ListCredentialsRequest()]),
        ["AccessService.RotateCredential"] = new(Roles.Admin, Foreign.None, _ => [new RotateCredentialRequest { CredentialId = "none" }]),
        ["AccessService.RevokeCredential"] = new(Roles.Admin, Foreign.None, _ => [new RevokeCredentialRequest { CredentialId = "none" }]),
        ["AccessService.AddGrant"] = new(Roles.Admin, Foreign.None, org =>
            [new AddGrantRequest { Grant = new Grant { CredentialId = "none", Organisation = org } }]),
        ["AccessService.ListGrants"] = new(Roles.Admin, Foreign.None, _ => [new ListGrantsRequest()]),
        ["AccessService.RemoveGrant"] = new(Roles.Admin, Foreign.None, org => [new RemoveGrantRequest { CredentialId = "none", Organisation = org }]),
        ["TrailService.ListTrail"] = new(Roles.Admin, Foreign.None, _ => [new ListTrailRequest()]),
        ["ReceiptService.GetReceiptProof"] = new(Roles.Check, Foreign.None, _ => [new GetReceiptProofRequest { Id = "x" }]),
        ["ReceiptService.ListReceipts"] = new(Roles.Check, Foreign.None, _ => [new ListReceiptsRequest { Number = Known }]),
        ["ReceiptService.GetSignedHead"] = new(Roles.None, Foreign.None, _ => [new GetSignedHeadRequest()]),
    };
}
