using System.Globalization;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace Lookup.Server.Errors;

/// <summary>
/// Answers for pages and endpoints that throw, and for calls that fail outside of <see cref="ErrorInterceptor"/>: where the gRPC library
/// reads a request or writes an answer.
/// </summary>
internal sealed class CatchAll(RequestDelegate next, UnhandledErrors errors)
{
    private const string GrpcStatus = "grpc-status";

    // What the library answers where it knows nothing better.
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
            // The caller is gone; whatever failed did so because of it.
            return;
        }
        catch (Exception e) when (!UnhandledErrors.IsCallers(e))
        {
            await errors.AnswerAsync(context, e);
            return;
        }

        if (RefusalWriter.IsGrpc(context.Request) && !context.Response.HasStarted && context.Response.Headers[GrpcStatus] == Unknown && watched.Refusal() is { } refusal)
        {
            await RefusalWriter.WriteAsync(context, refusal);
        }
    }
}
