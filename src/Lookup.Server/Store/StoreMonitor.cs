using Lookup.Redis;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Reading;
using Lookup.Server.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lookup.Server.Store;

/// <summary>Probes the store periodically and reports whether the service can answer.</summary>
internal sealed class StoreMonitor(
    StoreManifest manifest, IStoreMaintenance store, IFactReader reader, RegistryReplica registry, LookupServerOptions options, StoreClock clock, Drain drain, IHostApplicationLifetime lifetime, ILogger<StoreMonitor> log)
    : BackgroundService
{
    /// <summary>Value of <see cref="State.Store"/> before the first probe and after a probe that failed for an unnamed reason.</summary>
    internal const string Unknown = "unknown";

    /// <summary>Value of <see cref="State.Store"/> if the store is the expected one and answers.</summary>
    internal const string Ok = "ok";

    private IReadOnlyList<string> _warnings = [];
    private bool _clockDiffers;
    private State _state = new(false, "The store has not been probed yet.", Unknown);

    /// <summary>How far this instance's clock is ahead of the store's; negative if it is behind, null if they are not compared.</summary>
    internal TimeSpan? ClockAhead { get; private set; }

    /// <summary>The latest state. <see cref="State.Changed"/> is cancelled when it is replaced.</summary>
    internal State Current => Volatile.Read(ref _state);

    /// <summary>
    /// Throws if the last probe found that the store must not be trusted although it answers, for example because its server
    /// may evict facts. Does nothing if the store does not answer: the call itself fails then.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store must not be trusted.</exception>
    internal void ThrowIfUntrusted()
    {
        if (Current.Untrusted is { } fault)
        {
            throw new StoreUnavailableException(fault.Fault, fault.Message);
        }
    }

    /// <summary>Probes once before the first call is accepted, so that a service with a good store serves from the start.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        drain.Begun.Register(() => Set(false, "The service is shutting down.", Current.Store));
        // A service whose ports are in use never serves.
        lifetime.ApplicationStarted.Register(() => LogState(null));
        await ProbeAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(options.HealthProbeMs), clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await ProbeAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException)
        {
            // Shutdown.
        }
    }

    private async Task ProbeAsync(CancellationToken cancellation)
    {
        // A probe may take longer than a read: a slow store still counts as available.
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(TimeSpan.FromMilliseconds(Math.Max(1_000, options.StoreReadLimitMs)));
        try
        {
            var health = await store.ProbeAsync(limit.Token);
            await reader.FenceAsync(Enumerable.Range(0, manifest.Partitions), limit.Token);
            // No check is answered without the registry.
            await registry.CurrentAsync(limit.Token);
            Warn(health.Warnings);
            Compare(health.ClockAhead);
            Set(true, health.WritesRefused?.Message ?? "", Ok, health.WritesRefused?.InnerException);
        }
        catch (StoreUnavailableException e)
        {
            var answers = e.Fault is not (StoreFault.Unreachable or StoreFault.Timeout or StoreFault.Full);
            Set(false, e.Message, NameOf(e.Fault), e.InnerException, answers ? e : null);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            Set(false, "The store did not answer the probe in time.", NameOf(StoreFault.Timeout));
        }
        catch (Exception e)
        {
            Set(false, "The probe of the store failed.", Unknown, e);
        }
    }

    // Decisions depend on the order of facts in time, so an instance with a wrong clock must not decide.
    private void Compare(TimeSpan? ahead)
    {
        if (options.ClockBoundMs == 0 || ahead is not { } difference)
        {
            return;
        }

        ClockAhead = difference;
        clock.Ahead = difference;
        var milliseconds = difference.Duration().TotalMilliseconds;
        // Serve again only well within the bound, so that a clock at the bound does not flap.
        _clockDiffers = milliseconds > (_clockDiffers ? options.ClockBoundMs / 2 : options.ClockBoundMs);
        if (_clockDiffers)
        {
            throw new StoreUnavailableException(
                StoreFault.Clock,
                $"The clocks of this instance and the store differ by more than {options.ClockBoundMs} ms; synchronise both, for example with NTP.");
        }
    }

    /// <summary>Returns the name of a fault in <see cref="State.Store"/>, the metrics and the operations page.</summary>
    internal static string NameOf(StoreFault fault) => ServiceMetrics.Name(fault.ToString());

    // Log each state once.
    private void Warn(IReadOnlyList<string> warnings)
    {
        foreach (var warning in warnings.Except(_warnings))
        {
            log.LogWarning("Store: {Warning}", warning);
        }

        _warnings = warnings;
    }

    private void Set(bool serving, string why, string store, Exception? cause = null, StoreUnavailableException? untrusted = null)
    {
        var old = Current;
        if (drain.Begun.IsCancellationRequested)
        {
            serving = false;
        }

        if (old.Serving == serving && old.Why == why && old.Store == store)
        {
            return;
        }

        Volatile.Write(ref _state, new State(serving, why, store, untrusted));
        old.Replaced.TrySetResult();
        if (lifetime.ApplicationStarted.IsCancellationRequested)
        {
            LogState(cause);
        }
    }

    private void LogState(Exception? cause)
    {
        var state = Current;
        if (state.TakesWrites)
        {
            log.LogInformation("SERVING");
        }
        else
        {
            log.LogWarning("{Status}: {Why} {Cause}", state.Serving ? "SERVING, but nothing can be recorded" : "NOT_SERVING", state.Why, cause?.ToString() ?? "");
        }
    }

    /// <summary>The result of a probe.</summary>
    /// <param name="Serving">Checks can be answered.</param>
    /// <param name="Why">Why checks cannot be answered, or why the store rejects writes; empty if it does neither.</param>
    /// <param name="Store">State of the store: <see cref="Ok"/>, a fault's name or <see cref="Unknown"/>.</param>
    /// <param name="Untrusted">The fault for which calls are rejected although the store answers.</param>
    internal sealed record State(bool Serving, string Why, string Store, StoreUnavailableException? Untrusted = null)
    {
        /// <summary>Whether the store accepts writes.</summary>
        internal bool TakesWrites => Serving && Why.Length == 0;

        internal TaskCompletionSource Replaced { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal Task Changed => Replaced.Task;
    }
}
