using System.Net;
using Grpc.AspNetCore.Server;
using Lookup.Core.Access;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Reading;
using Lookup.Redis.Registers;
using Lookup.Redis.Store;
using Lookup.Redis.Writing;
using Lookup.Server.Access;
using Lookup.Server.Checks;
using Lookup.Server.Errors;
using Lookup.Server.Facts;
using Lookup.Server.Http;
using Lookup.Server.Imports;
using Lookup.Server.Lists;
using Lookup.Server.Mapping;
using Lookup.Server.Pages;
using Lookup.Server.Reading;
using Lookup.Server.Receipts;
using Lookup.Server.Registers;
using Lookup.Server.Shadow;
using Lookup.Server.Store;
using Lookup.Server.Telemetry;
using Lookup.Server.Trail;
using Lookup.Server.Watch;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lookup.Server.Hosting;

/// <summary>
/// Hosts the service on Kestrel. gRPC and JSON have a port each, because a connection without TLS cannot negotiate HTTP/1.1 or
/// HTTP/2. The caller owns store and cipher and disposes of them after the host.
/// </summary>
public sealed partial class LookupHost : IAsyncDisposable
{
    // A caller that vanished must not keep an import or a Watch stream open.
    private static readonly TimeSpan PingAfter = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PingLimit = TimeSpan.FromSeconds(10);

    private const int MaxHealthBytes = 1_024;

    private readonly WebApplication _app;
    private readonly UnhandledErrors _errors;
    private Task? _stopping;

    private LookupHost(WebApplication app)
    {
        _app = app;
        _errors = app.Services.GetRequiredService<UnhandledErrors>();
        app.Services.GetRequiredService<FrameworkErrors>().SendTo(_errors);
    }

    /// <summary>Address of gRPC once started, for example "http://127.0.0.1:7500".</summary>
    public Uri GrpcAddress => new(Addresses.First());

    /// <summary>Why the service does not answer all calls now; empty if it does.</summary>
    public string WhyNotServing => _app.Services.GetRequiredService<StoreMonitor>().Current.Why;

    /// <summary>Whether the service answers checks now.</summary>
    public bool IsServing => _app.Services.GetRequiredService<StoreMonitor>().Current.Serving;

    /// <summary>Address of JSON once started.</summary>
    public Uri JsonAddress => new(Addresses.Last());

    private ICollection<string> Addresses =>
        _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;

    /// <summary>Builds the service. It listens after <see cref="StartAsync"/>.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="store">An open store.</param>
    /// <param name="regimes">The regimes to decide by.</param>
    /// <param name="cipher">The cipher with the deployment's encryption keys, which the store was opened with.</param>
    /// <param name="clock">The clock; the system's if null.</param>
    /// <param name="logging">Adds log providers; none if null. Numbers are masked in every entry.</param>
    /// <param name="receipts">The receipt log; null for no receipts. The caller closes it after the host.</param>
    /// <param name="shadow">Regimes to compare with the deciding ones; null for none.</param>
    /// <exception cref="ServerSettingsException">Settings are invalid; the message lists all faults.</exception>
    /// <exception cref="RegimeException">Stored facts would mean something else under the shadow regimes.</exception>
    /// <exception cref="StoreUnavailableException">The store was set up with another encryption key.</exception>
    public static LookupHost Build(
        LookupServerOptions options,
        FactStore store,
        RegimeSet regimes,
        NumberCipher cipher,
        TimeProvider? clock = null,
        Action<ILoggingBuilder>? logging = null,
        ReceiptLog? receipts = null,
        RegimeSet? shadow = null)
    {
        var faults = options.Faults();
        if (faults.Count != 0)
        {
            throw new ServerSettingsException(faults);
        }

        if (!store.EncryptionKeys.IsReadBy(cipher))
        {
            // With another encryption key no number would have facts.
            throw new StoreUnavailableException(StoreFault.WrongKey, "The encryption key is not the one the store was set up with; use that key (--key-file or LOOKUP_NUMBER_KEY).");
        }

        shadow?.CheckCategories(regimes);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.SetMinimumLevel(LogLevel.Warning).AddFilter("Lookup", LogLevel.Information)
            // It would log requests below this level anyway; switched off, it creates no activity and no scope per request.
            .AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
        FrameworkErrors.LogOnce(builder.Logging);
        logging?.Invoke(builder.Logging);
        UseKestrel(builder, options, clock ?? TimeProvider.System);
        AddServices(builder.Services, options, store, regimes, cipher, clock ?? TimeProvider.System);
        builder.Services.AddSingleton(s => new ReceiptWriter(options, s.GetRequiredService<TimeProvider>(), receipts));
        builder.Services.AddHostedService<ReceiptSealer>();
        // Its reads are not checks either.
        builder.Services.AddSingleton(s => new ShadowRun(
            shadow,
            regimes,
            store.Reader,
            s.GetRequiredService<ReadView>(),
            s.GetRequiredService<ScopeNames>(),
            options,
            s.GetRequiredService<ServiceMetrics>(),
            s.GetRequiredService<TimeProvider>(),
            s.GetRequiredService<ILogger<ShadowRun>>()));
        builder.Services.AddHostedService(s => s.GetRequiredService<ShadowRun>());
        Tracing.Add(builder.Services, options);
        var app = builder.Build();
        Map(app, options);
        app.Services.GetRequiredService<StateMetrics>();
        app.Services.GetRequiredService<ProcessMetrics>();
        return new LookupHost(app);
    }

    /// <summary>Probes the store once and starts to listen. With an unusable store the service starts as NOT_SERVING.</summary>
    public Task StartAsync(CancellationToken cancellation) => _app.StartAsync(cancellation);

    /// <summary>Rejects new calls, lets those in progress end within the drain limit, then aborts them.</summary>
    public Task StopAsync() => _stopping ??= _app.StopAsync(CancellationToken.None);

    /// <summary>Runs until the token is cancelled, then stops as <see cref="StopAsync"/> does.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        await StartAsync(stop);
        await Task.Delay(Timeout.InfiniteTimeSpan, stop).ContinueWith(static _ => { }, TaskScheduler.Default);
        await StopAsync();
    }

    /// <summary>Stops as <see cref="StopAsync"/> does and disposes of the service.</summary>
    public async ValueTask DisposeAsync()
    {
        // Background services disposed of while they run end as if they had failed.
        await StopAsync();
        await _app.DisposeAsync();
    }

    /// <summary>Takes a slot of the batch limiter, for tests of a full one.</summary>
    internal async Task<IDisposable> HoldBatchPlaceAsync() =>
        await _app.Services.GetRequiredService<BatchLimiter>().EnterAsync(CancellationToken.None);

    /// <summary>The filter replica, for tests that wait for it.</summary>
    internal FilterReplica Replica => _app.Services.GetRequiredService<FilterReplica>();

    /// <summary>The fact cache, for tests of its contents.</summary>
    internal FactCache Records => _app.Services.GetRequiredService<FactCache>();

    /// <summary>The fact reader, for tests of its cost.</summary>
    internal FactReader Facts => _app.Services.GetRequiredService<FactReader>();

    /// <summary>Reads the registry immediately, for tests that do not wait for the poll.</summary>
    internal Task FollowRegistryAsync(CancellationToken cancellation) =>
        _app.Services.GetRequiredService<RegistryReplica>().ReadAsync(cancellation);

    /// <summary>Reads the keys of the token issuer immediately, for tests that do not wait for the timer.</summary>
    internal Task FollowIssuerAsync() => _app.Services.GetRequiredService<IssuerKeys>().FollowAsync();

    /// <summary>Connections without an accepted request.</summary>
    internal int Strangers => _app.Services.GetRequiredService<ConnectionShares>().Count;

    /// <summary>The services of list chunks, for tests of a single chunk.</summary>
    internal ChunkServices Chunks => _app.Services.GetRequiredService<ChunkServices>();

    /// <summary>The single checks, to measure them without a network.</summary>
    internal SingleChecks Checks => _app.Services.GetRequiredService<SingleChecks>();

    /// <summary>The shadow run, for tests of failures.</summary>
    internal ShadowRun Shadow => _app.Services.GetRequiredService<ShadowRun>();

    /// <summary>All endpoints, for tests that apply to each of them.</summary>
    internal EndpointDataSource Endpoints => _app.Services.GetRequiredService<EndpointDataSource>();

    /// <summary>Unexpected exceptions so far; see <see cref="Errors.UnhandledErrors"/>.</summary>
    internal long ErrorCount => _errors.Count;

    /// <summary>The latest unexpected exception, or null.</summary>
    internal Exception? NewestError => _errors.Newest;

    private static void UseKestrel(WebApplicationBuilder builder, LookupServerOptions options, TimeProvider clock)
    {
        var tls = ServerTls.Load(options, clock);
        var connections = new Connections();
        builder.Services.AddSingleton(connections);
        if (tls is not null)
        {
            builder.Services.AddSingleton(tls);
        }

        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            tls?.Log = kestrel.ApplicationServices.GetRequiredService<ILogger<ServerTls>>();
            Listen(kestrel, options, tls, connections);
        });
        if (tls is not null)
        {
            builder.WebHost.UseKestrelHttpsConfiguration();
        }
    }

    private static void Listen(KestrelServerOptions kestrel, LookupServerOptions options, ServerTls? tls, Connections connections)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxConcurrentConnections = options.MaxConnections;
        kestrel.Limits.MaxRequestBodySize = options.MaxMessageBytes;
        kestrel.Limits.Http2.KeepAlivePingDelay = PingAfter;
        kestrel.Limits.Http2.KeepAlivePingTimeout = PingLimit;
        kestrel.Limits.Http2.MaxStreamsPerConnection = options.MaxStreamsPerConnection;
        var address = IPAddress.Parse(options.Address);
        kestrel.Listen(address, options.GrpcPort, listen => Use(listen, HttpProtocols.Http2));
        kestrel.Listen(address, options.JsonPort, listen => Use(listen, HttpProtocols.Http1));

        void Use(ListenOptions listen, HttpProtocols protocols)
        {
            listen.Protocols = protocols;
            listen.Use(next => async connection =>
            {
                connections.Enter();
                try
                {
                    await next(connection);
                }
                finally
                {
                    connections.Leave();
                }
            });
            if (options.AsksCredentials)
            {
                // Before TLS: an unfinished handshake also takes a slot.
                var shares = kestrel.ApplicationServices.GetRequiredService<ConnectionShares>();
                listen.Use(next => async connection =>
                {
                    using var stranger = shares.Enter(connection);
                    connection.Features.Set(new ConnectionState(stranger));
                    await next(connection);
                });
            }

            if (tls is not null)
            {
                listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => ValueTask.FromResult(tls.Current(protocols)) });
            }
        }
    }

    private static void AddServices(
        IServiceCollection services, LookupServerOptions options, FactStore store, RegimeSet regimes, NumberCipher cipher, TimeProvider clock)
    {
        AddTrail(services, AddFaces(services, options));
        services.AddSingleton(options).AddSingleton(regimes).AddSingleton(cipher);
        var storeClock = new StoreClock(clock);
        services.AddSingleton(storeClock).AddSingleton<TimeProvider>(storeClock);
        AddStore(services, store, clock);
        services.AddSingleton<StoreMetrics>().AddSingleton<StateMetrics>().AddSingleton<Instance>().AddSingleton<Capacity>().AddSingleton<ProcessMetrics>();
        services.AddSingleton<FilterMetrics>().AddHostedService(s => s.GetRequiredService<FilterMetrics>());
        // Its reads are not checks: they would count filter false positives twice.
        // Created late, because the reader needs the replica, which the audit observes.
        services.AddSingleton(s => ActivatorUtilities.CreateInstance<AllowAudit>(s, new Lazy<FactReader>(
            () => ActivatorUtilities.CreateInstance<FactReader>(s, store.Reader, new FactCache(store.Manifest.Partitions, bytes: 0)))));
        services.AddHostedService(s => s.GetRequiredService<AllowAudit>());
        services.AddSingleton<IReplicaObserver>(s => s.GetRequiredService<AllowAudit>());
        services.AddSingleton<LiveState>().AddSingleton<LiveFeed>().AddHostedService(s => s.GetRequiredService<LiveFeed>()).AddHostedService<LiveBoard>();
        services.AddSingleton<Drain>().AddHostedService(s => s.GetRequiredService<Drain>());
        services.AddSingleton<RegistryReplica>().AddHostedService(s => s.GetRequiredService<RegistryReplica>());
        services.AddSingleton<StoreMonitor>().AddHostedService(s => s.GetRequiredService<StoreMonitor>());
        services.AddHostedService<TrailStart>();
        services.AddSingleton(new FactCache(store.Manifest.Partitions, options.RecordCacheBytes, cipher));
        services.AddSingleton<IReplicaObserver>(s => s.GetRequiredService<FactCache>());
        services.AddSingleton(s => new FilterReplica(
            s.GetRequiredService<InstrumentedStore>(),
            new ReplicaOptions { PollMs = options.ReplicaPollMs, RestMs = options.ReplicaRestMs },
            clock,
            s.GetServices<IReplicaObserver>()));
        services.AddHostedService<ReplicaService>();
        services.AddHostedService<FilterKeeper>();
        services.AddSingleton<BatchLimiter>().AddSingleton<OpenLists>().AddSingleton<ChunkServices>().AddSingleton<BatchChecks>().AddSingleton<HypotheticalChecks>();
        services.AddSingleton<FactMetrics>().AddSingleton<ReadView>().AddSingleton<FactReader>().AddSingleton<RecordingOrder>().AddSingleton<FactWriter>().AddSingleton<BlockWriter>().AddSingleton<RetentionRun>().AddSingleton<FactResolver>().AddSingleton<PositionTokens>();
        services.AddSingleton<ScopeNames>();
        services.AddSingleton<KnownOrganisations>();
        services.AddSingleton<SingleChecks>().AddSingleton<Reservations>().AddSingleton<Explanations>();
        AddAccess(services, options);
        services.AddSingleton(new FactExpander(regimes, cipher, storeClock));
        services.AddSingleton<ICheckAnswers>(s => s.GetRequiredService<LookupEndpoint>());
        services.AddSingleton<LookupEndpoint>().AddSingleton<FactEndpoint>().AddSingleton<RegistryEndpoint>();
        services.AddSingleton<ReceiptEndpoint>();
        services.AddSingleton<ImportEndpoint>().AddSingleton<SnapshotLoader>();
        services.AddSingleton<ChangeHub>().AddSingleton<IReplicaObserver>(s => s.GetRequiredService<ChangeHub>());
        services.AddSingleton<ChangeMapper>().AddSingleton<WatchServices>();
        services.AddSingleton<WatchEndpoint>().AddSingleton<HealthService>();
    }

    private static void AddStore(IServiceCollection services, FactStore store, TimeProvider clock)
    {
        services.AddSingleton(s => new InstrumentedStore(
            store, s.GetRequiredService<StoreMetrics>(), new Lazy<FilterMetrics>(s.GetRequiredService<FilterMetrics>), clock));
        services.AddSingleton<IFactReader>(s => s.GetRequiredService<InstrumentedStore>());
        services.AddSingleton<IFactWriter>(s => s.GetRequiredService<InstrumentedStore>());
        services.AddSingleton<IRegistryStore>(s => s.GetRequiredService<InstrumentedStore>());
        services.AddSingleton<IStoreMaintenance>(s => s.GetRequiredService<InstrumentedStore>());
        services.AddSingleton(store.Manifest).AddSingleton(store.EncryptionKeys).AddSingleton(store.Names).AddSingleton(store.Feed);
        services.AddSingleton(new InstanceBoard(store.Instances)).AddSingleton(store.Imports).AddSingleton(store.Access).AddSingleton(store.Filters).AddSingleton(store.Trail);
    }

    private static void AddAccess(IServiceCollection services, LookupServerOptions options)
    {
        if (options.JwtIssuer is not null)
        {
            services.AddSingleton<IssuerKeys>().AddSingleton<TokenCheck>();
        }

        services.AddSingleton<ConnectionShares>();
        services.AddSingleton<AccessControl>().AddSingleton<CallerStates>().AddSingleton<AccessMetrics>().AddSingleton<EnumerationAlarm>();
        services.AddSingleton<AccessInterceptor>().AddSingleton<AccessEndpoint>().AddSingleton<DualApproval>();
        services.AddSingleton<StreamLeases>().AddHostedService(s => s.GetRequiredService<StreamLeases>());
    }

    // Only services that have administrative calls pass the interceptor.
    private static void AddTrail(IServiceCollection services, IGrpcServerBuilder grpc)
    {
        services.AddSingleton<ServiceTrail>().AddSingleton<IApprovalRecord>(s => s.GetRequiredService<ServiceTrail>()).AddSingleton<TrailInterceptor>().AddSingleton<TrailEndpoint>();
        grpc.AddServiceOptions<FactEndpoint>(facts => facts.Interceptors.Add<TrailInterceptor>())
            .AddServiceOptions<RegistryEndpoint>(registry => registry.Interceptors.Add<TrailInterceptor>())
            .AddServiceOptions<ImportEndpoint>(imports => imports.Interceptors.Add<TrailInterceptor>())
            .AddServiceOptions<AccessEndpoint>(access => access.Interceptors.Add<TrailInterceptor>());
    }

    private static IGrpcServerBuilder AddFaces(IServiceCollection services, LookupServerOptions options)
    {
        MaskedLogs.Mask(services);
        services.AddSingleton<ServiceMetrics>().AddSingleton<UnhandledErrors>().AddSingleton<ErrorInterceptor>().AddSingleton<BodyBudget>().AddSingleton<StrictJson>();
        services.AddSingleton<GateEndpoint>();
        services.AddSingleton<FrameworkErrors>().AddSingleton<ILoggerProvider>(s => s.GetRequiredService<FrameworkErrors>());
        services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(options.DrainLimitSeconds));
        services.AddRouting();
        var builder = services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = options.MaxMessageBytes;
            grpc.Interceptors.Add<ErrorInterceptor>();
            if (options.AsksCredentials)
            {
                grpc.Interceptors.Add<AccessInterceptor>();
            }
        })
            // Answered before the credential is checked; its only input is a service name.
            .AddServiceOptions<HealthService>(health => health.MaxReceiveMessageSize = MaxHealthBytes)
            .AddJsonTranscoding(json => json.TypeRegistry = JsonErrors.Details);
        services.AddGrpcReflection();
        services.AddBoundedMethods();
        return builder;
    }

    private static void Map(WebApplication app, LookupServerOptions options)
    {
        var asksCredentials = app.Services.GetRequiredService<AccessControl>().IsOn;
        if (asksCredentials)
        {
            app.UseMiddleware<AccessGate>();
        }
        else
        {
            app.UseMiddleware<HostGate>();
        }

        Tracing.Use(app, options, RpcRoles.Table.ContainsKey);
        app.UseMiddleware<UnaryCheckMiddleware>();
        app.UseMiddleware<CatchAll>();
        app.UseMiddleware<MessageBudget>();
        UseJson(app, asksCredentials);
        app.MapGrpcService<LookupEndpoint>();
        app.MapGrpcService<FactEndpoint>();
        app.MapGrpcService<RegistryEndpoint>();
        app.MapGrpcService<ImportEndpoint>();
        app.MapGrpcService<WatchEndpoint>();
        app.MapGrpcService<ReceiptEndpoint>();
        app.MapGrpcService<AccessEndpoint>();
        app.MapGrpcService<TrailEndpoint>();
        app.MapGrpcService<HealthService>();
        app.MapGet(RpcRoles.HealthPage, (HttpContext context, HealthService health) => health.Answer(context));
        app.MapGrpcReflectionService();
        MapHttp(app);
        LivePage.Map(app);
    }

    private static void MapHttp(WebApplication app)
    {
        app.MapMethods(GateEndpoint.Path, GateEndpoint.Verbs, app.Services.GetRequiredService<GateEndpoint>().AnswerAsync)
            .WithMetadata(new RoleOfEndpoint(Roles.Check));
        OpenApiPage.Map(app);
    }

    private static void UseJson(WebApplication app, bool asksCredentials)
    {
        app.UseWhen(
            static context => !RefusalWriter.IsGrpc(context.Request),
            static json => json.UseStatusCodePages(context => JsonErrors.WriteEmptyAsync(context.HttpContext)));
        app.UseRouting();
        if (asksCredentials)
        {
            app.UseMiddleware<RoleGate>();
        }

        app.UseMiddleware<StrictJson>();
    }
}
