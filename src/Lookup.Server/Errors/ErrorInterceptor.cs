using Grpc.Core;
using Grpc.Core.Interceptors;
using Lookup.Redis;
using Lookup.Redis.Imports;
using Lookup.Server.Telemetry;

namespace Lookup.Server.Errors;

/// <summary>The one place where exceptions become a status. What it does not know becomes INTERNAL with an id, and is logged.</summary>
internal sealed class ErrorInterceptor(
    LookupServerOptions options, ServiceMetrics metrics, UnhandledErrors errors, TimeProvider clock) : Interceptor
{
    /// <inheritdoc/>
    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        var begin = clock.GetTimestamp();
        try
        {
            var task = continuation(request, context);
            if (!task.IsCompletedSuccessfully)
            {
                return AwaitedAsync(task, begin, context);
            }

            metrics.Answered(context.Method, clock.GetElapsedTime(begin));
            return task;
        }
        catch (Exception e)
        {
            throw Map(e, context);
        }
    }

    /// <inheritdoc/>
    public override async Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await continuation(requestStream, responseStream, context);
        }
        catch (Exception e)
        {
            throw Map(e, context);
        }
    }

    /// <inheritdoc/>
    public override async Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await continuation(request, responseStream, context);
        }
        catch (Exception e)
        {
            throw Map(e, context);
        }
    }

    private async Task<TResponse> AwaitedAsync<TResponse>(Task<TResponse> task, long begin, ServerCallContext context)
    {
        try
        {
            var answer = await task;
            metrics.Answered(context.Method, clock.GetElapsedTime(begin));
            return answer;
        }
        catch (Exception e)
        {
            throw Map(e, context);
        }
    }

    private RpcException Map(Exception exception, ServerCallContext context)
    {
        var mapped = StatusOf(exception, context);
        metrics.Failed(context.Method, mapped.StatusCode, mapped.Status.Detail, clock.GetUtcNow());
        return mapped;
    }

    private RpcException StatusOf(Exception exception, ServerCallContext context)
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
                // A later message of a stream; nothing else is read as one here.
                return RpcErrors.Unreadable();
        }

        if (context.CancellationToken.IsCancellationRequested || UnhandledErrors.IsCallers(exception))
        {
            // The caller is gone or its deadline is over; whatever failed did so because of it.
            return context.Deadline <= clock.GetUtcNow().UtcDateTime
                ? RpcErrors.DeadlineOver()
                : new RpcException(new Status(StatusCode.Cancelled, "The caller has ended the call."));
        }

        return RpcErrors.Internal(errors.Add(exception, context.Method));
    }
}
