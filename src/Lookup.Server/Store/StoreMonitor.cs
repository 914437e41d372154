using Lookup.Redis;
using Lookup.Redis.Store;
using Lookup.Server.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lookup.Server.Store;

/// <summary>Probes the store again and again and knows whether the service can answer.</summary>
internal sealed class StoreMonitor(
    IFactStore store, LookupServerOptions options, StoreClock clock, Drain drain, IHostApplicationLifetime lifetime, ILogger<StoreMonitor> log)
    : BackgroundService
{
    /// <summary>What <see cref="State.Store"/> is before the first probe, and where one failed for no reason that has a name.</summary>
    internal const string Unknown = "unknown";

    /// <summary>What <see cref="State.Store"/> is where the store is the right one and answers.</summary>
    internal const string Ok = "ok";

    private IReadOnlyList<string> _warnings = [];
    private bool _clockDiffers;
    private State _state = new(false, "The store was not asked yet.", Unknown);

    /// <summary>How far this instance's clock is ahead of the store's; negative if it is behind, null if they are not compared.</summary>
    internal TimeSpan? ClockAhead { get; private set; }

    /// <summary>The last state. <see cref="State.Changed"/> ends when it is replaced.</summary>
    internal State Current => Volatile.Read(ref _state);

    /// <summary>
    /// Refuses where the last probe found that the store must not be trusted although it answers, for example that its
    /// server may evict facts. A store that does not answer says so itself.
    /// </summary>
    /// <exception cref="StoreUnavailableException">It must not be used.</exception>
    internal void ThrowIfUntrusted()
    {
        if (Current.Untrusted is { } fault)
        {
            throw new StoreUnavailableException(fault.Fault, fault.Message);
        }
    }

    /// <summary>Asks once before the first call is taken, so that a start on a good store is serving at once.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        drain.Begun.Register(() => Set(false, "The service is shutting down.", Current.Store));
        // A service whose ports are taken never serves.
        lifetime.ApplicationStarted.Register(() => Tell(null));
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
            // The process ends.
        }
    }

    private async Task ProbeAsync(CancellationToken cancellation)
    {
        // A probe may take longer than a read: a slow store is slow, not gone.
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(TimeSpan.FromMilliseconds(Math.Max(1_000, options.StoreReadLimitMs)));
        try
        {
            var health = await store.ProbeAsync(limit.Token);
            await store.FenceAsync(Enumerable.Range(0, store.Manifest.Partitions), limit.Token);
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

    // What permits and what forbids are told apart by their times, so an instance with another time must not decide.
    private void Compare(TimeSpan? ahead)
    {
        if (options.ClockBoundMs == 0 || ahead is not { } difference)
        {
            return;
        }

        ClockAhead = difference;
        clock.Ahead = difference;
        var milliseconds = difference.Duration().TotalMilliseconds;
        // Back only well within the bound, so that a clock at the bound does not flap.
        _clockDiffers = milliseconds > (_clockDiffers ? options.ClockBoundMs / 2 : options.ClockBoundMs);
        if (_clockDiffers)
        {
            throw new StoreUnavailableException(
                StoreFault.Clock,
                $"The clock of this instance and that of the store differ by more than {options.ClockBoundMs} ms: synchronise both, for example with NTP.");
        }
    }

    /// <summary>The fault as <see cref="State.Store"/>, the metrics and the page name it.</summary>
    internal static string NameOf(StoreFault fault) => ServiceMetrics.Name(fault.ToString());

    // Each once, until it is gone.
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
            Tell(cause);
        }
    }

    private void Tell(Exception? cause)
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

    /// <summary>What a probe found.</summary>
    /// <param name="Serving">Checks can be answered.</param>
    /// <param name="Why">Why they cannot, or, where they can, why nothing can be recorded; empty where all is well.</param>
    /// <param name="Store">What the last probe found of the store: <see cref="Ok"/>, a fault's name or <see cref="Unknown"/>.</param>
    /// <param name="Untrusted">The fault for which calls are refused although the store answers.</param>
    internal sealed record State(bool Serving, string Why, string Store, StoreUnavailableException? Untrusted = null)
    {
        /// <summary>The store also takes writes.</summary>
        internal bool TakesWrites => Serving && Why.Length == 0;

        internal TaskCompletionSource Replaced { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal Task Changed => Replaced.Task;
    }
}
