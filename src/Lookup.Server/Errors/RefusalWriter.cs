using System.Globalization;
using System.Text;
using Grpc.Core;
using Lookup.Server.Telemetry;
using Microsoft.AspNetCore.Http;
using Rpc = Google.Rpc.Status;

namespace Lookup.Server.Errors;

/// <summary>Writes an error before the gRPC library runs, in the form that the library and the transcoder use.</summary>
internal static class RefusalWriter
{
    private const string Details = "grpc-status-details-bin";

    /// <summary>Returns whether a request expects a gRPC response, which needs HTTP/2. Decides the format only, never a permission.</summary>
    internal static bool IsGrpc(HttpRequest request) =>
        HttpProtocol.IsHttp2(request.Protocol) && request.ContentType is { } type && type.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase);

    internal static Task WriteAsync(HttpContext context, RpcException refusal)
    {
        var response = context.Response;
        if (!IsGrpc(context.Request))
        {
            if (refusal.StatusCode == StatusCode.Unauthenticated)
            {
                response.Headers.WWWAuthenticate = ObserverPage.IsRequestedBy(context.Request) ? "Basic realm=\"Lookup\", charset=\"UTF-8\"" : "Bearer";
            }

            return JsonErrors.WriteAsync(context, HttpStatus(refusal.StatusCode), refusal.GetRpcStatus() ?? new Rpc());
        }

        // A response without a message carries its status in the headers.
        response.ContentType = "application/grpc";
        response.Headers["grpc-status"] = ((int)refusal.StatusCode).ToString(CultureInfo.InvariantCulture);
        response.Headers["grpc-message"] = Encode(refusal.Status.Detail);
        if (refusal.Trailers.GetValueBytes(Details) is { } details)
        {
            response.Headers[Details] = Convert.ToBase64String(details);
        }

        return Task.CompletedTask;
    }

    // The percent-encoding of grpc-message: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
    private static string Encode(string text)
    {
        if (!text.AsSpan().ContainsAnyExceptInRange(' ', '~') && !text.Contains('%'))
        {
            return text;
        }

        var encoded = new StringBuilder();
        foreach (var one in Encoding.UTF8.GetBytes(text))
        {
            _ = one is >= (byte)' ' and <= (byte)'~' and not (byte)'%' ? encoded.Append((char)one) : encoded.Append(CultureInfo.InvariantCulture, $"%{one:X2}");
        }

        return encoded.ToString();
    }

    private static int HttpStatus(StatusCode status) => status switch
    {
        StatusCode.InvalidArgument => StatusCodes.Status400BadRequest,
        StatusCode.Unauthenticated => StatusCodes.Status401Unauthorized,
        StatusCode.PermissionDenied => StatusCodes.Status403Forbidden,
        StatusCode.ResourceExhausted => StatusCodes.Status429TooManyRequests,
        StatusCode.Unavailable => StatusCodes.Status503ServiceUnavailable,
        _ => StatusCodes.Status500InternalServerError,
    };
}
