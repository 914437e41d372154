using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Lookup.Core.Access;
using Lookup.Core.Facts;
using Rpc = Google.Rpc.Status;

namespace Lookup.Server.Errors;

/// <summary>The errors that callers see, each with its google.rpc details. Texts are our own and carry no values of the request.</summary>
internal static class RpcErrors
{
    private const string Domain = "lookup.v1";

    /// <summary>The request is wrong in these fields.</summary>
    internal static RpcException Invalid(IReadOnlyList<FieldFault> faults) => InvalidStatus(faults).ToRpcException();

    /// <summary>The request is wrong in one field.</summary>
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
            : $"{(faults.Count > FieldFaults.Max ? $"More than {FieldFaults.Max}" : faults.Count)} fields are wrong: "
                + $"{string.Join(", ", faults.Take(FieldFaults.Max).Select(f => f.Field).Distinct())}.";
        return Of(Code.InvalidArgument, message, details);
    }

    /// <summary>The request is no message of its method.</summary>
    internal static RpcException Unreadable() => Invalid("(message)", "It is not the protobuf message that the method takes.");

    /// <summary>What is asked for does not fit the state of what is stored.</summary>
    internal static RpcException Precondition(string message) => Of(Code.FailedPrecondition, message).ToRpcException();

    /// <summary>What is asked for does not fit the state of what is stored; the reason tells a program what to do.</summary>
    internal static RpcException Precondition(string message, string reason) =>
        Of(Code.FailedPrecondition, message, new ErrorInfo { Reason = reason, Domain = Domain }).ToRpcException();

    /// <summary>The store or the service cannot answer now.</summary>
    internal static RpcException Unavailable(string message, int retryAfterMs) =>
        Of(Code.Unavailable, message, Retry(retryAfterMs)).ToRpcException();

    /// <summary>The caller wanted its answer earlier.</summary>
    internal static RpcException DeadlineOver() => new(new Grpc.Core.Status(StatusCode.DeadlineExceeded, "The deadline is over."));

    /// <summary>A named limit is reached.</summary>
    internal static RpcException Exhausted(string message, int retryAfterMs) =>
        Of(Code.ResourceExhausted, message, Retry(retryAfterMs)).ToRpcException();

    /// <summary>No credential was shown.</summary>
    internal static RpcException NoCredential() => Unauthenticated(
        "A credential is needed: send the header authorization with \"Bearer\" and an API key or token.", "CREDENTIAL_MISSING");

    /// <summary>What was shown is no credential of this service.</summary>
    internal static RpcException UnknownCredential() => Unauthenticated("The credential is not known.", "CREDENTIAL_UNKNOWN");

    /// <summary>Its time is over.</summary>
    internal static RpcException ExpiredCredential() => Unauthenticated("The credential has expired.", "CREDENTIAL_EXPIRED");

    /// <summary>It was revoked, or replaced.</summary>
    internal static RpcException RevokedCredential() => Unauthenticated("The credential was revoked.", "CREDENTIAL_REVOKED");

    /// <summary>The credential has not the role.</summary>
    internal static RpcException RoleMissing(Roles role)
    {
        var name = role.ToString().ToLowerInvariant();
        return Denied($"The credential lacks the role {name}.", "ROLE_MISSING", "role", name);
    }

    /// <summary>The credential is not granted the organisation, whose name is in order.</summary>
    internal static RpcException NotGranted(string organisation) => Denied(
        $"The credential is not granted the organisation {organisation}.", "ORGANISATION_NOT_GRANTED", "organisation", organisation);

    /// <summary>Something that should not happen; the log has it under the id.</summary>
    internal static RpcException Internal(string id) =>
        Of(Code.Internal, $"Internal error {id}; the log of the service has it under this id.", new RequestInfo { RequestId = id })
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
