using Grpc.Core;
using Lookup.Core.Access;
using Lookup.Redis;
using Lookup.Server.Errors;
using Microsoft.AspNetCore.Http;

namespace Lookup.Server.Access;

/// <summary>Accepts a request if its credential is valid. Runs before everything except health.</summary>
internal sealed class AccessGate(
    RequestDelegate next, AccessControl access, AccessMetrics metrics, UnhandledErrors errors, LookupServerOptions options, TimeProvider clock)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (RpcRoles.IsHealth(context.Request.Path.Value!))
        {
            return next(context);
        }

        return access.Fresh(clock.GetTimestamp()) is { } table ? EnterAsync(context, table) : ReadAndEnterAsync(context);
    }

    private async Task ReadAndEnterAsync(HttpContext context)
    {
        AccessTable table;
        try
        {
            table = await access.CurrentAsync(context.RequestAborted);
        }
        catch (StoreUnavailableException e)
        {
            await RefuseAsync(context, RpcErrors.Unavailable(e.Message, options.RetryAfterMs));
            return;
        }
        catch (Exception e) when (!context.RequestAborted.IsCancellationRequested)
        {
            await errors.AnswerAsync(context, e);
            return;
        }

        await EnterAsync(context, table);
    }

    private Task EnterAsync(HttpContext context, AccessTable table)
    {
        bool isFound;
        Caller? caller;
        RpcException? refusal;
        try
        {
            isFound = access.TryFind(context, table, access.Now, out caller, out refusal);
        }
        catch (Exception e)
        {
            return errors.AnswerAsync(context, e);
        }

        if (isFound)
        {
            return EnterAsync(context, caller!);
        }

        return refusal is null ? CheckAndEnterAsync(context, table) : RefuseAsync(context, refusal);
    }

    private async Task CheckAndEnterAsync(HttpContext context, AccessTable table)
    {
        Caller caller;
        try
        {
            caller = await access.FindAsync(context, table);
        }
        catch (RpcException refusal)
        {
            await RefuseAsync(context, refusal);
            return;
        }
        catch (Exception e) when (!context.RequestAborted.IsCancellationRequested)
        {
            await errors.AnswerAsync(context, e);
            return;
        }

        await EnterAsync(context, caller);
    }

    private Task EnterAsync(HttpContext context, Caller caller)
    {
        if (!caller.State.TryTake(clock.GetTimestamp(), out var wait))
        {
            return RefuseAsync(context, RpcErrors.Exhausted(
                "The credential has reached its limit of requests per second.", Math.Max(1, (int)wait.TotalMilliseconds)));
        }

        context.Features.Set<ICallerFeature>(caller);
        return next(context);
    }

    private Task RefuseAsync(HttpContext context, RpcException refusal)
    {
        metrics.Refused(refusal);
        return RefusalWriter.WriteAsync(context, refusal);
    }
}

/// <summary>Passes a request to its endpoint if its credential has the role. Runs after routing.</summary>
internal sealed class RoleGate(RequestDelegate next, AccessControl access, AccessMetrics metrics)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (context.GetEndpoint() is not { } endpoint || RpcRoles.IsHealth(context.Request.Path.Value!))
        {
            return next(context);
        }

        var role = RpcRoles.Of(endpoint);
        var caller = access.CallerOf(context);
        // Administrators had access to the pages before the observe role existed.
        if (caller.Has(role) || (role == Roles.Observe && caller.Has(Roles.Admin)))
        {
            return next(context);
        }

        var refusal = RpcErrors.RoleMissing(role);
        metrics.Refused(refusal);
        return RefusalWriter.WriteAsync(context, refusal);
    }
}
