// For: callers that look only at an HTTP status, such as proxies, dial plans and low-code tools.
//
// A client that takes every 200 for a permission dials on DENY, on a hypothetical answer and on one that has expired. So here 200 means
// that the call is permitted now, and nothing else does: the status is 503 until the last step, which has one line with 200.
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Lookup.Core.Facts;
using Lookup.Server.Errors;
using Lookup.Server.Http;
using Lookup.Server.Telemetry;
using Microsoft.AspNetCore.Http;
using Rpc = Google.Rpc.Status;

namespace Lookup.Server.Checks;

/// <summary>Answers one check by the HTTP status: 200 permits the call.</summary>
internal sealed class GateEndpoint(
    ICheckAnswers checks, StrictJson json, ErrorInterceptor errors, ServiceMetrics metrics, LookupServerOptions options, TimeProvider clock)
{
    internal const string Path = "/v1/gate";

    // Name of the method in metrics.
    private const string Method = "Gate";

    private const string NoHypothesis = "Not accepted here: the status permits a call now. Send it to /v1/check.";
    private const string NotInAnswer = "Not accepted here: the answer has no place for it. Send it to /v1/check.";

    private static readonly EnumDescriptor Verdicts = V1.DecisionReflection.Descriptor.FindTypeByName<EnumDescriptor>(nameof(V1.Verdict));
    private static readonly EnumDescriptor Reasons = V1.DecisionReflection.Descriptor.FindTypeByName<EnumDescriptor>(nameof(V1.ReasonCode));

    // The plus stays as it is: some callers cut the number out of the text.
    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    internal static readonly string[] Verbs = [HttpMethods.Get, HttpMethods.Post];

    internal async Task AnswerAsync(HttpContext context)
    {
        var started = clock.GetTimestamp();
        context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        context.Response.Headers.CacheControl = "no-store";
        try
        {
            if (await ReadAsync(context) is not { } request)
            {
                return;
            }

            var response = await checks.AnswerAsync(request, context);
            await WriteAsync(context, response, started);
            metrics.Answered(Method, clock.GetElapsedTime(started));
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            var error = errors.Map(e, Method, DateTime.MaxValue, context);
            await JsonErrors.WriteAsync(
                context, StatusOf(error.StatusCode), error.GetRpcStatus() ?? new Rpc { Code = (int)error.StatusCode, Message = error.Status.Detail });
        }
    }

    private static int StatusOf(StatusCode code) => code switch
    {
        StatusCode.InvalidArgument or StatusCode.FailedPrecondition => StatusCodes.Status400BadRequest,
        StatusCode.Unauthenticated => StatusCodes.Status401Unauthorized,
        StatusCode.PermissionDenied => StatusCodes.Status403Forbidden,
        StatusCode.ResourceExhausted => StatusCodes.Status429TooManyRequests,
        _ => StatusCodes.Status503ServiceUnavailable,
    };

    // Null if the error has been written.
    private async Task<V1.CheckRequest?> ReadAsync(HttpContext context)
    {
        var faults = new List<FieldFault>();
        if (context.Request.QueryString.HasValue)
        {
            faults.Add(StrictJson.QueryFault);
        }

        var text = HttpMethods.IsPost(context.Request.Method) ? await ReadBodyAsync(context, faults) : ReadHeaders(context, faults);
        if (text is null)
        {
            return null;
        }

        V1.CheckRequest? request = null;
        try
        {
            request = faults.Count == 0 ? JsonParser.Default.Parse<V1.CheckRequest>(Encoding.UTF8.GetString(text)) : null;
        }
        catch (IOException)
        {
            // Protobuf's exceptions for values and for JSON have only this class in common.
            faults.Add(StrictJson.FormatFault);
        }

        if (request is not null)
        {
            AddFaults(request, faults);
        }

        if (faults.Count == 0)
        {
            return request;
        }

        await StrictJson.RefuseAsync(context, faults);
        return null;
    }

    private async Task<byte[]?> ReadBodyAsync(HttpContext context, List<FieldFault> faults)
    {
        if (GateHeaders.AreIn(context.Request.Headers))
        {
            faults.Add(new FieldFault("(headers)", "A POST has its check in the body; send no headers that begin with 'lookup-'."));
        }

        using var body = await json.ReadAsync(context, V1.CheckRequest.Descriptor);
        return body?.ToArray();
    }

    private static byte[] ReadHeaders(HttpContext context, List<FieldFault> faults)
    {
        if (context.Request.ContentLength > 0 || context.Request.Headers.TransferEncoding.Count > 0)
        {
            faults.Add(new FieldFault("(body)", "A GET has its check in headers; send no body."));
        }

        var text = GateHeaders.ToJson(context.Request.Headers, faults);
        StrictJson.Check(text, V1.CheckRequest.Descriptor, faults);
        return text;
    }

    private static void AddFaults(V1.CheckRequest request, List<FieldFault> faults)
    {
        if (request.WhatIf is not null)
        {
            faults.Add(new FieldFault("what_if", NoHypothesis));
        }

        if (request.Receipt)
        {
            faults.Add(new FieldFault("receipt", NotInAnswer));
        }

        if (request.AllReasons)
        {
            faults.Add(new FieldFault("all_reasons", NotInAnswer));
        }
    }

    private Task WriteAsync(HttpContext context, V1.CheckResponse answer, long started)
    {
        var decision = answer.Decision;
        var permitted = decision is { Verdict: V1.Verdict.Allow, Hypothetical: false, ReusableFor: { } time } ? time.ToTimeSpan() : default(TimeSpan?);
        var body = BodyOf(answer, permitted);
        // Just before the line with 200.
        if (permitted <= clock.GetElapsedTime(started))
        {
            permitted = null;
        }

        if (permitted is null && decision.Verdict is not (V1.Verdict.Deny or V1.Verdict.NotCovered or V1.Verdict.Unknown))
        {
            // The word ALLOW must not reach a caller that looks for it.
            return JsonErrors.WriteAsync(
                context, StatusCodes.Status503ServiceUnavailable, RpcErrors.Of(Code.Unavailable, "The answer permits no call: it has expired or is hypothetical. Retry."));
        }

        var response = context.Response;
        if (permitted is { } reusable)
        {
            response.StatusCode = StatusCodes.Status200OK;
            response.Headers["Lookup-Reusable-For"] = reusable.TotalSeconds.ToString(CultureInfo.InvariantCulture);
        }
        else if (decision.Verdict is V1.Verdict.Deny or V1.Verdict.NotCovered)
        {
            response.StatusCode = StatusCodes.Status403Forbidden;
        }
        else
        {
            RetryAfter.Set(response, decision.RetryAfter ?? Duration.FromTimeSpan(TimeSpan.FromMilliseconds(options.RetryAfterMs)));
        }

        response.Headers["Lookup-Verdict"] = NameOf(Verdicts, (int)decision.Verdict);
        response.Headers["Lookup-Reason"] = ReasonOf(decision);
        response.Headers["Lookup-Number"] = answer.Number;
        if (decision.Verdict == V1.Verdict.Allow && decision.Reasons.Count > 1)
        {
            response.Headers["Lookup-Warning"] = string.Join(", ", decision.Reasons.Skip(1).Select(reason => NameOf(Reasons, (int)reason.Code)));
        }

        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = body.Length;
        return response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    private static ReadOnlyMemory<byte> BodyOf(V1.CheckResponse answer, TimeSpan? permitted)
    {
        using var body = new MemoryStream();
        using (var writer = new Utf8JsonWriter(body, Plain))
        {
            writer.WriteStartObject();
            writer.WriteString("verdict", NameOf(Verdicts, (int)answer.Decision.Verdict));
            writer.WriteString("reason", ReasonOf(answer.Decision));
            writer.WriteString("number", answer.Number);
            if (permitted is { } time)
            {
                writer.WriteNumber("reusableForSeconds", time.TotalSeconds);
            }

            if (answer.Reservation is { } reservation)
            {
                writer.WriteString("called", reservation.Called.ToDateTime().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
            }

            if (answer.Receipt is { } receipt)
            {
                writer.WriteString("receiptId", receipt.Id);
            }

            writer.WriteEndObject();
        }

        return body.ToArray();
    }

    private static string ReasonOf(V1.Decision decision) => decision.Reasons is [var first, ..] ? NameOf(Reasons, (int)first.Code) : "";

    private static string NameOf(EnumDescriptor type, int value) => type.FindValueByNumber(value)?.Name ?? "";
}
