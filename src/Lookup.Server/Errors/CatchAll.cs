using System.Globalization;
using Grpc.Core;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;

namespace Lookup.Server.Errors;

/// <summary>
/// Writes the error when a page or endpoint throws, and when a call fails outside <see cref="ErrorInterceptor"/>: while the gRPC library
/// reads a request or writes a response.
/// </summary>
internal sealed class CatchAll(RequestDelegate next, UnhandledErrors errors)
{
    private const string GrpcStatus = "grpc-status";

    // The status the library sets when it has no better one.
    private static readonly string Unknown = ((int)StatusCode.Unknown).ToString(CultureInfo.InvariantCulture);

    public async Task InvokeAsync(HttpContext context)
    {
        var watched = UnhandledErrors.Watch();
        try
        {
            await next(context);
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // The caller has disconnected, which caused the failure.
            return;
        }
        catch (Exception e) when (UnhandledErrors.IsCallers(e))
        {
            await EndAsync(context, e);
            return;
        }
        catch (Exception e)
        {
            await errors.AnswerAsync(context, e);
            return;
        }

        if (RefusalWriter.IsGrpc(context.Request) && !context.Response.HasStarted && context.Response.Headers[GrpcStatus] == Unknown && watched.Refusal() is { } refusal)
        {
            await RefusalWriter.WriteAsync(context, refusal);
        }
    }

    // The web server would log an exception that reaches it as unhandled, so any caller could fill the log.
    private static Task EndAsync(HttpContext context, Exception why)
    {
        if (context.Response.HasStarted || RefusalWriter.IsGrpc(context.Request) || why is ConnectionResetException or ConnectionAbortedException)
        {
            context.Abort();
            return Task.CompletedTask;
        }

        context.Response.Clear();
        context.Response.StatusCode = why is BadHttpRequestException bad ? bad.StatusCode : StatusCodes.Status400BadRequest;
        return JsonErrors.WriteEmptyAsync(context);
    }
}
