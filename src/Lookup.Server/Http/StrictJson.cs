using System.Buffers;
using System.Collections.Frozen;
using System.Text.Json;
using Google.Protobuf.Reflection;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Lookup.Core.Facts;
using Lookup.Server.Errors;
using Lookup.V1;
using Microsoft.AspNetCore.Grpc.JsonTranscoding;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Lookup.Server.Http;

/// <summary>Rejects JSON requests that do not fit their message, before the transcoder reads them.</summary>
internal sealed class StrictJson(LookupServerOptions options, BodyBudget budget) : IMiddleware
{
    private static readonly FrozenDictionary<string, MethodDescriptor> Methods =
        new[]
            {
                LookupServiceReflection.Descriptor, FactServiceReflection.Descriptor, RegistryServiceReflection.Descriptor,
                ImportServiceReflection.Descriptor, WatchServiceReflection.Descriptor,
                AccessServiceReflection.Descriptor, ReceiptServiceReflection.Descriptor, TrailServiceReflection.Descriptor,
            }
            .SelectMany(file => file.Services)
            .SelectMany(service => service.Methods)
            .ToFrozenDictionary(method => $"/{method.Service.FullName}/{method.Name}");

    private const string Whole = "(body)";
    private const int FirstBytes = 16 * 1024;

    // Names, values and brackets of one request. The largest batch of facts with every field set has about half as many.
    private const int MaxTokens = 2 * MessageBounds.MaxMessages;

    /// <summary>The error for a request with query parameters.</summary>
    internal static readonly FieldFault QueryFault =
        new("(query)", "Query parameters are not accepted, because URLs end up in logs; send a JSON body.");

    /// <summary>The error for a value that passes the check but that protobuf does not read.</summary>
    internal static readonly FieldFault FormatFault = new(Whole, "A value does not follow protobuf's JSON format.");

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 16 };

    /// <summary>Returns whether the transcoder serves a request. The endpoint decides that; the caller's headers do not.</summary>
    internal static bool IsTranscoded(HttpContext context) => context.GetEndpoint()?.Metadata.GetMetadata<GrpcJsonTranscodingMetadata>() is not null;

    /// <inheritdoc/>
    public Task InvokeAsync(HttpContext context, RequestDelegate next) => IsTranscoded(context)
        ? CheckAsync(context, context.GetEndpoint()!.Metadata.GetMetadata<GrpcMethodMetadata>()!, next)
        : next(context);

    private async Task CheckAsync(HttpContext context, GrpcMethodMetadata metadata, RequestDelegate next)
    {
        var request = context.Request;
        if (request.QueryString.HasValue)
        {
            await RefuseAsync(context, [QueryFault]);
            return;
        }

        var method = Methods[metadata.Method.FullName];
        using var body = HttpMethods.IsPost(request.Method) ? await ReadAsync(context, method.InputType) : null;
        if (body is not null)
        {
            request.Body = body;
        }
        else if (HttpMethods.IsPost(request.Method))
        {
            return;
        }

        await (method.IsServerStreaming ? StreamAsync(context, next) : AnswerAsync(context, next));
    }

    /// <summary>Reads the body of a request and compares it with its message.</summary>
    /// <returns>The body at its start; null if it does not fit and the error has been written.</returns>
    internal async Task<MemoryStream?> ReadAsync(HttpContext context, MessageDescriptor message)
    {
        if (!MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var type)
            || !type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            || (type.Charset.HasValue && !type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)))
        {
            context.Response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
            await JsonErrors.WriteEmptyAsync(context);
            return null;
        }

        if (context.Request.Headers.ContentEncoding.ToString() is not ("" or "identity"))
        {
            await JsonErrors.WriteAsync(
                context,
                StatusCodes.Status415UnsupportedMediaType,
                RpcErrors.Of(Google.Rpc.Code.InvalidArgument, "The header Content-Encoding is not accepted; send the body uncompressed."));
            return null;
        }

        var body = budget.Create(context, (int)Math.Clamp(context.Request.ContentLength ?? 0, 256, FirstBytes));
        var status = StatusCodes.Status500InternalServerError;
        try
        {
            status = await ReadAsync(context.Request, body, context.RequestAborted);
        }
        finally
        {
            if (status != StatusCodes.Status200OK)
            {
                await body.DisposeAsync();
            }
        }

        if (status == StatusCodes.Status503ServiceUnavailable)
        {
            await JsonErrors.WriteAsync(
                context, status, RpcErrors.Unavailable(RpcErrors.TooManyLarge, options.RetryAfterMs).GetRpcStatus()!);
            return null;
        }

        if (status != StatusCodes.Status200OK)
        {
            context.Response.StatusCode = status;
            await JsonErrors.WriteEmptyAsync(context);
            return null;
        }

        var faults = new List<FieldFault>();
        Check(body.GetBuffer().AsMemory(0, (int)body.Length), message, faults);
        if (faults.Count == 0)
        {
            return body;
        }

        await body.DisposeAsync();
        await RefuseAsync(context, faults);
        return null;
    }

    // Lines must not wait for the end of the stream. Its errors are those of the interceptors: a message that was sent cannot be replaced.
    private static Task StreamAsync(HttpContext context, RequestDelegate next)
    {
        context.Response.OnStarting(static state =>
        {
            var response = (HttpResponse)state;
            if (response.StatusCode == StatusCodes.Status200OK)
            {
                response.ContentType = "application/x-ndjson; charset=utf-8";
                // nginx buffers a response otherwise, and heartbeats would be late.
                response.Headers["X-Accel-Buffering"] = "no";
            }

            RetryAfter.Set(response);
            return Task.CompletedTask;
        }, context.Response);
        return next(context);
    }

    // The transcoder replaces a response that it cannot write by its own error, so its output is buffered until it has ended.
    private static async Task AnswerAsync(HttpContext context, RequestDelegate next)
    {
        var body = context.Response.Body;
        using var written = new MemoryStream();
        var watched = UnhandledErrors.Watch();
        context.Response.Body = written;
        try
        {
            await next(context);
        }
        finally
        {
            context.Response.Body = body;
        }

        if (watched.Id is { } id)
        {
            await JsonErrors.WriteAsync(context, StatusCodes.Status500InternalServerError, RpcErrors.Internal(id).GetRpcStatus()!);
            return;
        }

        if (context.Response.StatusCode == StatusCodes.Status400BadRequest && IsTranscoders(written))
        {
            await RefuseAsync(context, [FormatFault]);
            return;
        }

        if (context.Response.StatusCode is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable)
        {
            RetryAfter.Set(context.Response, JsonErrors.TryParse(written.GetBuffer().AsSpan(0, (int)written.Length)));
        }

        written.Position = 0;
        await written.CopyToAsync(body, context.RequestAborted);
    }

    // The transcoder's own errors name no field; those of the service do.
    private static bool IsTranscoders(MemoryStream written)
    {
        using var answer = JsonDocument.Parse(written.GetBuffer().AsMemory(0, (int)written.Length));
        var status = answer.RootElement;
        return status.GetProperty("code").GetInt32() == (int)Google.Rpc.Code.InvalidArgument && status.GetProperty("details").GetArrayLength() == 0;
    }

    /// <summary>Adds a fault for everything in a body that does not fit its message.</summary>
    internal static void Check(ReadOnlyMemory<byte> body, MessageDescriptor message, List<FieldFault> faults)
    {
        try
        {
            // A parsed document takes many times the memory of its text.
            if (HasTooManyTokens(body.Span))
            {
                faults.Add(new FieldFault(Whole, $"More than {MaxTokens} names, values and brackets; send smaller batches."));
                return;
            }

            using var document = JsonDocument.Parse(body, Strict);
            JsonRequestCheck.Check(document.RootElement, message, faults);
        }
        catch (JsonException e)
        {
            faults.Add(new FieldFault(Whole, $"Not valid JSON: syntax error at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}."));
        }
        catch (InvalidOperationException)
        {
            // For example half of a surrogate pair.
            faults.Add(new FieldFault(Whole, "Contains a string that is not valid Unicode."));
        }
    }

    private static bool HasTooManyTokens(ReadOnlySpan<byte> body)
    {
        if (body.Length <= MaxTokens)
        {
            return false;
        }

        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = Strict.MaxDepth });
        for (var tokens = 0; reader.Read(); tokens++)
        {
            if (tokens == MaxTokens)
            {
                return true;
            }
        }

        return false;
    }

    // Returns the HTTP status: 200 if the whole body was read.
    private async Task<int> ReadAsync(HttpRequest request, BodyBudget.Body body, CancellationToken cancellation)
    {
        // What Content-Length announces is not allocated before it has arrived.
        var buffer = ArrayPool<byte>.Shared.Rent(FirstBytes);
        try
        {
            int read;
            while ((read = await request.Body.ReadAsync(buffer, cancellation)) != 0)
            {
                if (body.Length + read > options.MaxMessageBytes)
                {
                    return StatusCodes.Status413PayloadTooLarge;
                }

                if (!body.TryWrite(buffer.AsSpan(0, read)))
                {
                    return StatusCodes.Status503ServiceUnavailable;
                }
            }
        }
        catch (BadHttpRequestException e) when (e.StatusCode is StatusCodes.Status413PayloadTooLarge or StatusCodes.Status408RequestTimeout)
        {
            return e.StatusCode;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }

        body.Position = 0;
        return StatusCodes.Status200OK;
    }

    /// <summary>Writes the error for a request with faults.</summary>
    internal static Task RefuseAsync(HttpContext context, List<FieldFault> faults) =>
        JsonErrors.WriteAsync(context, StatusCodes.Status400BadRequest, RpcErrors.InvalidStatus(faults));
}
