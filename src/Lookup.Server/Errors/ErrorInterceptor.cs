using Grpc.Core;
using Grpc.Core.Interceptors;
using Lookup.Redis;
using Lookup.Redis.Imports;
using Lookup.Server.Telemetry;
using Microsoft.AspNetCore.Http;

namespace Lookup.Server.Errors;

/// <summary>Maps every exception of a call to a status. Logs an unexpected exception and maps it to INTERNAL with an id.</summary>
internal sealed class ErrorInterceptor(
    LookupServerOptions options, ServiceMetrics metrics, UnhandledErrors errors, TimeProvider clock) : Interceptor
{
    /// <inheritdoc/>
    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        var started = clock.GetTimestamp();
        try
        {
            var task = continuation(request, context);
            if (!task.IsCompletedSuccessfully)
            {
                return CompleteAsync(request, task, started, context);
            }

            Answered(task.Result, context.Method, started);
            return task;
        }
        catch (Exception e)
        {
            throw Map(e, context, RequestOrganisation.Of(request));
        }
    }

    /// <inheritdoc/>
    public override async Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation)
    {
        var started = clock.GetTimestamp();
        try
        {
            await continuation(requestStream, responseStream, context);
        }
        catch (Exception e)
        {
            throw Map(e, context);
        }
        finally
        {
            metrics.StreamEnded(context.Method, clock.GetElapsedTime(started));
        }
    }

    /// <inheritdoc/>
    public override async Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        var started = clock.GetTimestamp();
        try
        {
            await continuation(request, responseStream, context);
        }
        catch (Exception e)
        {
            throw Map(e, context, RequestOrganisation.Of(request));
        }
        finally
        {
            metrics.StreamEnded(context.Method, clock.GetElapsedTime(started));
        }
    }

    private async Task<TResponse> CompleteAsync<TRequest, TResponse>(TRequest request, Task<TResponse> task, long started, ServerCallContext context)
    {
        try
        {
            var answer = await task;
            Answered(answer, context.Method, started);
            return answer;
        }
        catch (Exception e)
        {
            throw Map(e, context, RequestOrganisation.Of(request));
        }
    }

    private void Answered(object? answer, string method, long started)
    {
        var took = clock.GetElapsedTime(started);
        Expiry.Apply(answer, took);
        metrics.Answered(method, took);
    }

    /// <summary>Maps and counts the failure of a call.</summary>
    /// <param name="exception">The failure.</param>
    /// <param name="method">Path of the method.</param>
    /// <param name="deadline">The caller's deadline.</param>
    /// <param name="context">The request; it is aborted when the caller disconnects or the deadline passes.</param>
    /// <param name="organisation">The organisation that the request names; empty if unknown.</param>
    internal RpcException Map(Exception exception, string method, DateTime deadline, HttpContext context, string organisation = "") =>
        Count(StatusOf(exception, method, deadline, context.RequestAborted), method, context, organisation);

    private RpcException Map(Exception exception, ServerCallContext context, string organisation = "") =>
        Count(StatusOf(exception, context.Method, context.Deadline, context.CancellationToken), context.Method, context.GetHttpContext(), organisation);

    private RpcException Count(RpcException mapped, string method, HttpContext context, string organisation)
    {
        var caller = context.CallerId() is { Length: > 0 } credential ? credential : context.Connection.RemoteIpAddress?.ToString() ?? "";
        metrics.Failed(method, mapped.StatusCode, mapped.Status.Detail, caller, organisation, clock.GetUtcNow());
        return mapped;
    }

    private RpcException StatusOf(Exception exception, string method, DateTime deadline, CancellationToken caller)
    {
        switch (exception)
        {
            case RpcException known:
                return known;
            case StoreUnavailableException store:
                return RpcErrors.Unavailable(store.Message, options.RetryAfterMs);
            case ReceiptsUnavailableException receipts:
                return RpcErrors.Unavailable(receipts.Message, options.RetryAfterMs);
            case ImportException import:
                return RpcErrors.Precondition(import.Message);
            case var unreadable when UnhandledErrors.IsUnreadable(unreadable):
                // A later message of a stream; the first one is read before this interceptor runs.
                return RpcErrors.Unreadable();
        }

        if (caller.IsCancellationRequested || UnhandledErrors.IsCallers(exception))
        {
            // The caller has disconnected or its deadline has passed, which caused the failure.
            return deadline <= clock.GetUtcNow().UtcDateTime
                ? RpcErrors.DeadlineExceeded()
                : new RpcException(new Status(StatusCode.Cancelled, "The caller cancelled the call."));
        }

        return RpcErrors.Internal(errors.Add(exception, method));
    }
}
