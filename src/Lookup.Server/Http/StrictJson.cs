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

/// <summary>Refuses JSON requests that do not fit their message before the transcoder reads them.</summary>
internal sealed class StrictJson(LookupServerOptions options) : IMiddleware
{
    private static readonly FrozenDictionary<string, MethodDescriptor> Methods =
        new[]
            {
                LookupServiceReflection.Descriptor, FactServiceReflection.Descriptor, RegistryServiceReflection.Descriptor,
                ImportServiceReflection.Descriptor, WatchServiceReflection.Descriptor,
                AccessServiceReflection.Descriptor, ReceiptServiceReflection.Descriptor,
            }
            .SelectMany(file => file.Services)
            .SelectMany(service => service.Methods)
            .ToFrozenDictionary(method => $"/{method.Service.FullName}/{method.Name}");

    private const string Whole = "(body)";
    private const int FirstBytes = 16 * 1024;

    // Names, values and brackets of one request. The largest batch of facts, each with all that a fact can hold, has about half of it.
    private const int MaxTokens = 2 * MessageBounds.MaxMessages;

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 16 };

    /// <inheritdoc/>
    public Task InvokeAsync(HttpContext context, RequestDelegate next) =>
        // The endpoint says that the transcoder serves it. What the caller says of its request decides nothing.
        context.GetEndpoint()?.Metadata is { } about && about.GetMetadata<GrpcJsonTranscodingMetadata>() is not null
            ? CheckAsync(context, about.GetMetadata<GrpcMethodMetadata>()!, next)
            : next(context);

    private async Task CheckAsync(HttpContext context, GrpcMethodMetadata method, RequestDelegate next)
    {
        var request = context.Request;
        if (request.QueryString.HasValue)
        {
            await RefuseAsync(context, [new FieldFault("(query)", "Parameters in the address are not taken: addresses end up in logs. Send a JSON body.")]);
            return;
        }

        if (HttpMethods.IsPost(request.Method))
        {
            if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
                || !type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
                || (type.Charset.HasValue && !type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)))
            {
                context.Response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
                await JsonErrors.WriteEmptyAsync(context);
                return;
            }

            var faults = new List<FieldFault>();
            using var body = await ReadAsync(request, context.RequestAborted);
            if (body is null)
            {
                context.Response.StatusCode = StatusCodes.Status413PayloadTooLarge;
                await JsonErrors.WriteEmptyAsync(context);
                return;
            }

            Check(body.GetBuffer().AsMemory(0, (int)body.Length), Methods[method.Method.FullName].InputType, faults);
            if (faults.Count != 0)
            {
                await RefuseAsync(context, faults);
                return;
            }

            request.Body = body;
            await AnswerAsync(context, next);
            return;
        }

        await AnswerAsync(context, next);
    }

    // The transcoder makes an error of its own of an answer that cannot be written, so what it writes is held back until it has ended.
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
            await RefuseAsync(context, [new FieldFault(Whole, "A value is not written as protobuf's JSON form prescribes.")]);
            return;
        }

        written.Position = 0;
        await written.CopyToAsync(body, context.RequestAborted);
    }

    // Its own refusals tell of no field; those of the service do.
    private static bool IsTranscoders(MemoryStream written)
    {
        using var answer = JsonDocument.Parse(written.GetBuffer().AsMemory(0, (int)written.Length));
        var status = answer.RootElement;
        return status.GetProperty("code").GetInt32() == (int)Google.Rpc.Code.InvalidArgument && status.GetProperty("details").GetArrayLength() == 0;
    }

    private static void Check(ReadOnlyMemory<byte> body, MessageDescriptor message, List<FieldFault> faults)
    {
        try
        {
            // A document takes memory for each token, many times that of the text.
            if (HasTooManyTokens(body.Span))
            {
                faults.Add(new FieldFault(Whole, $"It holds more than {MaxTokens} names, values and brackets; send smaller batches."));
                return;
            }

            using var document = JsonDocument.Parse(body, Strict);
            JsonRequestCheck.Check(document.RootElement, message, faults);
        }
        catch (JsonException e)
        {
            faults.Add(new FieldFault(Whole, $"It is not JSON: wrong at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}."));
        }
        catch (InvalidOperationException)
        {
            // A string that is no UTF-16, for example half of a surrogate pair.
            faults.Add(new FieldFault(Whole, "It holds a string that is not valid Unicode."));
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

    internal async Task<MemoryStream?> ReadAsync(HttpRequest request, CancellationToken cancellation)
    {
        // What a request says of its length takes no memory before it has come.
        var body = new MemoryStream((int)Math.Clamp(request.ContentLength ?? 0, 256, FirstBytes));
        var buffer = ArrayPool<byte>.Shared.Rent(FirstBytes);
        try
        {
            int read;
            while ((read = await request.Body.ReadAsync(buffer, cancellation)) != 0)
            {
                if (body.Length + read > options.MaxMessageBytes)
                {
                    return null;
                }

                body.Write(buffer, 0, read);
            }
        }
        catch (BadHttpRequestException e) when (e.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }

        body.Position = 0;
        return body;
    }

    private static Task RefuseAsync(HttpContext context, List<FieldFault> faults) =>
        JsonErrors.WriteAsync(context, StatusCodes.Status400BadRequest, RpcErrors.InvalidStatus(faults));
}
