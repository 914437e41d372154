using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Lookup.Testing.Clients;

/// <summary>A webhook that a receiver got.</summary>
/// <param name="Path">The requested path.</param>
/// <param name="Id">The header webhook-id.</param>
/// <param name="IsSigned">Whether one of the signatures is that of the body with <see cref="WebhookReceiver.Secret"/>, and the timestamp is of these minutes.</param>
/// <param name="Body">The body.</param>
/// <param name="At">When it came, as a timestamp of <see cref="Stopwatch"/>.</param>
internal sealed record ReceivedWebhook(string Path, string Id, bool IsSigned, JsonNode Body, long At);

/// <summary>An HTTP server that checks webhooks as Standard Webhooks says, with code of its own, and answers as a test tells it.</summary>
internal sealed class WebhookReceiver : IAsyncDisposable
{
    public const string Secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    private static readonly TimeSpan Tolerance = TimeSpan.FromMinutes(5);

    private readonly WebApplication _app;

    private WebhookReceiver(WebApplication app, ConcurrentQueue<ReceivedWebhook> all) => (_app, All) = (app, all);

    /// <summary>Everything that came, in order; also when the answer did not permit it.</summary>
    public ConcurrentQueue<ReceivedWebhook> All { get; }

    public Uri Url => new(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First() + "/lookup?key=1");

    /// <param name="answer">Writes the answer; by default 204.</param>
    /// <param name="port">Where it listens; 0: a free port.</param>
    /// <param name="all">Where an earlier receiver on this port left off.</param>
    public static async Task<WebhookReceiver> StartAsync(
        Func<ReceivedWebhook, HttpContext, Task>? answer = null, int port = 0, ConcurrentQueue<ReceivedWebhook>? all = null)
    {
        all ??= [];
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        var app = builder.Build();
        app.Run(async context =>
        {
            var webhook = await ReadAsync(context.Request);
            all.Enqueue(webhook);
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            await (answer?.Invoke(webhook, context) ?? Task.CompletedTask);
        });
        await app.StartAsync();
        return new WebhookReceiver(app, all);
    }

    /// <summary>Ends with requests unanswered.</summary>
    public async Task KillAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    public ValueTask DisposeAsync() => new(KillAsync());

    private static async Task<ReceivedWebhook> ReadAsync(HttpRequest request)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body);
        var (id, time) = ((string)request.Headers["webhook-id"]!, (string)request.Headers["webhook-timestamp"]!);
        var key = Convert.FromBase64String(Secret["whsec_".Length..]);
        var expected = "v1," + Convert.ToBase64String(HMACSHA256.HashData(key, (byte[])[.. Encoding.UTF8.GetBytes($"{id}.{time}."), .. body.ToArray()]));
        var age = DateTimeOffset.UtcNow - DateTimeOffset.FromUnixTimeSeconds(long.Parse(time, CultureInfo.InvariantCulture));
        return new ReceivedWebhook(
            request.Path,
            id,
            request.Method == HttpMethods.Post && request.ContentType == "application/json"
                && ((string)request.Headers["webhook-signature"]!).Split(' ').Contains(expected) && age.Duration() < Tolerance,
            JsonNode.Parse(body.ToArray())!,
            Stopwatch.GetTimestamp());
    }
}
