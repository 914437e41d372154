using Grpc.Core;
using Lookup.Server.Access;
using Lookup.Server.Lists;
using Lookup.Server.Store;

namespace Lookup.Server.Checks;

/// <summary>lookup.v1.LookupService.</summary>
internal sealed class LookupEndpoint(
    SingleChecks checks,
    Reservations reservations,
    Explanations explanations,
    ChunkServices chunks,
    LookupServerOptions options,
    Drain drain,
    AccessControl access)
    : V1.LookupService.LookupServiceBase
{
    /// <inheritdoc/>
    public override async Task<V1.CheckResponse> Check(V1.CheckRequest request, ServerCallContext context)
    {
        var caller = access.CallerOf(context);
        var asked = checks.ParseRequest(request, caller, out var reserved);
        if (request.Reserve is not null)
        {
            using var write = new StoreDeadline(context, options.StoreWriteLimitMs);
            return await reservations.AnswerAsync(request, asked, reserved, write);
        }

        using var call = new StoreDeadline(context, options.StoreReadLimitMs);
        return checks.TryAnswer(request, asked, out var begun) ?? await checks.AnswerAsync(request, asked, begun, call);
    }

    /// <inheritdoc/>
    public override Task CheckStream(
        IAsyncStreamReader<V1.CheckStreamRequest> requestStream,
        IServerStreamWriter<V1.CheckStreamResponse> responseStream,
        ServerCallContext context) =>
        new CheckStreamSession(chunks, drain, requestStream, responseStream, context).RunAsync();

    /// <inheritdoc/>
    public override async Task<V1.ExplainResponse> Explain(V1.ExplainRequest request, ServerCallContext context)
    {
        var caller = access.CallerOf(context);
        var asked = checks.ParseRequest(request, caller);
        using var call = new StoreDeadline(context, options.StoreReadLimitMs);
        return await explanations.AnswerAsync(request, asked, caller, call);
    }
}
