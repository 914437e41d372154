using System.Net;
using Grpc.Core;
using Lookup.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Lookup.Load.Streams;

/// <summary>
/// The measure of the machine: a gRPC service with the same messages that reads what it gets and answers lists of the
/// same length, and decides nothing.
/// </summary>
internal sealed class EchoService : LookupService.LookupServiceBase
{
    internal const Verdict Answer = Verdict.Deny;
    internal const ReasonCode Reason = ReasonCode.NoConsent;

    /// <inheritdoc/>
    public override async Task CheckStream(
        IAsyncStreamReader<CheckStreamRequest> requestStream, IServerStreamWriter<CheckStreamResponse> responseStream, ServerCallContext context)
    {
        var response = new CheckStreamResponse();
        while (await requestStream.MoveNext(context.CancellationToken))
        {
            if (requestStream.Current.Chunk is not { } chunk)
                continue;
            if (response.Verdicts.Count != chunk.Numbers.Count)
                Fill(response, chunk.Numbers.Count);
            response.Sequence = chunk.Sequence;
            await responseStream.WriteAsync(response);
        }
    }

    /// <inheritdoc/>
    public override Task<CheckResponse> Check(CheckRequest request, ServerCallContext context) => Task.FromResult(new CheckResponse
    {
        Number = request.Number,
        Decision = new Decision { Verdict = Answer, Reasons = { new Reason { Code = Reason } } },
    });

    /// <summary>Runs it until its standard input ends: so it does not outlive a parent that is killed.</summary>
    internal static async Task<int> RunAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
        });
        builder.Services.AddRouting();
        builder.Services.AddGrpc(grpc => grpc.MaxReceiveMessageSize = 4 * 1024 * 1024);
        builder.Services.AddSingleton<EchoService>();
        await using var app = builder.Build();
        app.UseRouting();
        app.MapGrpcService<EchoService>();
        await app.StartAsync();
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        Console.WriteLine($$"""{"grpc":"{{address}}"}""");
        await Console.In.ReadToEndAsync();
        return 0;
    }

    private static void Fill(CheckStreamResponse response, int count)
    {
        response.Verdicts.Clear();
        response.Reasons.Clear();
        for (var i = 0; i < count; i++)
        {
            response.Verdicts.Add(Answer);
            response.Reasons.Add(Reason);
        }
    }
}
