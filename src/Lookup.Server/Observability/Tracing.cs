using System.Diagnostics;
using System.Globalization;
using Lookup.Core.Decisions;
using Lookup.Server.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Lookup.Server.Observability;

/// <summary>
/// OpenTelemetry traces: a span for each sampled request, with those of its chunks and of its calls to the store within. Off unless an
/// endpoint is named; then nothing is made but a look at whether anybody listens. No span holds a number.
/// </summary>
internal static class Tracing
{
    /// <summary>Name of the source of spans, and of the service in them.</summary>
    internal const string Name = "lookup";

    private static readonly ActivitySource Source = new(Name);

    /// <summary>Whether spans may be wanted.</summary>
    internal static bool IsOn => Source.HasListeners();

    /// <summary>Begins a span within that of the request; null where none is wanted.</summary>
    internal static Activity? Begin(string name) => Activity.Current is null ? null : Source.StartActivity(name);

    /// <summary>States what was decided in the span of the request.</summary>
    internal static void Decided(in Decision decision)
    {
        if (IsOn && Activity.Current is { IsAllDataRequested: true } span)
        {
            span.SetTag("lookup.verdict", ServiceMetrics.Name(decision.Verdict.ToString()));
            span.SetTag("lookup.reason", ServiceMetrics.Name(decision.Primary.ToString()));
        }
    }

    /// <summary>Ends the span as failed; the store's text stays out of it.</summary>
    internal static void Fail(Activity? span, Exception e) => span?.SetStatus(ActivityStatusCode.Error, e.GetType().Name);

    internal static void Add(IServiceCollection services, LookupServerOptions options)
    {
        if (options.TraceEndpoint is not { } endpoint)
        {
            return;
        }

        services.AddOpenTelemetry().WithTracing(tracing => tracing
            .AddSource(Name)
            .ConfigureResource(resource => resource.AddService(Name, serviceInstanceId: Environment.MachineName))
            .SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(options.TracePerMille / 1_000.0)))
            .AddOtlpExporter(otlp =>
            {
                otlp.Endpoint = endpoint;
                otlp.Protocol = endpoint.AbsolutePath.Length > 1 ? OtlpExportProtocol.HttpProtobuf : OtlpExportProtocol.Grpc;
            }));
    }

    /// <summary>In front of all, where spans are wanted: one for each request, going on with that of the caller.</summary>
    internal static void Use(WebApplication app, LookupServerOptions options)
    {
        if (options.TraceEndpoint is not null)
        {
            app.Use(TraceAsync);
        }
    }

    private static async Task TraceAsync(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        var path = request.Path.Value!;
        ActivityContext.TryParse(request.Headers.TraceParent, request.Headers.TraceState, isRemote: true, out var parent);
        using var span = Source.StartActivity(path.TrimStart('/'), ActivityKind.Server, parent);
        if (span is null)
        {
            await next(context);
            return;
        }

        span.SetTag("rpc.system", request.ContentType?.StartsWith("application/grpc", StringComparison.Ordinal) == true ? "grpc" : "http");
        await next(context);
        // A path with a receipt's id or the like would make a name of its own of each.
        if (context.GetEndpoint()?.DisplayName is { } name && !path.StartsWith("/lookup.", StringComparison.Ordinal))
        {
            span.DisplayName = name;
        }

        var status = context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers["grpc-status"].ToString();
        status = string.IsNullOrEmpty(status) ? context.Response.Headers["grpc-status"].ToString() : status;
        if (status.Length > 0)
        {
            span.SetTag("rpc.grpc.status_code", int.Parse(status, CultureInfo.InvariantCulture));
        }

        if (status is not ("" or "0") || context.Response.StatusCode >= StatusCodes.Status400BadRequest)
        {
            span.SetStatus(ActivityStatusCode.Error);
        }
    }
}
