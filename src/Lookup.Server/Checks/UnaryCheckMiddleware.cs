// For: single checks at the speed of HTTP/2 itself.
//
// Most checks are decided faster than a gRPC library finds the method, runs its interceptors and creates the objects of the call. This
// middleware answers a request in the plain format that every client sends. It leaves a compressed, long or unreadable request, one that
// also writes, or one without the role unread to the endpoint behind it. Both call the same functions of SingleChecks, and
// ErrorInterceptor maps the failures of both.
//
// The frame has one byte for "not compressed" and four bytes for the length, big-endian; the status is a trailer.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.IO.Pipelines;
using Google.Protobuf;
using Lookup.Core.Access;
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
    RequestDelegate next, SingleChecks checks, AccessControl access, ErrorInterceptor errors, LookupServerOptions options, ServiceMetrics metrics, TimeProvider clock)
{
    private const string Method = "/lookup.v1.LookupService/Check";
    private const string ContentType = "application/grpc";
    private const int FrameHead = 5;

    // Longer than any check without unknown or oversized fields.
    private const int MaxLength = 1_024;

    private const int MaxTimeoutDigits = 8;

    public Task InvokeAsync(HttpContext context) =>
        IsPlain(context.Request) && access.CallerOf(context) is var caller && caller.Has(Roles.Check) ? AnswerAsync(context, caller) : next(context);

    private static bool IsPlain(HttpRequest request) =>
        request.Path.Value == Method
        && request.ContentType == ContentType
        && request.Protocol == HttpProtocol.Http2
        && HttpMethods.IsPost(request.Method)
        && request.Headers.GrpcEncoding.Count == 0;

    private async Task AnswerAsync(HttpContext context, Caller caller)
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
        if (request is null or { Reserve: not null })
        {
            body.AdvanceTo(read.Buffer.Start);
            await next(context);
            return;
        }

        body.AdvanceTo(read.Buffer.End);
        try
        {
            var asked = checks.ParseRequest(request, caller, out _);
            var answer = checks.TryAnswer(request, asked, out var begun) ?? await ReadAsync(request, asked, begun, context, begin);
            var took = clock.GetElapsedTime(begin);
            Expiry.Apply(answer.Decision, took);
            Write(context.Response, answer);
            metrics.Answered(Method, took);
        }
        catch (Exception e)
        {
            await RefusalWriter.WriteAsync(context, errors.Map(e, Method, DateTime.MaxValue, context, RequestOrganisation.Of(request)));
        }
    }

    private async Task<V1.CheckResponse> ReadAsync(
        V1.CheckRequest request, NumberQuestion asked, FactSet? begun, HttpContext context, long begin)
    {
        var timeout = Timeout(context.Request.Headers.GrpcTimeout);
        using var call = new StoreDeadline(timeout ?? TimeSpan.FromMilliseconds(options.StoreReadLimitMs), context.RequestAborted);
        try
        {
            return await checks.AnswerAsync(request, asked, begun, call);
        }
        // A timer may fire slightly early.
        catch (Exception) when (timeout is { } deadline && (call.Expired || clock.GetElapsedTime(begin) >= deadline))
        {
            throw RpcErrors.DeadlineExceeded();
        }
    }

    /// <summary>Returns the caller's deadline; null if it sets none, or none that a timer can keep.</summary>
    private static TimeSpan? Timeout(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        var digits = text.AsSpan(0, text.Length - 1);
        if (digits.Length > MaxTimeoutDigits || !long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var value))
        {
            return null;
        }

        TimeSpan? timeout = text[^1] switch
        {
            'n' => TimeSpan.FromTicks(value / TimeSpan.NanosecondsPerTick),
            'u' => TimeSpan.FromMicroseconds(value),
            'm' => TimeSpan.FromMilliseconds(value, 0),
            'S' => TimeSpan.FromSeconds(value),
            'M' => TimeSpan.FromMinutes(value),
            'H' => TimeSpan.FromHours(value),
            _ => null,
        };
        return timeout?.TotalMilliseconds < int.MaxValue ? timeout : null;
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
}
