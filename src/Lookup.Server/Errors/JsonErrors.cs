using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Rpc;
using Microsoft.AspNetCore.Http;
using Rpc = Google.Rpc.Status;

namespace Lookup.Server.Errors;

/// <summary>Writes errors as the JSON of google.rpc.Status, in the form that the transcoder gives to errors of calls.</summary>
internal static class JsonErrors
{
    /// <summary>The types that the details of an error can have.</summary>
    internal static TypeRegistry Details { get; } =
        TypeRegistry.FromMessages(BadRequest.Descriptor, RetryInfo.Descriptor, RequestInfo.Descriptor, ErrorInfo.Descriptor);

    private static readonly JsonFormatter Formatter = new(new JsonFormatter.Settings(true, Details));

    internal static Task WriteAsync(HttpContext context, int httpStatus, Rpc status)
    {
        context.Response.StatusCode = httpStatus;
        context.Response.ContentType = "application/json; charset=utf-8";
        return context.Response.WriteAsync(Formatter.Format(status), context.RequestAborted);
    }

    /// <summary>Gives a body to errors that the web server answers without one.</summary>
    internal static Task WriteEmptyAsync(HttpContext context)
    {
        var (code, message) = context.Response.StatusCode switch
        {
            StatusCodes.Status404NotFound => (Code.NotFound, "There is no such path and HTTP method; they stand in protos/lookup/v1."),
            StatusCodes.Status413PayloadTooLarge => (Code.ResourceExhausted, "The request is larger than the service takes."),
            StatusCodes.Status415UnsupportedMediaType => (Code.InvalidArgument, "The Content-Type must be application/json."),
            >= 500 => (Code.Internal, "Internal error."),
            _ => (Code.InvalidArgument, "The request cannot be understood."),
        };
        return WriteAsync(context, context.Response.StatusCode, RpcErrors.Of(code, message));
    }
}
