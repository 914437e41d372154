using Google.Rpc;
using Grpc.Core;
using Lookup.Redis;
using Lookup.Server.Errors;
using Lookup.Server.Hosting;

namespace Lookup.Server.Access;

/// <summary>Has a large import reverted only when two administrators ask for it: what it forbade may be permitted without it.</summary>
internal sealed class SecondPrincipal(IFactStore store, AccessControl access, LookupServerOptions options)
{
    /// <summary>Ends well where the import is small, or another administrator has asked for it before, within the time for that.</summary>
    /// <exception cref="RpcException">FAILED_PRECONDITION: the request is recorded, and a second one is needed.</exception>
    internal async Task DemandAsync(string importId, Caller caller, CancellationToken cancellation)
    {
        // One that is missing, under way, or reverted already, is told by the revert itself.
        if (!access.IsOn
            || await store.Imports.FindAsync(importId, cancellation) is not { State: not ImportState.Reverted } import
            || (import.State == ImportState.Running && !import.IsSilent(access.Now)))
        {
            return;
        }

        var facts = import.Register.Length > 0 ? import.Additions + import.Removals + import.Changes : import.Recorded;
        if (facts <= options.RevertApprovalFacts)
        {
            return;
        }

        var table = await access.CurrentAsync(cancellation);
        if (import.Approval is { } first && IsCounting(first) && first.Credential != caller.Id && table.CreatedOf(caller.Id) < first.At)
        {
            return;
        }

        // The first one who asks again does not prolong the time.
        if (import.Approval is not { } known || !IsCounting(known))
        {
            known = new StoredApproval(caller.Id, access.Now);
            if (await store.Imports.TryPutAsync(import with { Approval = known }, cancellation) is null)
            {
                throw Refusals.Of(Code.Aborted, "The import changed at the same time; try again.").ToRpcException();
            }
        }

        throw Refusals.Precondition(
            $"Reverting more than {options.RevertApprovalFacts} facts needs a second administrator. {known.Credential} asked for it; another "
            + $"credential, made before, must ask for the same within {options.RevertApprovalMinutes} minutes of that.",
            "SECOND_ADMINISTRATOR_NEEDED");

        // Of one who may still ask: a key that was revoked for being stolen asked for nothing.
        bool IsCounting(StoredApproval approval) =>
            access.Now - approval.At < options.RevertApprovalMinutes * 60_000L && table.IsAdministrator(approval.Credential, access.Now);
    }
}
