using Grpc.Health.V1;
using Grpc.HealthCheck;
using Lookup.Server.Access;
using Lookup.Server.Errors;
using Lookup.Server.Fake;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Lookup.Server.Hosting;

public sealed partial class LookupHost
{
    /// <summary>
    /// Builds a service for tests of those who ask: the same faces and checks of requests, but no store, no rules and no data.
    /// Every answer carries the header "lookup-fake".
    /// </summary>
    /// <param name="options">The settings; those of the store count for nothing.</param>
    /// <param name="answers">What it answers.</param>
    /// <param name="logging">Adds log providers; none if null.</param>
    /// <exception cref="ServerSettingsException">The settings are faulty; all faults are told.</exception>
    public static LookupHost BuildFake(LookupServerOptions options, IFakeAnswers answers, Action<ILoggingBuilder>? logging = null)
    {
        var faults = options.Faults();
        if (options.AsksCredentials)
        {
            faults = [.. faults, "A fake service keeps no credentials: it listens on a loopback address without proxy and tokens, with TLS only beside --credentials none."];
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
        app.MapGet(RpcRoles.HealthPage, () => HealthService.Answer(serving: true));
        app.MapGrpcReflectionService();
        return new LookupHost(app);
    }
}
