using Google.Rpc;
using Grpc.Core;

namespace Lookup.Client;

/// <summary>
/// A watch cannot resume from its token: later changes are no longer stored, or the token is of another store. Scrub the active
/// lists again, then watch without a token.
/// </summary>
public sealed class ChangesLostException : LookupException
{
    internal ChangesLostException(LookupException failure, string reason)
        : base(failure)
    {
        Reason = reason;
    }

    /// <summary>
    /// RESUME_TOKEN_TOO_OLD, RESUME_TOKEN_AHEAD, RESUME_TOKEN_OF_ANOTHER_STORE or CHANGES_LOST; empty if the service gives no reason.
    /// </summary>
    public string Reason { get; }

    internal static LookupException From(RpcException exception, LookupException failure) =>
        exception.StatusCode == StatusCode.FailedPrecondition
            ? new ChangesLostException(failure, exception.GetRpcStatus()?.GetDetail<ErrorInfo>()?.Reason ?? "")
            : failure;
}
