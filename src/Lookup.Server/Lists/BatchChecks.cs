using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Lookup.Core.Access;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Server.Access;
using Lookup.Server.Errors;
using Lookup.Server.Http;

namespace Lookup.Server.Lists;

/// <summary>Answers CheckBatch: a CheckStream in one request, for callers that cannot stream.</summary>
internal sealed class BatchChecks(ChunkServices services, StreamLeases leases)
{
    /// <summary>The maximum numbers in a batch.</summary>
    internal const int MaxNumbers = JsonRequestCheck.MaxNumbers;

    /// <summary>Decides a batch.</summary>
    /// <exception cref="RpcException">The request is invalid, not permitted or over a limit.</exception>
    internal async Task<V1.CheckBatchResponse> AnswerAsync(V1.CheckBatchRequest request, ServerCallContext context)
    {
        var caller = services.Access.CallerOf(context);
        CheckCount(request, MaxFor(caller, MaxNumbers));
        var now = services.Clock.GetUtcNow().ToUnixTimeMilliseconds();
        var open = OpenStream.Read(OpenOf(request), "", services.Manifest, services.Regimes, services.Receipts.Log is not null, now);
        caller.Demand(open.Organisation, now);
        using var lease = services.Access.IsOn ? leases.Open(caller, Roles.Check) : null;
        services.Limiter.OpenStream();
        using var list = services.Lists.Begin(open.Organisation, caller.Id);
        try
        {
            return await DecideAsync(request, open, caller, list, context);
        }
        finally
        {
            services.Limiter.CloseStream();
        }
    }

    /// <summary>Returns the most numbers that a caller may send, at most as many as a limit of the batch.</summary>
    internal static int MaxFor(Caller caller, int max) => caller.State.MaxChunk is > 0 and var own ? Math.Min(own, max) : max;

    /// <summary>Checks the count of numbers.</summary>
    /// <exception cref="RpcException">INVALID_ARGUMENT: none, or too many.</exception>
    internal static void CheckCount(V1.CheckBatchRequest request, int max)
    {
        if (request.Numbers.Count == 0 || request.Numbers.Count > max)
        {
            throw RpcErrors.Invalid("numbers", $"{request.Numbers.Count} numbers; must be 1 to {max} per batch.");
        }
    }

    /// <summary>Returns the settings of a batch as those of a stream.</summary>
    internal static V1.CheckStreamOpen OpenOf(V1.CheckBatchRequest request) => new()
    {
        Question = request.Question,
        DefaultRegion = request.DefaultRegion,
        Consistency = request.Consistency,
        WhatIf = request.WhatIf,
        Receipt = request.Receipt,
    };

    private async Task<V1.CheckBatchResponse> DecideAsync(V1.CheckBatchRequest request, OpenStream open, Caller caller, OpenList list, ServerCallContext context)
    {
        var receipts = services.Receipts.Wants(open.Receipt, open.Hypothetical)
            ? new ListReceipts(services.Receipts, open, context.GetHttpContext().CallerId())
            : null;
        var response = new V1.CheckBatchResponse();
        for (var first = 0; first < request.Numbers.Count; first += ChunkWorker.MaxNumbers)
        {
            var chunk = new V1.CheckStreamChunk { Sequence = (ulong)(first / ChunkWorker.MaxNumbers) + 1 };
            chunk.Texts.AddRange(request.Numbers.Skip(first).Take(ChunkWorker.MaxNumbers));
            if (services.Access.IsOn)
            {
                services.Access.DetectEnumeration(caller, chunk);
            }

            var job = services.Rent();
            var answer = await job.DecideAsync(chunk, open, context.CancellationToken);
            Add(response, answer);
            list.Add(answer.Verdicts.Count);
            if (receipts is not null)
            {
                response.Receipt = receipts.Add(job, chunk.Sequence);
            }

            services.Return(job);
        }

        using (await services.Limiter.EnterAsync(context.CancellationToken))
        {
            AddErrors(response, request);
        }

        return response;
    }

    /// <summary>Appends the answers of a chunk. What the batch shares is then true of all its answers.</summary>
    internal static void Add(V1.CheckBatchResponse response, V1.CheckStreamResponse chunk)
    {
        for (var i = 0; i < chunk.Verdicts.Count; i++)
        {
            response.Answers.Add(new V1.NumberAnswer
            {
                Number = chunk.Numbers[i] == 0 ? "" : $"+{chunk.Numbers[i]}",
                Verdict = chunk.Verdicts[i],
                Reason = chunk.Reasons[i],
            });
        }

        response.Regimes.AddRange(chunk.Regimes.Where(regime => !response.Regimes.Contains(regime)).Select(regime => regime.Clone()));
        if (response.Common is not { } common)
        {
            response.Common = (chunk.Common ?? new V1.Decision()).Clone();
            return;
        }

        common.Reasons.AddRange(chunk.Common.Reasons.Where(reason => !common.Reasons.Contains(reason)).Select(reason => reason.Clone()));
        // The answers so far, and those of this chunk, permit a call only with a time.
        var permitted = chunk.Verdicts.Contains(V1.Verdict.Allow);
        var permittedBefore = response.Answers.Take(response.Answers.Count - chunk.Verdicts.Count).Any(answer => answer.Verdict == V1.Verdict.Allow);
        if (permitted)
        {
            common.ReusableFor = permittedBefore ? Shorter(common.ReusableFor, chunk.Common.ReusableFor) : chunk.Common.ReusableFor;
            common.ReusableUntil = permittedBefore ? Earlier(common.ReusableUntil, chunk.Common.ReusableUntil) : chunk.Common.ReusableUntil;
            common.ValidUntil = common.ValidUntil is null || chunk.Common.ValidUntil is null
                ? common.ValidUntil ?? chunk.Common.ValidUntil
                : Earlier(common.ValidUntil, chunk.Common.ValidUntil);
        }

        common.RetryAfter ??= chunk.Common.RetryAfter;
        common.Age = common.Age is { } age && age.ToTimeSpan() >= chunk.Common.Age.ToTimeSpan() ? age : chunk.Common.Age;
        common.ConsistencyToken = Both(common.ConsistencyToken, chunk.Common.ConsistencyToken);
        (common.Regime, common.RegimeVersion) = response.Regimes is [var only] ? (only.Regime, only.Version) : ("", "");
    }

    /// <summary>Says of each text that is not a phone number why.</summary>
    internal static void AddErrors(V1.CheckBatchResponse response, V1.CheckBatchRequest request)
    {
        var region = request.DefaultRegion.Length == 0 ? null : request.DefaultRegion;
        for (var i = 0; i < response.Answers.Count; i++)
        {
            if (response.Answers[i].Number.Length == 0 && !NumberParser.Instance.TryParse(request.Numbers[i], region, out _, out var fault))
            {
                response.Answers[i].Error = fault.Describe();
            }
        }
    }

    // Null permits nothing.
    private static Duration? Shorter(Duration? one, Duration? other) => one is null || other is null ? null : one.ToTimeSpan() < other.ToTimeSpan() ? one : other;

    private static Timestamp? Earlier(Timestamp? one, Timestamp? other) => one is null || other is null ? null : one.ToDateTime() < other.ToDateTime() ? one : other;

    private static string Both(string one, string other) =>
        ConsistencyToken.TryParse(one, out var first, out _) && ConsistencyToken.TryParse(other, out var second, out _)
            ? first.And(second).ToString()
            : one.Length > 0 ? one : other;
}
