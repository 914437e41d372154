using System.Text.Json.Nodes;
using Lookup.Core.Regimes;
using Lookup.Core.Trail;
using Lookup.Redis;
using Lookup.Redis.Reading;
using Lookup.Redis.Trail;
using Lookup.Server.Access;
using Lookup.Server.Errors;
using Lookup.Server.Receipts;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lookup.Server.Trail;

/// <summary>
/// The trail as an instance of the service writes it: begins with an entry of this start, its settings and its rules, and records the
/// newest hash in the receipt log, whose signed heads then cover it.
/// </summary>
internal sealed class ServiceTrail(
    ITrailStore store, ReceiptWriter receipts, LookupServerOptions options, RegimeSet regimes, Instance instance, TimeProvider clock,
    ILogger<ServiceTrail> log) : TrailWriter(store, clock), IApprovalRecord, IDisposable
{
    private readonly SemaphoreSlim _starting = new(1, 1);
    private readonly TimeProvider _clock = clock;
    private volatile bool _hasStarted;

    /// <summary>Writes the entry of this start, unless that is done.</summary>
    internal async Task StartAsync(CancellationToken cancellation)
    {
        if (_hasStarted)
        {
            return;
        }

        await _starting.WaitAsync(cancellation);
        try
        {
            if (!_hasStarted)
            {
                var entry = new TrailEntry { Time = _clock.GetUtcNow(), Who = "", Kind = "start", Act = "StartService", What = Describe().ToJsonString(), Result = Done };
                Keep(await base.AppendAsync(entry, cancellation));
                _hasStarted = true;
            }
        }
        finally
        {
            _starting.Release();
        }
    }

    /// <inheritdoc/>
    public Task WriteApprovalAsync(string who, string words, string? first, CancellationToken cancellation)
    {
        var what = new JsonObject { ["to"] = words };
        if (first is not null)
        {
            what["with"] = first;
        }

        return NoteAsync(who, new TrailAct("approval", first is null ? "RequestApproval" : "GiveApproval", what.ToJsonString()), cancellation);
    }

    /// <inheritdoc/>
    public void Dispose() => _starting.Dispose();

    /// <inheritdoc/>
    protected override async Task<AppendedEntry> AppendAsync(TrailEntry entry, CancellationToken cancellation)
    {
        await StartAsync(cancellation);
        var appended = await base.AppendAsync(entry, cancellation);
        Keep(appended);
        return appended;
    }

    /// <inheritdoc/>
    protected override void ReportLost(TrailEntry begun, Exception why) =>
        log.LogError("The result of {Act}, entry {Number} of the trail, could not be written: {Cause}", begun.Act, begun.Number, why.Message);

    private void Keep(AppendedEntry appended)
    {
        if (receipts.Log is not null)
        {
            receipts.WriteTrail(appended);
        }
    }

    private JsonObject Describe()
    {
        var settings = new JsonObject();
        var usual = new LookupServerOptions();
        foreach (var property in typeof(LookupServerOptions).GetProperties().Where(one => one.CanWrite))
        {
            var value = property.GetValue(options)?.ToString();
            if (value != property.GetValue(usual)?.ToString())
            {
                settings[property.Name] = value;
            }
        }

        return new JsonObject
        {
            ["version"] = instance.Version,
            ["host"] = instance.Host,
            ["rules"] = string.Join(", ", regimes.Versions.Select(one => $"{one.Country} {one.Version}")),
            ["rules_sha256"] = regimes.Sha256,
            ["settings"] = settings,
        };
    }
}

/// <summary>Writes the entry of the start: before the first call if the store accepts it, else as soon as it does.</summary>
internal sealed class TrailStart(
    ServiceTrail trail, IFactReader reader, StoreManifest manifest, LookupServerOptions options, TimeProvider clock, ILogger<TrailStart> log) : BackgroundService
{
    private Exception? _fault;

    /// <inheritdoc/>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await TryAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (_fault is not null && !stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(options.HealthProbeMs), clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await TryAsync(stoppingToken);
        }
    }

    private async Task TryAsync(CancellationToken cancellation)
    {
        // A store that does not answer must not delay the start, which reports NOT_SERVING.
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(TimeSpan.FromMilliseconds(Math.Max(1_000, options.StoreReadLimitMs)));
        try
        {
            // A write without the replicas that it waits for holds up every write behind it for its whole time limit.
            await reader.FenceAsync(Enumerable.Range(0, manifest.Partitions), limit.Token);
            await trail.StartAsync(limit.Token);
            _fault = null;
        }
        catch (Exception e) when (e is StoreUnavailableException or ReceiptsUnavailableException or OperationCanceledException)
        {
            if (_fault is null && !cancellation.IsCancellationRequested)
            {
                log.LogError("The start could not be written to the trail; administrative acts are refused until it is: {Cause}", e.Message);
            }

            _fault = e;
        }
    }
}
