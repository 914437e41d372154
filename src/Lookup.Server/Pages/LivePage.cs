using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Lookup.Server.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Prometheus;

namespace Lookup.Server.Pages;

/// <summary>Serves the operations page at /, its events at /live, and /metrics for Prometheus.</summary>
internal static class LivePage
{
    // Each reader costs a connection and some work per second.
    private const int MaxReaders = 32;

    private static readonly (string Path, string File, string Type)[] Files =
    [
        (ObserverPage.Page, "live.html", "text/html; charset=utf-8"),
        (ObserverPage.Script, "live.js", "text/javascript; charset=utf-8"),
        (ObserverPage.Style, "live.css", "text/css; charset=utf-8"),
    ];

    /// <summary>Adds the endpoints.</summary>
    internal static void Map(WebApplication app)
    {
        foreach (var (path, file, type) in Files)
        {
            var bytes = Read(file);
            app.MapGet(path, (HttpContext context) =>
            {
                context.Response.Headers.ContentSecurityPolicy =
                    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; frame-ancestors 'none'";
                context.Response.Headers.XContentTypeOptions = "nosniff";
                context.Response.Headers.CacheControl = "no-cache";
                return Results.Bytes(bytes, type);
            }).WithMetadata(ObserverPage.Instance);
        }

        app.MapGet(ObserverPage.Events, (HttpContext context, LiveFeed feed, Drain drain) =>
            feed.Readers >= MaxReaders
                ? Results.StatusCode(StatusCodes.Status503ServiceUnavailable)
                : (IResult)TypedResults.ServerSentEvents(EventsAsync(feed, drain, context.RequestAborted))).WithMetadata(ObserverPage.Instance);
        app.MapMetrics(ObserverPage.Metrics, ((ServiceMetrics)app.Services.GetService(typeof(ServiceMetrics))!).Registry).WithMetadata(ObserverPage.Instance);
    }

    private static async IAsyncEnumerable<SseItem<string>> EventsAsync(
        LiveFeed feed, Drain drain, [EnumeratorCancellation] CancellationToken aborted)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(aborted, drain.Begun);
        await using var samples = feed.FollowAsync(end.Token).GetAsyncEnumerator(end.Token);
        while (await NextAsync())
        {
            var (before, news) = samples.Current;
            if (before is not null)
            {
                yield return new SseItem<string>(JsonSerializer.Serialize(before, LiveJson.Default.LiveHistory), "history");
            }

            yield return new SseItem<string>(JsonSerializer.Serialize(news, LiveJson.Default.IReadOnlyListLiveSample), "samples");
        }

        async ValueTask<bool> NextAsync()
        {
            try
            {
                return await samples.MoveNextAsync();
            }
            catch (OperationCanceledException)
            {
                return false;
            }
        }
    }

    private static byte[] Read(string file)
    {
        using var stream = typeof(LivePage).Assembly.GetManifestResourceStream("page/" + file)!;
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }
}
