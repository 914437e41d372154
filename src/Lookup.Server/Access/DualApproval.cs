// For: actions that one administrator must not carry out alone, because they permit many calls or decide who has access. A second
// administrator must send the same request.
//
// Two credentials are not two people. An administrator who creates a credential or rotates its secret learns the secret and can use it.
// So each secret stores the credentials whose holders may know it: the administrator who received it, and everyone who may know that
// administrator's own secret. A second request counts only if no single person can have sent both, and only if its secret is older than the
// first request. 'lookup key' makes secrets in the store itself; only their holders know those, and a caller with access to the store needs
// no service anyway. Creating, rotating and granting administrators' credentials is guarded too, or one person could make the second.
//
// If no two administrators are independent (there is only one, or the first made the others), the guard would lock everyone out. Then one
// suffices, except for actions that are never done alone. A revoked administrator counts for another week, so revoking the others does
// not switch the guard off unnoticed.
using Google.Rpc;
using Grpc.Core;
using Lookup.Redis.Credentials;
using Lookup.Server.Errors;
using Microsoft.Extensions.Logging;

namespace Lookup.Server.Access;

/// <summary>Requires two independent administrators for the actions that need them.</summary>
internal sealed class DualApproval(IAccessStore store, AccessControl access, IApprovalRecord record, LookupServerOptions options, ILogger<DualApproval> log)
{
    /// <summary>The reason in the error that asks for a second administrator.</summary>
    internal const string Reason = "SECOND_ADMINISTRATOR_NEEDED";

    /// <summary>Returns if the caller may proceed, as the second administrator or alone if one suffices; otherwise records the request and throws.</summary>
    /// <param name="action">Identifies the action: everything that distinguishes it from another one.</param>
    /// <param name="words">The action for people, as a verb phrase: "revert the import 20261124-141502-7f3a".</param>
    /// <param name="isNeverAlone">Requires two even if no two administrators are independent.</param>
    /// <param name="caller">The caller.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>Whether two administrators approved it.</returns>
    /// <exception cref="RpcException">FAILED_PRECONDITION: the request is recorded, and a second one is needed.</exception>
    internal async Task<bool> DemandAsync(string action, string words, bool isNeverAlone, Caller caller, CancellationToken cancellation)
    {
        if (!access.IsOn)
        {
            return false;
        }

        var (table, now) = (await access.CurrentAsync(cancellation), access.Now);
        if (!isNeverAlone && !table.HasIndependentAdministrators(now))
        {
            return false;
        }

        var keep = TimeSpan.FromMinutes(options.RevertApprovalMinutes);
        var mine = table.OriginOf(caller);
        var known = await store.FindApprovalAsync(action, cancellation);
        // The request of a secret that was revoked or replaced since does not count.
        var first = known is not null && now - known.At < keep.TotalMilliseconds && table.IsCounting(known, now) ? known : null;
        if (first is not null && mine.Made < first.At && mine.IsIndependentOf(new CredentialOrigin(first.Made, first.KnownTo)))
        {
            await record.WriteApprovalAsync(caller.Id, words, first.Credential, cancellation);
            // An approval is used once.
            await ReplaceAsync(action, known, null, keep, cancellation);
            log.LogWarning("{First} and {Second} approved: {Action}", first.Credential, caller.Id, words);
            return true;
        }

        if (mine.Holders is null)
        {
            throw RpcErrors.Precondition(
                $"Two administrators are needed to {words}. An earlier version created your secret and did not record who knows it, so it does not count. "
                + "Rotate it directly in the store: lookup key rotate, with --redis or --data.",
                Reason);
        }

        // Repeating the first request does not extend its time.
        if (first is null)
        {
            first = new StoredApproval(caller.Id, now) { Made = mine.Made, KnownTo = mine.Holders };
            await record.WriteApprovalAsync(caller.Id, words, null, cancellation);
            await ReplaceAsync(action, known, first, keep, cancellation);
            log.LogWarning("{First} asked to {Action}; a second administrator must send the same request", caller.Id, words);
        }

        throw RpcErrors.Precondition(
            $"Two administrators are needed to {words}. {first.Credential} asked for it; another one must send the same request within "
            + $"{options.RevertApprovalMinutes} minutes of that, with a secret that is older than the first request and that {first.Credential} did not make.",
            Reason);
    }

    private async Task ReplaceAsync(string action, StoredApproval? before, StoredApproval? after, TimeSpan keep, CancellationToken cancellation)
    {
        if (!await store.TryReplaceApprovalAsync(action, before, after, keep, cancellation))
        {
            throw RpcErrors.Of(Code.Aborted, "Another administrator sent the same request at the same time; retry.").ToRpcException();
        }
    }
}
