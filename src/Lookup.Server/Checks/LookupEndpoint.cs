using System.Runtime.CompilerServices;
using Grpc.Core;
using Lookup.Server.Access;
using Lookup.Server.Lists;
using Lookup.Server.Store;
using Microsoft.AspNetCore.Http;

namespace Lookup.Server.Checks;

/// <summary>lookup.v1.LookupService.</summary>
internal sealed class LookupEndpoint(
    SingleChecks checks,
    Reservations reservations,
    Explanations explanations,
    ChunkServices chunks,
    BatchChecks batches,
    HypotheticalChecks hypothetical,
    LookupServerOptions options,
    Drain drain,
    AccessControl access)
    : V1.LookupService.LookupServiceBase, ICheckAnswers
{
    /// <inheritdoc/>
    public override async Task<V1.CheckResponse> Check(V1.CheckRequest request, ServerCallContext context)
    {
        using var call = new StoreDeadline(context, StoreLimitMs(request));
        return await AnswerAsync(request, access.CallerOf(context), call);
    }

    /// <inheritdoc/>
    public async Task<V1.CheckResponse> AnswerAsync(V1.CheckRequest request, HttpContext context)
    {
        using var call = new StoreDeadline(TimeSpan.FromMilliseconds(StoreLimitMs(request)), context.RequestAborted);
        return await AnswerAsync(request, access.CallerOf(context), call);
    }

    /// <inheritdoc/>
    public override Task<V1.CheckBatchResponse> CheckBatch(V1.CheckBatchRequest request, ServerCallContext context) =>
        request.WhatIfs.Count > 0 ? hypothetical.AnswerAsync(request, context) : batches.AnswerAsync(request, context);

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

    private int StoreLimitMs(V1.CheckRequest request) => request.Reserve is null ? options.StoreReadLimitMs : options.StoreWriteLimitMs;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<V1.CheckResponse> AnswerAsync(V1.CheckRequest request, Caller caller, StoreDeadline call)
    {
        var asked = checks.ParseRequest(request, caller, out var reserved);
        return request.Reserve is not null
            ? await reservations.AnswerAsync(request, asked, reserved, call)
            : checks.TryAnswer(request, asked, out var begun) ?? await checks.AnswerAsync(request, asked, begun, call);
    }
}
