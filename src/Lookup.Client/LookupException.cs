using System.Security.Authentication;
using Google.Rpc;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.Client;

/// <summary>
/// The service refused a request, or could not be asked. A caller that gets one must not call the number.
/// </summary>
public class LookupException : Exception
{
    // HTTP_1_1_REQUIRED of RFC 9113.
    private const long Http11Required = 0xd;

    private LookupException(StatusCode status, string message, IReadOnlyList<FieldError> fields, TimeSpan? retryAfter, Exception? inner)
        : base(message, inner)
    {
        Status = status;
        Fields = fields;
        RetryAfter = retryAfter;
    }

    private protected LookupException(LookupException other)
        : this(other.Status, other.Message, other.Fields, other.RetryAfter, other.InnerException)
    {
    }

    /// <summary>Status of the call.</summary>
    public StatusCode Status { get; }

    /// <summary>Each field of the request that is wrong, and why; empty unless the status is INVALID_ARGUMENT.</summary>
    public IReadOnlyList<FieldError> Fields { get; }

    /// <summary>How long to wait before asking again, where the service says so; 0 to 1 hour.</summary>
    public TimeSpan? RetryAfter { get; }

    /// <summary>Asking again later may help.</summary>
    public bool IsTransient => Status is StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.ResourceExhausted;

    /// <summary>Takes the details out of a failed call's status.</summary>
    /// <param name="exception">What the call threw.</param>
    /// <param name="address">Where it went, for the message.</param>
    public static LookupException From(RpcException exception, Uri address)
    {
        ArgumentNullException.ThrowIfNull(exception);
        var details = exception.GetRpcStatus();
        var fields = details?.GetDetail<BadRequest>()?.FieldViolations
            .Select(violation => new FieldError { Field = violation.Field, Description = violation.Description })
            .ToList() ?? [];
        var retryAfter = Durations.Pause(details?.GetDetail<RetryInfo>()?.RetryDelay);
        var unreachable = exception.StatusCode == StatusCode.Unavailable && details is null && exception.Status.DebugException is not null;
        var cause = exception.Status.DebugException?.GetBaseException();
        var message = exception.StatusCode switch
        {
            _ when cause is AuthenticationException => $"The certificate of the service at {address} is not trusted, or the service has no TLS there.",
            _ when cause is HttpProtocolException { ErrorCode: Http11Required } => $"The service at {address} takes JSON over HTTP/1.1 there: name its port for gRPC.",
            _ when unreachable && cause is HttpRequestException or IOException && address.Scheme == Uri.UriSchemeHttp =>
                $"The service at {address} ended the connection without an answer; the address of one with TLS begins with https://.",
            _ when unreachable => $"There is no service at {address}.",
            StatusCode.DeadlineExceeded => $"The service at {address} did not answer in time.",
            _ when exception.Status.Detail.Length > 0 => exception.Status.Detail,
            _ => $"The service at {address} answered {exception.StatusCode}.",
        };
        return new LookupException(exception.StatusCode, message, fields, retryAfter, exception);
    }

    internal static LookupException Because(
        StatusCode status, string message, TimeSpan? retryAfter = null, IReadOnlyList<FieldError>? fields = null) =>
        new(status, message, fields ?? [], retryAfter, null);
}
