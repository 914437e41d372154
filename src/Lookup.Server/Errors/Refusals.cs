using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Lookup.Core.Facts;
using Rpc = Google.Rpc.Status;

namespace Lookup.Server.Errors;

/// <summary>The errors that callers see, each with its google.rpc details. Texts are our own and carry no values of the request.</summary>
internal static class Refusals
{
    /// <summary>The request is wrong in these fields.</summary>
    internal static RpcException Invalid(IReadOnlyList<FieldFault> faults) => InvalidStatus(faults).ToRpcException();

    /// <summary>The request is wrong in one field.</summary>
    internal static RpcException Invalid(string field, string description) => Invalid([new FieldFault(field, description)]);

    internal static Rpc InvalidStatus(IReadOnlyList<FieldFault> faults)
    {
        var details = new BadRequest();
        foreach (var fault in faults)
        {
            details.FieldViolations.Add(new BadRequest.Types.FieldViolation { Field = fault.Field, Description = fault.Description });
        }

        var message = faults.Count == 1
            ? $"{faults[0].Field}: {faults[0].Description}"
            : $"{faults.Count} fields are wrong: {string.Join(", ", faults.Select(f => f.Field).Distinct().Take(20))}.";
        return Of(Code.InvalidArgument, message, details);
    }

    /// <summary>What is asked for does not fit the state of what is stored.</summary>
    internal static RpcException Precondition(string message) => Of(Code.FailedPrecondition, message).ToRpcException();

    /// <summary>What is asked for does not fit the state of what is stored; the reason tells a program what to do.</summary>
    internal static RpcException Precondition(string message, string reason) =>
        Of(Code.FailedPrecondition, message, new ErrorInfo { Reason = reason, Domain = "lookup.v1" }).ToRpcException();

    /// <summary>The store or the service cannot answer now.</summary>
    internal static RpcException Unavailable(string message, int retryAfterMs) =>
        Of(Code.Unavailable, message, Retry(retryAfterMs)).ToRpcException();

    /// <summary>The caller wanted its answer earlier.</summary>
    internal static RpcException DeadlineOver() => new(new Grpc.Core.Status(StatusCode.DeadlineExceeded, "The deadline is over."));

    /// <summary>A named limit is reached.</summary>
    internal static RpcException Exhausted(string message, int retryAfterMs) =>
        Of(Code.ResourceExhausted, message, Retry(retryAfterMs)).ToRpcException();

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

    private static RetryInfo Retry(int milliseconds) =>
        new() { RetryDelay = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(milliseconds)) };
}
