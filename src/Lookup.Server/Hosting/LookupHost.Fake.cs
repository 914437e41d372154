using Grpc.Health.V1;
using Grpc.HealthCheck;
using Lookup.Server.Access;
using Lookup.Server.Checks;
using Lookup.Server.Errors;
using Lookup.Server.Fake;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Lookup.Server.Hosting;

public sealed partial class LookupHost
{
    /// <summary>
    /// Builds a service for tests of clients: the same endpoints and request validation, but no store, rules or data. Every response has
    /// the header "lookup-fake".
    /// </summary>
    /// <param name="options">The settings; those of the store are ignored.</param>
    /// <param name="answers">The scripted answers.</param>
    /// <param name="logging">Adds log providers; none if null.</param>
    /// <exception cref="ServerSettingsException">Settings are invalid; the message lists all faults.</exception>
    public static LookupHost BuildFake(LookupServerOptions options, IFakeAnswers answers, Action<ILoggingBuilder>? logging = null)
    {
        var faults = options.Faults();
        if (options.AsksCredentials)
        {
            faults = [.. faults, "A fake service has no credentials. Listen on a loopback address, without --behind-proxy and tokens, and combine TLS with --credentials none."];
        }

        if (faults.Count != 0)
        {
            throw new ServerSettingsException(faults);
        }

        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        FrameworkErrors.LogOnce(builder.Logging);
        logging?.Invoke(builder.Logging);
        UseKestrel(builder, options, TimeProvider.System);
        AddFaces(builder.Services, options);
        builder.Services.AddSingleton(options).AddSingleton(TimeProvider.System).AddSingleton(answers);
        builder.Services.AddSingleton<FakeLookupEndpoint>().AddSingleton<FakeFactEndpoint>().AddSingleton<FakeWatchEndpoint>();
        builder.Services.AddSingleton<ICheckAnswers>(s => s.GetRequiredService<FakeLookupEndpoint>());
        builder.Services.AddSingleton<Drain>().AddHostedService(s => s.GetRequiredService<Drain>());
        var health = new HealthServiceImpl();
        foreach (var service in new[] { "", V1.LookupService.Descriptor.FullName, V1.FactService.Descriptor.FullName, V1.WatchService.Descriptor.FullName })
        {
            health.SetStatus(service, HealthCheckResponse.Types.ServingStatus.Serving);
        }

        builder.Services.AddSingleton(health);
        var app = builder.Build();
        app.UseMiddleware<HostGate>();
        app.UseMiddleware<CatchAll>();
        UseJson(app, asksCredentials: false);
        app.MapGrpcService<FakeLookupEndpoint>();
        app.MapGrpcService<FakeFactEndpoint>();
        app.MapGrpcService<FakeWatchEndpoint>();
        app.MapGrpcService<HealthServiceImpl>();
        app.MapGet(RpcRoles.HealthPage, (HttpContext context) => HealthService.Answer(context, serving: true));
        app.MapGrpcReflectionService();
        MapHttp(app);
        return new LookupHost(app);
    }
}
