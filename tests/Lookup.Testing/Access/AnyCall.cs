using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Google.Api;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Rpc;
using Grpc.Core;

namespace Lookup.Testing.Access;

/// <summary>What came of a call, over gRPC or JSON.</summary>
/// <param name="Status">The status.</param>
/// <param name="Reason">Reason of the google.rpc.ErrorInfo; empty where there is none.</param>
/// <param name="Missing">What the ErrorInfo says is missing.</param>
/// <param name="Answer">The first message of the answer.</param>
internal sealed record Outcome(StatusCode Status, string Reason = "", string Missing = "", IMessage? Answer = null)
{
    /// <summary>The credential was no reason to refuse it.</summary>
    internal bool IsLetIn => Status is not (StatusCode.Unauthenticated or StatusCode.PermissionDenied);
}

/// <summary>Calls any method of the contract by its descriptor.</summary>
internal static class AnyCall
{
    /// <summary>All methods of lookup.v1.</summary>
    internal static IReadOnlyList<MethodDescriptor> Methods { get; } =
    [
        .. typeof(V1.LookupService).Assembly.GetTypes()
            .Where(type => type.Name.EndsWith("Reflection", StringComparison.Ordinal))
            .Select(type => type.GetProperty("Descriptor")?.GetValue(null)).OfType<FileDescriptor>()
            .SelectMany(file => file.Services).Where(service => service.File.Package == "lookup.v1")
            .SelectMany(service => service.Methods),
    ];

    internal static async Task<Outcome> GrpcAsync(CallInvoker invoker, MethodDescriptor method, IReadOnlyList<IMessage> requests, string? bearer)
    {
        var type = (method.IsClientStreaming, method.IsServerStreaming) switch
        {
            (false, false) => MethodType.Unary,
            (false, true) => MethodType.ServerStreaming,
            _ => MethodType.DuplexStreaming,
        };
        var call = new Method<IMessage, IMessage>(
            type,
            method.Service.FullName,
            method.Name,
            Marshallers.Create<IMessage>(message => message.ToByteArray(), _ => throw new NotSupportedException()),
            Marshallers.Create<IMessage>(_ => throw new NotSupportedException(), bytes => method.OutputType.Parser.ParseFrom(bytes)));
        var headers = new Metadata();
        if (bearer is not null)
        {
            headers.Add("authorization", "Bearer " + bearer);
        }

        using var end = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var options = new CallOptions(headers, cancellationToken: end.Token);
        try
        {
            switch (type)
            {
                case MethodType.Unary:
                    return new Outcome(StatusCode.OK, Answer: await invoker.AsyncUnaryCall(call, null, options, requests[0]));
                case MethodType.ServerStreaming:
                    using (var stream = invoker.AsyncServerStreamingCall(call, null, options, requests[0]))
                    {
                        return await FirstAsync(stream.ResponseStream);
                    }

                default:
                    using (var stream = invoker.AsyncDuplexStreamingCall(call, null, options))
                    {
                        await SendAsync(stream.RequestStream, requests);
                        return await FirstAsync(stream.ResponseStream);
                    }
            }
        }
        catch (RpcException e)
        {
            var info = e.GetRpcStatus()?.GetDetail<ErrorInfo>();
            return new Outcome(e.StatusCode, info?.Reason ?? "", string.Join(",", info?.Metadata.Values ?? []));
        }
        finally
        {
            await end.CancelAsync();
        }
    }

    /// <summary>Verb and path of a method in JSON; null where it has none.</summary>
    internal static (HttpMethod Verb, string Path)? Route(MethodDescriptor method) => method.GetOptions()?.GetExtension(AnnotationsExtensions.Http) switch
    {
        { PatternCase: HttpRule.PatternOneofCase.Post } rule => (HttpMethod.Post, rule.Post),
        { PatternCase: HttpRule.PatternOneofCase.Get } rule => (HttpMethod.Get, rule.Get.Replace("{id}", "x", StringComparison.Ordinal)),
        _ => null,
    };

    internal static async Task<Outcome> JsonAsync(HttpClient http, MethodDescriptor method, IMessage request, string? bearer)
    {
        var (verb, path) = Route(method)!.Value;
        using var message = new HttpRequestMessage(verb, path);
        if (verb == HttpMethod.Post)
        {
            message.Content = new StringContent(JsonFormatter.Default.Format(request), Encoding.UTF8, "application/json");
        }

        if (bearer is not null)
        {
            message.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        }

        using var response = await http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        var body = await BodyAsync(response, method);
        if (response.IsSuccessStatusCode)
        {
            return new Outcome(StatusCode.OK, Answer: new JsonParser(JsonParser.Settings.Default).Parse(body, method.OutputType));
        }

        var error = JsonNode.Parse(body)!;
        var status = (StatusCode)(int)error["code"]!;
        Assert.Equal(status == StatusCode.Unauthenticated, (int)response.StatusCode == 401);
        Assert.Equal(status == StatusCode.PermissionDenied, (int)response.StatusCode == 403);
        var info = error["details"]?.AsArray().FirstOrDefault(detail => ((string)detail!["@type"]!).EndsWith("ErrorInfo", StringComparison.Ordinal));
        return new Outcome(
            status,
            (string?)info?["reason"] ?? "",
            string.Join(",", info?["metadata"]?.AsObject().Select(pair => (string?)pair.Value) ?? []));
    }

    /// <summary>Reads the body of an answer. A stream does not end by itself: its first line is the answer.</summary>
    internal static async Task<string> BodyAsync(HttpResponseMessage response, MethodDescriptor method)
    {
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
        return method.IsServerStreaming && response.IsSuccessStatusCode
            ? await reader.ReadLineAsync(TestContext.Current.CancellationToken) ?? ""
            : await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
    }

    private static async Task SendAsync(IClientStreamWriter<IMessage> stream, IReadOnlyList<IMessage> requests)
    {
        try
        {
            foreach (var request in requests)
            {
                await stream.WriteAsync(request);
            }

            await stream.CompleteAsync();
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException)
        {
            // It was refused before all was sent: the answer says why.
        }
    }

    private static async Task<Outcome> FirstAsync(IAsyncStreamReader<IMessage> stream) =>
        await stream.MoveNext(TestContext.Current.CancellationToken)
            ? new Outcome(StatusCode.OK, Answer: stream.Current)
            : new Outcome(StatusCode.OK);
}
