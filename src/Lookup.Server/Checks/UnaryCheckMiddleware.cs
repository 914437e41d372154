// For: single checks at the speed of HTTP/2 itself.
//
// Most checks are decided faster than a gRPC library finds the method, runs its interceptors and creates the objects of the call. This
// middleware answers a request in the plain format that every client sends, if the answer is OK. It leaves a compressed, long or
// invalid request, or one that also writes, unread to the endpoint behind it. If the store cannot answer, it passes the failure to that
// endpoint, which produces every error.
//
// The frame has one byte for "not compressed" and four bytes for the length, big-endian; the status is a trailer.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.IO.Pipelines;
using System.Runtime.ExceptionServices;
using Google.Protobuf;
using Lookup.Core.Access;
using Lookup.Core.Facts;
using Lookup.Server.Access;
using Lookup.Server.Errors;
using Lookup.Server.Mapping;
using Lookup.Server.Reading;
using Lookup.Server.Store;
using Lookup.Server.Telemetry;
using Microsoft.AspNetCore.Http;

namespace Lookup.Server.Checks;

/// <summary>Answers plain Check calls without the gRPC library.</summary>
internal sealed class UnaryCheckMiddleware(
    RequestDelegate next, SingleChecks checks, FactReader reader, AccessControl access, LookupServerOptions options, ServiceMetrics metrics, TimeProvider clock)
{
    private const string Method = "/lookup.v1.LookupService/Check";
    private const string ContentType = "application/grpc";
    private const int FrameHead = 5;

    // Longer than any check without unknown or oversized fields.
    private const int MaxLength = 1_024;

    private const int MaxTimeoutDigits = 8;

    public Task InvokeAsync(HttpContext context) => IsPlain(context.Request) ? AnswerAsync(context) : next(context);

    /// <summary>Rethrows the failure that prevented an answer here.</summary>
    internal static void ThrowIfFailed(HttpContext context) => context.Features.Get<Failure>()?.Why.Throw();

    private static bool IsPlain(HttpRequest request) =>
        request.Path.Value == Method
        && request.ContentType == ContentType
        && request.Protocol == HttpProtocol.Http2
        && HttpMethods.IsPost(request.Method)
        && request.Headers.GrpcEncoding.Count == 0;

    private async Task AnswerAsync(HttpContext context)
    {
        var begin = clock.GetTimestamp();
        var body = context.Request.BodyReader;
        ReadResult read;
        try
        {
            read = await body.ReadAsync();
            while (!read.IsCompleted && read.Buffer.Length <= MaxLength)
            {
                body.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                read = await body.ReadAsync();
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // Too large, too slow, or cut off. The gRPC library meets the same failure and answers it.
            await next(context);
            return;
        }

        var request = read.IsCompleted ? TryParse(read.Buffer) : null;
        if (request is null or { Reserve: not null } || await TryAnswerAsync(request, context, begin) is not { } answer || !TryWrite(context, answer))
        {
            body.AdvanceTo(read.Buffer.Start);
            await next(context);
            return;
        }

        body.AdvanceTo(read.Buffer.End);
        metrics.Answered(Method, clock.GetElapsedTime(begin));
    }

    private ValueTask<V1.CheckResponse?> TryAnswerAsync(V1.CheckRequest request, HttpContext context, long begin)
    {
        try
        {
            List<FieldFault>? faults = null;
            var asked = checks.ParseRequest(request, context, ref faults);
            if (faults is not null || !MayAsk(context, asked))
            {
                return default;
            }

            return checks.TryAnswer(request, asked, out var begun) is { } answer
                ? new(answer)
                : new(TryReadAsync(request, asked, begun, context, begin));
        }
        catch (Exception e)
        {
            Fail(context, e);
            return default;
        }
    }

    // The endpoint reports a missing role or grant.
    private bool MayAsk(HttpContext context, in NumberQuestion asked)
    {
        if (!access.IsOn)
        {
            return true;
        }

        var caller = access.CallerOf(context);
        access.DetectEnumeration(caller, asked.Number.Value);
        return caller.Has(Roles.Check) && caller.May(asked.Asked.Organisation, asked.At);
    }

    private async Task<V1.CheckResponse?> TryReadAsync(
        V1.CheckRequest request, NumberQuestion asked, FactSet? begun, HttpContext context, long begin)
    {
        var limit = TimeSpan.FromMilliseconds(options.StoreReadLimitMs);
        if (!TryTimeout(context.Request.Headers.GrpcTimeout, out var timeout))
        {
            return null;
        }

        using var call = new StoreDeadline(timeout ?? limit, context.RequestAborted);
        try
        {
            return checks.BuildResponse(request, asked, await reader.ReadAsync(asked, begun, call));
        }
        catch (Exception e)
        {
            // A timer may fire slightly early.
            var isLate = timeout is { } deadline && (call.Expired || clock.GetElapsedTime(begin) >= deadline);
            Fail(context, isLate ? RpcErrors.DeadlineExceeded() : e);
            return null;
        }
    }

    private static void Fail(HttpContext context, Exception why) => context.Features.Set(new Failure(ExceptionDispatchInfo.Capture(why)));

    private static bool TryTimeout(string? text, out TimeSpan? timeout)
    {
        timeout = null;
        if (string.IsNullOrEmpty(text))
        {
            return true;
        }

        var digits = text.AsSpan(0, text.Length - 1);
        if (digits.Length > MaxTimeoutDigits || !long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var value))
        {
            return false;
        }

        timeout = text[^1] switch
        {
            'n' => TimeSpan.FromTicks(value / TimeSpan.NanosecondsPerTick),
            'u' => TimeSpan.FromMicroseconds(value),
            'm' => TimeSpan.FromMilliseconds(value, 0),
            'S' => TimeSpan.FromSeconds(value),
            _ => null,
        };
        // The maximum of a timer.
        return timeout is { } time && time.TotalMilliseconds < int.MaxValue;
    }

    private static V1.CheckRequest? TryParse(in ReadOnlySequence<byte> body)
    {
        var frame = body.FirstSpan;
        if (!body.IsSingleSegment || frame.Length is < FrameHead or > MaxLength || frame[0] != 0
            || BinaryPrimitives.ReadUInt32BigEndian(frame[1..]) != frame.Length - FrameHead)
        {
            return null;
        }

        try
        {
            return V1.CheckRequest.Parser.ParseFrom(frame[FrameHead..]);
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    private static bool TryWrite(HttpContext context, V1.CheckResponse answer)
    {
        try
        {
            Write(context.Response, answer);
            return true;
        }
        catch (Exception e)
        {
            Fail(context, e);
            return false;
        }
    }

    private static void Write(HttpResponse response, V1.CheckResponse answer)
    {
        response.ContentType = ContentType;
        var size = answer.CalculateSize();
        var frame = response.BodyWriter.GetSpan(FrameHead + size)[..(FrameHead + size)];
        frame[0] = 0;
        BinaryPrimitives.WriteInt32BigEndian(frame[1..], size);
        answer.WriteTo(frame[FrameHead..]);
        response.BodyWriter.Advance(frame.Length);
        response.AppendTrailer("grpc-status", "0");
    }

    private sealed record Failure(ExceptionDispatchInfo Why);
}
