using System.Security.Authentication;
using Google.Rpc;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.Client;

/// <summary>
/// The service rejected a request, or could not be reached. Do not call the number after this exception.
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

    /// <summary>The invalid fields of the request; empty unless the status is INVALID_ARGUMENT.</summary>
    public IReadOnlyList<FieldError> Fields { get; }

    /// <summary>Pause that the service requests before a retry, 0 to 1 hour; null: none.</summary>
    public TimeSpan? RetryAfter { get; }

    /// <summary>Whether a retry may succeed.</summary>
    public bool IsTransient => Status is StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.ResourceExhausted;

    /// <summary>Converts the status of a failed call.</summary>
    /// <param name="exception">The exception of the call.</param>
    /// <param name="address">Address of the service, for the message.</param>
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
            _ when cause is AuthenticationException && IsPlain(exception.Status.DebugException) => $"The service at {address} does not use TLS: use an http:// address.",
            _ when cause is AuthenticationException => $"The certificate of the service at {address} is not trusted.",
            _ when cause is HttpProtocolException { ErrorCode: Http11Required } || IsWithoutHandshake(cause) =>
                $"The service at {address} does not speak gRPC on this port: use its gRPC port.",
            _ when unreachable && cause is HttpRequestException or IOException && address.Scheme == Uri.UriSchemeHttp =>
                $"The service at {address} closed the connection without an answer; use an https:// address for a service with TLS.",
            _ when unreachable => $"No service is reachable at {address}.",
            StatusCode.DeadlineExceeded => $"The service at {address} did not answer in time.",
            _ when exception.Status.Detail.Length > 0 => exception.Status.Detail,
            _ => $"The service at {address} returned {exception.StatusCode}.",
        };
        return new LookupException(exception.StatusCode, message, fields, retryAfter, exception);
    }

    // The runtime's words for bytes that are not those of TLS; a certificate is another failure.
    private static bool IsPlain(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            if (exception is AuthenticationException && exception.Message.Contains("frame", StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    // A port for HTTP/1.1 refuses with an error code, which is lost if the connection is closed before it is read. The runtime's words.
    private static bool IsWithoutHandshake(Exception? cause) =>
        cause is HttpRequestException && cause.Message.Contains("HTTP/2 handshake", StringComparison.Ordinal);

    internal static LookupException Because(
        StatusCode status, string message, TimeSpan? retryAfter = null, IReadOnlyList<FieldError>? fields = null) =>
        new(status, message, fields ?? [], retryAfter, null);
}
