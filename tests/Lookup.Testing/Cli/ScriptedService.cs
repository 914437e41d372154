using System.Net;
using Grpc.Core;
using Lookup.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Lookup.Testing.Cli;

/// <summary>
/// A gRPC service that does what a test tells it, for what the real one does only when something goes wrong.
/// </summary>
internal sealed class ScriptedService : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ScriptedService(WebApplication app)
    {
        _app = app;
    }

    public string Address => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

    /// <param name="script">What it does.</param>
    /// <param name="port">Where it listens; 0: a free port.</param>
    public static async Task<ScriptedService> StartAsync(Script script, int port = 0)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, port, listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddRouting();
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(script);
        var app = builder.Build();
        app.UseRouting();
        app.MapGrpcService<Lookups>();
        app.MapGrpcService<Facts>();
        app.MapGrpcService<Watches>();
        await app.StartAsync();
        return new ScriptedService(app);
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    /// <summary>What the service does.</summary>
    internal sealed class Script
    {
        public Func<CheckRequest, ServerCallContext, Task<CheckResponse>> Check { get; init; } =
            static (_, _) => throw new RpcException(new Status(StatusCode.Unimplemented, ""));

        public CheckStreamScript CheckStream { get; init; } = static (_, _, _) => throw new RpcException(new Status(StatusCode.Unimplemented, ""));

        public Func<WatchRequest, IServerStreamWriter<WatchResponse>, ServerCallContext, Task> Watch { get; init; } =
            static (_, _, _) => throw new RpcException(new Status(StatusCode.Unimplemented, ""));

        public Func<RecordFactsRequest, ServerCallContext, Task<RecordFactsResponse>> Record { get; init; } =
            static (_, _) => throw new RpcException(new Status(StatusCode.Unimplemented, ""));

        public Func<ImportFactsRequest, ImportFactsResponse> Import { get; init; } =
            static batch => new ImportFactsResponse { Sequence = batch.Sequence, Recorded = (uint)batch.Facts.Count };

        /// <summary>Answers batches only when so many are held, the last first.</summary>
        public int AnswerBackwards { get; init; } = 1;
    }

    internal delegate Task CheckStreamScript(
        IAsyncStreamReader<CheckStreamRequest> requests, IServerStreamWriter<CheckStreamResponse> responses, ServerCallContext context);

    private sealed class Lookups(Script script) : LookupService.LookupServiceBase
    {
        public override Task<CheckResponse> Check(CheckRequest request, ServerCallContext context) => script.Check(request, context);

        public override Task CheckStream(
            IAsyncStreamReader<CheckStreamRequest> requestStream, IServerStreamWriter<CheckStreamResponse> responseStream, ServerCallContext context) =>
            script.CheckStream(requestStream, responseStream, context);
    }

    private sealed class Watches(Script script) : WatchService.WatchServiceBase
    {
        public override Task Watch(WatchRequest request, IServerStreamWriter<WatchResponse> responseStream, ServerCallContext context) =>
            script.Watch(request, responseStream, context);
    }

    private sealed class Facts(Script script) : FactService.FactServiceBase
    {
        public override Task<RecordFactsResponse> RecordFacts(RecordFactsRequest request, ServerCallContext context) => script.Record(request, context);

        public override async Task ImportFacts(
            IAsyncStreamReader<ImportFactsRequest> requestStream, IServerStreamWriter<ImportFactsResponse> responseStream, ServerCallContext context)
        {
            var held = new Stack<ImportFactsRequest>();
            await foreach (var batch in requestStream.ReadAllAsync(context.CancellationToken))
            {
                held.Push(batch);
                if (held.Count == script.AnswerBackwards)
                {
                    await AnswerAsync();
                }
            }

            await AnswerAsync();

            async Task AnswerAsync()
            {
                while (held.TryPop(out var batch))
                {
                    await responseStream.WriteAsync(script.Import(batch));
                }
            }
        }
    }
}
