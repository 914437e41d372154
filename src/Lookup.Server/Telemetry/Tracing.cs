using System.Diagnostics;
using System.Globalization;
using Grpc.AspNetCore.Server;
using Lookup.Core.Decisions;
using Lookup.Server.Access;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Lookup.Server.Telemetry;

/// <summary>
/// OpenTelemetry traces: a span for each sampled request, with those of its chunks and of its calls to the store within. Off unless an
/// endpoint is named; then nothing is made but a look at whether anybody listens. No span holds a number.
/// </summary>
internal static class Tracing
{
    /// <summary>Name of the source of spans, and of the service in them.</summary>
    internal const string Name = "lookup";

    private const string Unknown = "unknown";

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

    /// <summary>
    /// Where spans are wanted: one for each request that was let in, going on with that of the caller. A caller without a credential must not
    /// have spans made.
    /// </summary>
    internal static void Use(WebApplication app, LookupServerOptions options)
    {
        if (options.TraceEndpoint is not null)
        {
            app.Use(TraceAsync);
        }
    }

    // Never the path that was asked for: it may hold a number, and it would make a name of its own of each.
    private static string NameOf(HttpContext context) =>
        context.GetEndpoint() is { } endpoint
            ? endpoint.Metadata.GetMetadata<GrpcMethodMetadata>()?.Method.FullName[1..] ?? endpoint.DisplayName ?? Unknown
            // Answered before routing.
            : RpcRoles.Table.ContainsKey(context.Request.Path.Value!) ? context.Request.Path.Value![1..]
            : Unknown;

    private static async Task TraceAsync(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        // Of the caller's trace only its ids: its state is a text of the caller's.
        ActivityContext.TryParse(request.Headers.TraceParent, null, isRemote: true, out var parent);
        using var span = Source.StartActivity(Unknown, ActivityKind.Server, parent);
        if (span is null)
        {
            await next(context);
            return;
        }

        span.SetTag("rpc.system", request.ContentType?.StartsWith("application/grpc", StringComparison.Ordinal) == true ? "grpc" : "http");
        await next(context);
        span.DisplayName = NameOf(context);
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
