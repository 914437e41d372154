using System.Text;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Rpc;
using Microsoft.AspNetCore.Http;
using Rpc = Google.Rpc.Status;

namespace Lookup.Server.Errors;

/// <summary>Writes errors as google.rpc.Status in JSON, as the transcoder does for calls.</summary>
internal static class JsonErrors
{
    /// <summary>The types of error details.</summary>
    internal static TypeRegistry Details { get; } =
        TypeRegistry.FromMessages(BadRequest.Descriptor, RetryInfo.Descriptor, RequestInfo.Descriptor, ErrorInfo.Descriptor);

    private static readonly JsonFormatter Formatter = new(new JsonFormatter.Settings(true, Details));
    private static readonly JsonParser Parser = new(JsonParser.Settings.Default.WithTypeRegistry(Details));

    internal static Task WriteAsync(HttpContext context, int httpStatus, Rpc status)
    {
        context.Response.StatusCode = httpStatus;
        RetryAfter.Set(context.Response, status);
        context.Response.ContentType = "application/json; charset=utf-8";
        return context.Response.WriteAsync(Formatter.Format(status), context.RequestAborted);
    }

    /// <summary>Parses an error that the transcoder wrote; null if it is not one.</summary>
    internal static Rpc? TryParse(ReadOnlySpan<byte> json)
    {
        try
        {
            return Parser.Parse<Rpc>(Encoding.UTF8.GetString(json));
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    /// <summary>Writes a body for an error that the web server sends without one.</summary>
    internal static Task WriteEmptyAsync(HttpContext context)
    {
        var (code, message) = context.Response.StatusCode switch
        {
            StatusCodes.Status404NotFound => (Code.NotFound, "No method has this path and HTTP method; protos/lookup/v1 lists them."),
            StatusCodes.Status408RequestTimeout => (Code.DeadlineExceeded, "The body arrived too slowly; send it whole, at 240 bytes a second or more."),
            StatusCodes.Status413PayloadTooLarge => (Code.ResourceExhausted, "The request is too large; send a smaller one."),
            StatusCodes.Status415UnsupportedMediaType => (Code.InvalidArgument, "The Content-Type must be application/json."),
            StatusCodes.Status503ServiceUnavailable => (Code.Unavailable, "The service has no capacity for this request now; retry later."),
            >= 500 => (Code.Internal, "Internal error."),
            _ => (Code.InvalidArgument, "The request is not valid HTTP for this service."),
        };
        return WriteAsync(context, context.Response.StatusCode, RpcErrors.Of(code, message));
    }
}
