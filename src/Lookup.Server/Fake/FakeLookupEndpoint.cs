using Grpc.Core;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Server.Checks;
using Lookup.Server.Errors;
using Lookup.Server.Lists;
using Lookup.Server.Mapping;
using Microsoft.AspNetCore.Http;

namespace Lookup.Server.Fake;

/// <summary>lookup.v1.LookupService without store and rules: validates requests as the real service does and returns scripted answers.</summary>
internal sealed class FakeLookupEndpoint(IFakeAnswers answers, TimeProvider clock) : V1.LookupService.LookupServiceBase, ICheckAnswers
{
    /// <summary>Header of every response.</summary>
    internal const string Header = "lookup-fake";

    /// <inheritdoc/>
    public override async Task<V1.CheckResponse> Check(V1.CheckRequest request, ServerCallContext context)
    {
        var (number, reserved) = Validate(request);
        await MarkAsync(context);
        return await AnswerAsync(request, number, reserved, context.CancellationToken);
    }

    /// <inheritdoc/>
    public Task<V1.CheckResponse> AnswerAsync(V1.CheckRequest request, HttpContext context)
    {
        var (number, reserved) = Validate(request);
        context.Response.Headers[Header] = "true";
        return AnswerAsync(request, number, reserved, context.RequestAborted);
    }

    private (PhoneNumber Number, long Reserved) Validate(V1.CheckRequest request)
    {
        List<FieldFault>? faults = null;
        var number = FieldFaults.Number(request.Number, request.DefaultRegion, ref faults);
        QuestionMapping.Map(request.Question, request.WhatIf, RegimeSet.BuiltIn, clock.GetUtcNow().ToUnixTimeMilliseconds(), ref faults);
        var reserved = Reservations.Read(request, ref faults);
        FieldFaults.ThrowIfAny(faults);
        return (number, reserved);
    }

    private async Task<V1.CheckResponse> AnswerAsync(V1.CheckRequest request, PhoneNumber number, long reserved, CancellationToken cancellation)
    {
        request.Number = number.ToString();
        var response = await answers.CheckAsync(request, cancellation);
        if (request.Reserve is not null && response.Decision.Verdict == V1.Verdict.Allow)
        {
            var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
            response.Reservation = new V1.Reservation { Called = FieldFaults.ToTimestamp(now), Expires = FieldFaults.ToTimestamp(now + reserved) };
        }

        return response;
    }

    /// <inheritdoc/>
    public override async Task<V1.ExplainResponse> Explain(V1.ExplainRequest request, ServerCallContext context)
    {
        var check = new V1.CheckRequest
        {
            Number = request.Number,
            DefaultRegion = request.DefaultRegion,
            Question = request.Question,
            WhatIf = request.WhatIf,
        };
        var response = await Check(check, context);
        return new V1.ExplainResponse { Number = response.Number, Decision = response.Decision, Text = response.Decision.Reasons[0].Text };
    }

    /// <inheritdoc/>
    public override async Task CheckStream(
        IAsyncStreamReader<V1.CheckStreamRequest> requestStream, IServerStreamWriter<V1.CheckStreamResponse> responseStream, ServerCallContext context)
    {
        if (!await requestStream.MoveNext(context.CancellationToken) || requestStream.Current.Open is not { } open)
        {
            throw RpcErrors.Invalid("open", "Required in the first message of a stream.");
        }

        List<FieldFault>? faults = null;
        QuestionMapping.Map(open.Question, open.WhatIf, RegimeSet.BuiltIn, clock.GetUtcNow().ToUnixTimeMilliseconds(), ref faults);
        FieldFaults.ThrowIfAny(faults);
        await MarkAsync(context, CheckStreamSession.TakenHeader);
        ulong? last = null;
        while (await requestStream.MoveNext(context.CancellationToken))
        {
            var chunk = CheckStreamSession.Validate(requestStream.Current, last, ChunkWorker.MaxNumbers);
            last = chunk.Sequence;
            await responseStream.WriteAsync(await AnswerAsync(open, chunk, context.CancellationToken), context.CancellationToken);
        }
    }

    /// <inheritdoc/>
    public override async Task<V1.CheckBatchResponse> CheckBatch(V1.CheckBatchRequest request, ServerCallContext context)
    {
        BatchChecks.CheckCount(request, BatchChecks.MaxNumbers);
        List<FieldFault>? faults = null;
        if (request.WhatIfs.Count > 0)
        {
            HypotheticalChecks.CheckShape(request, ref faults);
        }

        QuestionMapping.Map(request.Question, request.WhatIf, RegimeSet.BuiltIn, clock.GetUtcNow().ToUnixTimeMilliseconds(), ref faults);
        FieldFaults.ThrowIfAny(faults);
        await MarkAsync(context);
        if (request.WhatIfs.Count > 0)
        {
            return await AnswerHypotheticalAsync(request, context.CancellationToken);
        }

        var response = new V1.CheckBatchResponse();
        var chunk = new V1.CheckStreamChunk { Sequence = 1, Texts = { request.Numbers } };
        BatchChecks.Add(response, await AnswerAsync(BatchChecks.OpenOf(request), chunk, context.CancellationToken));
        BatchChecks.AddErrors(response, request);
        return response;
    }

    private async Task<V1.CheckBatchResponse> AnswerHypotheticalAsync(V1.CheckBatchRequest request, CancellationToken cancellation)
    {
        var response = new V1.CheckBatchResponse { Common = new V1.Decision { Hypothetical = true } };
        for (var i = 0; i < request.Numbers.Count; i++)
        {
            List<FieldFault>? faults = null;
            var number = FieldFaults.Number(request.Numbers[i], request.DefaultRegion, ref faults);
            if (faults is not null)
            {
                response.Answers.Add(HypotheticalChecks.Invalid(request.Numbers[i], request.DefaultRegion));
                continue;
            }

            var check = new V1.CheckRequest { Number = number.ToString(), Question = request.Question, WhatIf = request.WhatIfs[i] };
            var decision = (await answers.CheckAsync(check, cancellation)).Decision;
            response.Answers.Add(new V1.NumberAnswer { Number = check.Number, Verdict = decision.Verdict, Reason = decision.Reasons[0].Code, Decision = decision });
        }

        return response;
    }

    internal static Task MarkAsync(ServerCallContext context, params IEnumerable<string> more)
    {
        var headers = new Metadata();
        foreach (var header in more.Prepend(Header))
        {
            headers.Add(header, "true");
        }

        return context.WriteResponseHeadersAsync(headers);
    }

    private async Task<V1.CheckStreamResponse> AnswerAsync(V1.CheckStreamOpen open, V1.CheckStreamChunk chunk, CancellationToken cancellation)
    {
        var response = new V1.CheckStreamResponse { Sequence = chunk.Sequence };
        foreach (var text in chunk.Texts.Count > 0 ? chunk.Texts : chunk.Numbers.Select(n => $"+{n}"))
        {
            List<FieldFault>? faults = null;
            var number = FieldFaults.Number(text, open.DefaultRegion, ref faults);
            if (faults is null)
            {
                var request = new V1.CheckRequest { Number = number.ToString(), Question = open.Question, WhatIf = open.WhatIf };
                var decision = (await answers.CheckAsync(request, cancellation)).Decision;
                Add(decision.Verdict, decision.Reasons[0].Code, number);
                if (response.Common is null || decision.ReusableUntil is not null)
                {
                    response.Common = Shared(decision);
                }
            }
            else
            {
                Add(V1.Verdict.Unknown, V1.ReasonCode.InvalidNumber, default);
            }
        }

        return response;

        void Add(V1.Verdict verdict, V1.ReasonCode reason, PhoneNumber number)
        {
            response.Verdicts.Add(verdict);
            response.Reasons.Add(reason);
            if (chunk.Texts.Count > 0)
            {
                response.Numbers.Add(number == default ? 0 : ulong.Parse(number.ToString().AsSpan(1), System.Globalization.CultureInfo.InvariantCulture));
            }
        }
    }

    private static V1.Decision Shared(V1.Decision decision)
    {
        var shared = decision.Clone();
        shared.Verdict = V1.Verdict.Unspecified;
        shared.Reasons.Clear();
        return shared;
    }
}
