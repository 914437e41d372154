using System.Diagnostics;
using System.Globalization;
using Grpc.AspNetCore.Server;
using Lookup.Core.Decisions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Lookup.Server.Telemetry;

/// <summary>
/// OpenTelemetry traces: a span for each sampled request, with child spans for its chunks and its calls to the store. Without an
/// endpoint the only cost is a check for listeners. No span contains a number.
/// </summary>
internal static class Tracing
{
    /// <summary>Name of the span source and of the service.</summary>
    internal const string Name = "lookup";

    private const string Unknown = "unknown";

    private static readonly ActivitySource Source = new(Name);

    /// <summary>Whether there are listeners.</summary>
    internal static bool IsOn => Source.HasListeners();

    /// <summary>Starts a child span of the request's span; returns null if the request is not traced.</summary>
    internal static Activity? StartSpan(string name) => Activity.Current is null ? null : Source.StartActivity(name);

    /// <summary>Adds the decision to the request's span.</summary>
    internal static void Decided(in Decision decision)
    {
        if (IsOn && Activity.Current is { IsAllDataRequested: true } span)
        {
            span.SetTag("lookup.verdict", ServiceMetrics.Name(decision.Verdict.ToString()));
            span.SetTag("lookup.reason", ServiceMetrics.Name(decision.Primary.ToString()));
        }
    }

    /// <summary>Marks the span as failed, without the store's message.</summary>
    internal static void Fail(Activity? span, Exception e) => span?.SetStatus(ActivityStatusCode.Error, e.GetType().Name);

    internal static void Add(IServiceCollection services, LookupServerOptions options)
    {
        if (options.TraceEndpoint is not { } endpoint)
        {
            return;
        }

        services.AddOpenTelemetry().WithTracing(tracing => tracing
            .AddSource(Name)
            .ConfigureResource(static resource => resource.AddDetector(static services => new InstanceResource(services.GetRequiredService<Instance>())))
            .SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(options.TracePerMille / 1_000.0)))
            .AddOtlpExporter(otlp =>
            {
                otlp.Endpoint = endpoint;
                otlp.Protocol = endpoint.AbsolutePath.Length > 1 ? OtlpExportProtocol.HttpProtobuf : OtlpExportProtocol.Grpc;
            }));
    }

    /// <summary>
    /// Creates a span for each authenticated request, as a child of the caller's span. Requests without a credential must not create
    /// spans.
    /// </summary>
    /// <param name="app">The service.</param>
    /// <param name="options">The settings.</param>
    /// <param name="isMethod">Returns whether a path is a method of the contract.</param>
    internal static void Use(WebApplication app, LookupServerOptions options, Func<string, bool> isMethod)
    {
        if (options.TraceEndpoint is not null)
        {
            app.Use((HttpContext context, RequestDelegate next) => TraceAsync(context, next, isMethod));
        }
    }

    // Never the requested path: it may contain a number, and every path would become a span name.
    private static string NameOf(HttpContext context, Func<string, bool> isMethod) =>
        context.GetEndpoint() is { } endpoint
            ? endpoint.Metadata.GetMetadata<GrpcMethodMetadata>()?.Method.FullName[1..] ?? endpoint.DisplayName ?? Unknown
            // Answered before routing.
            : isMethod(context.Request.Path.Value!) ? context.Request.Path.Value![1..]
            : Unknown;

    private static async Task TraceAsync(HttpContext context, RequestDelegate next, Func<string, bool> isMethod)
    {
        var request = context.Request;
        // Take only the ids of the caller's trace: its state is free text.
        ActivityContext.TryParse(request.Headers.TraceParent, null, isRemote: true, out var parent);
        using var span = Source.StartActivity(Unknown, ActivityKind.Server, parent);
        if (span is null)
        {
            await next(context);
            return;
        }

        span.SetTag("rpc.system", request.ContentType?.StartsWith("application/grpc", StringComparison.Ordinal) == true ? "grpc" : "http");
        await next(context);
        span.DisplayName = NameOf(context, isMethod);
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

    private sealed class InstanceResource(Instance instance) : IResourceDetector
    {
        public Resource Detect() => ResourceBuilder.CreateEmpty()
            .AddService(Name, serviceVersion: instance.Version, serviceInstanceId: instance.Id)
            .AddAttributes([KeyValuePair.Create("host.name", (object)instance.Host)])
            .Build();
    }
}
