using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Lookup.Core.Access;
using Lookup.Core.Facts;
using Rpc = Google.Rpc.Status;

namespace Lookup.Server.Errors;

/// <summary>
/// Creates the errors that callers see, each with its google.rpc details. Texts never quote a number or free text of the request: they are
/// logged and shown on the operations page.
/// </summary>
internal static class RpcErrors
{
    private const string Domain = "lookup.v1";

    /// <summary>INVALID_ARGUMENT for these fields.</summary>
    internal static RpcException Invalid(IReadOnlyList<FieldFault> faults) => InvalidStatus(faults).ToRpcException();

    /// <summary>INVALID_ARGUMENT for one field.</summary>
    internal static RpcException Invalid(string field, string description) => Invalid([new FieldFault(field, description)]);

    internal static Rpc InvalidStatus(IReadOnlyList<FieldFault> faults)
    {
        var details = new BadRequest();
        foreach (var fault in faults.Take(FieldFaults.Max))
        {
            details.FieldViolations.Add(new BadRequest.Types.FieldViolation { Field = fault.Field, Description = fault.Description });
        }

        var message = faults.Count == 1
            ? $"{faults[0].Field}: {faults[0].Description}"
            : $"{(faults.Count > FieldFaults.Max ? $"More than {FieldFaults.Max}" : faults.Count)} invalid fields: "
                + $"{string.Join(", ", faults.Take(FieldFaults.Max).Select(f => f.Field).Distinct())}.";
        return Of(Code.InvalidArgument, message, details);
    }

    /// <summary>INVALID_ARGUMENT: the request is not a message of its method.</summary>
    internal static RpcException Unreadable() => Invalid("(message)", "Not a valid protobuf message of the type this method expects; compare with protos/lookup/v1.");

    /// <summary>FAILED_PRECONDITION: the state of the store does not permit the call.</summary>
    internal static RpcException Precondition(string message) => Of(Code.FailedPrecondition, message).ToRpcException();

    /// <summary>FAILED_PRECONDITION with a reason that programs can act on.</summary>
    internal static RpcException Precondition(string message, string reason) =>
        Of(Code.FailedPrecondition, message, new ErrorInfo { Reason = reason, Domain = Domain }).ToRpcException();

    /// <summary>UNAVAILABLE: the store or the service cannot answer now; the caller may retry.</summary>
    internal static RpcException Unavailable(string message, int retryAfterMs) =>
        Of(Code.Unavailable, message, Retry(retryAfterMs)).ToRpcException();

    /// <summary>DEADLINE_EXCEEDED: the caller's deadline has passed.</summary>
    internal static RpcException DeadlineExceeded() =>
        new(new Grpc.Core.Status(StatusCode.DeadlineExceeded, "The caller's deadline passed before the answer was ready."));

    /// <summary>RESOURCE_EXHAUSTED: a limit is reached; the message names it.</summary>
    internal static RpcException Exhausted(string message, int retryAfterMs) =>
        Of(Code.ResourceExhausted, message, Retry(retryAfterMs)).ToRpcException();

    /// <summary>Why a message is refused that would fit alone.</summary>
    internal const string TooManyLarge = "Too many large requests at the same time; retry later.";

    /// <summary>UNAUTHENTICATED: the request has no credential.</summary>
    internal static RpcException NoCredential() => Unauthenticated(
        "The request has no credential; send the header 'authorization: Bearer <API key or token>'.", "CREDENTIAL_MISSING");

    /// <summary>UNAUTHENTICATED: the service does not know the credential.</summary>
    internal static RpcException UnknownCredential() => Unauthenticated(
        "The service does not know this credential; check the key, token or certificate and that it was created for this service.", "CREDENTIAL_UNKNOWN");

    /// <summary>UNAUTHENTICATED: the credential has expired.</summary>
    internal static RpcException ExpiredCredential() => Unauthenticated(
        "The credential has expired; ask an administrator for a new one, or the issuer for a new token.", "CREDENTIAL_EXPIRED");

    /// <summary>UNAUTHENTICATED: the token is from the future.</summary>
    internal static RpcException FutureCredential() => Unauthenticated(
        "The token is not valid yet: its time of issue (iat) or start (nbf) is in the future; compare the clocks of the issuer and this service.",
        "CREDENTIAL_NOT_YET_VALID");

    /// <summary>UNAUTHENTICATED: the token has no times.</summary>
    internal static RpcException TimelessCredential() => Unauthenticated(
        "The token has no end (exp), or neither a time of issue (iat) nor a start (nbf); configure the issuer to set them.", "CREDENTIAL_UNKNOWN");

    /// <summary>UNAUTHENTICATED: the credential was revoked, or its secret was rotated.</summary>
    internal static RpcException RevokedCredential() => Unauthenticated(
        "The credential was revoked or its secret rotated; ask an administrator for a new one.", "CREDENTIAL_REVOKED");

    /// <summary>PERMISSION_DENIED: the credential lacks the role.</summary>
    internal static RpcException RoleMissing(Roles role)
    {
        var name = role.ToString().ToLowerInvariant();
        return Denied($"The credential lacks the role {name}; an administrator can create one that has it.", "ROLE_MISSING", "role", name);
    }

    /// <summary>PERMISSION_DENIED: the credential has no grant for the organisation, whose name was validated.</summary>
    internal static RpcException NotGranted(string organisation) => Denied(
        $"The credential has no grant for the organisation {organisation}; an administrator can add one.", "ORGANISATION_NOT_GRANTED", "organisation", organisation);

    /// <summary>INTERNAL: an unexpected exception, logged under this id.</summary>
    internal static RpcException Internal(string id) =>
        Of(Code.Internal, $"Internal error {id}; search the service's log for this id.", new RequestInfo { RequestId = id })
            .ToRpcException();

    internal static Rpc Of(Code code, string message, params ReadOnlySpan<IMessage> details)
    {
        var status = new Rpc { Code = (int)code, Message = message };
        foreach (var detail in details)
        {
            status.Details.Add(Any.Pack(detail));
        }

        return status;
    }

    private static RpcException Unauthenticated(string message, string reason) =>
        Of(Code.Unauthenticated, message, new ErrorInfo { Reason = reason, Domain = Domain }).ToRpcException();

    private static RpcException Denied(string message, string reason, string key, string value) => Of(
        Code.PermissionDenied, message, new ErrorInfo { Reason = reason, Domain = Domain, Metadata = { [key] = value } }).ToRpcException();

    private static RetryInfo Retry(int milliseconds) =>
        new() { RetryDelay = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(milliseconds)) };
}
