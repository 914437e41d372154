using Google.Rpc;
using Grpc.Core;

namespace Lookup.Client;

/// <summary>
/// A watch cannot go on after its token: changes since then are not kept any more, or it comes from another store. Scrub the
/// active lists again, then watch without a token.
/// </summary>
public sealed class ChangesLostException : LookupException
{
    internal ChangesLostException(LookupException failure, string reason)
        : base(failure)
    {
        Reason = reason;
    }

    /// <summary>
    /// RESUME_TOKEN_TOO_OLD, RESUME_TOKEN_AHEAD, RESUME_TOKEN_OF_ANOTHER_STORE or CHANGES_LOST; empty where the service says none.
    /// </summary>
    public string Reason { get; }

    internal static LookupException From(RpcException exception, LookupException failure) =>
        exception.StatusCode == StatusCode.FailedPrecondition
            ? new ChangesLostException(failure, exception.GetRpcStatus()?.GetDetail<ErrorInfo>()?.Reason ?? "")
            : failure;
}
