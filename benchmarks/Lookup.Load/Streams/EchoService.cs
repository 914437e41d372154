using System.Net;
using Grpc.Core;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

namespace Lookup.Load.Streams;

/// <summary>
/// The measure of the machine: a gRPC service with the same messages that reads what it gets and answers lists of the
/// same length, and decides nothing.
/// </summary>
/// <param name="redis">A store that each single check reads one field of one bucket in; null: it reads nothing.</param>
/// <param name="answer">What each single check is answered, but for its number; null: a verdict and a reason's code.</param>
internal sealed class EchoService(IConnectionMultiplexer? redis = null, CheckResponse? answer = null) : LookupService.LookupServiceBase
{
    internal const Verdict Answer = Verdict.Deny;
    internal const ReasonCode Reason = ReasonCode.NoConsent;

    // As long as the name of a stored field.
    private static readonly RedisValue Field = new string('f', 21);

    private readonly int _partitions = new InitOptions { KeyCheck = "" }.Partitions;

    /// <inheritdoc/>
    public override async Task CheckStream(
        IAsyncStreamReader<CheckStreamRequest> requestStream, IServerStreamWriter<CheckStreamResponse> responseStream, ServerCallContext context)
    {
        var response = new CheckStreamResponse();
        while (await requestStream.MoveNext(context.CancellationToken))
        {
            if (requestStream.Current.Chunk is not { } chunk)
            {
                continue;
            }

            if (response.Verdicts.Count != chunk.Numbers.Count)
            {
                Fill(response, chunk.Numbers.Count);
            }

            response.Sequence = chunk.Sequence;
            await responseStream.WriteAsync(response);
        }
    }

    /// <inheritdoc/>
    public override async Task<CheckResponse> Check(CheckRequest request, ServerCallContext context)
    {
        if (redis is not null)
        {
            await redis.GetDatabase().HashGetAsync(Keys.Bucket(Random.Shared.Next(_partitions), Random.Shared.Next(NumberPseudonym.Buckets)), [Field]);
        }

        return answer is not null ? Filled(request.Number) : new CheckResponse
        {
            Number = request.Number,
            Decision = new Decision { Verdict = Answer, Reasons = { new Reason { Code = Reason } } },
        };
    }

    // All its parts are made anew, as they are where something is decided.
    private CheckResponse Filled(string number)
    {
        var filled = answer!.Clone();
        filled.Number = number;
        return filled;
    }

    /// <summary>Runs it until its standard input ends: so it does not outlive a parent that is killed.</summary>
    /// <param name="store">Connection string of a store that each single check reads in; null: none.</param>
    /// <param name="answer">What each single check is answered, as JSON; null: a verdict and a reason's code.</param>
    internal static async Task<int> RunAsync(string? store, string? answer)
    {
        await using var redis = store is null ? null : await ConnectionMultiplexer.ConnectAsync(store);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
        });
        builder.Services.AddRouting();
        builder.Services.AddGrpc(grpc => grpc.MaxReceiveMessageSize = 4 * 1024 * 1024);
        builder.Services.AddSingleton(new EchoService(redis, answer is null ? null : CheckResponse.Parser.ParseJson(answer)));
        await using var app = builder.Build();
        app.UseRouting();
        app.MapGrpcService<EchoService>();
        await app.StartAsync();
        var address = app.Services.GetRequiredService<Microsoft.AspNetCore.Hosting.Server.IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
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
