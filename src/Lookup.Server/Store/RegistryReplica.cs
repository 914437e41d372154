using Lookup.Core.Clocks;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Registers;
using Microsoft.Extensions.Hosting;

namespace Lookup.Server.Store;

/// <summary>
/// Polls the registry. A snapshot older than the freshness bound is never used: a call that needs it reads the store
/// itself, and fails if it cannot.
/// </summary>
internal sealed class RegistryReplica(IRegistryStore store, RegimeSet regimes, LookupServerOptions options, TimeProvider clock)
    : BackgroundService
{
    private readonly Lock _gate = new();
    private RegistrySnapshot? _current;
    private Task<RegistrySnapshot>? _reading;

    /// <summary>The latest snapshot, however old; null before the first. For metrics only, never for decisions.</summary>
    internal RegistrySnapshot? Latest => Volatile.Read(ref _current);

    /// <summary>Returns the latest snapshot if it is within the freshness bound, else null.</summary>
    /// <param name="now">Timestamp of the clock.</param>
    internal RegistrySnapshot? FreshAt(long now)
    {
        var current = Volatile.Read(ref _current);
        return current is not null && clock.AgeAt(current.ReadAt, now).TotalMilliseconds < options.FreshnessBoundMs
            ? current
            : null;
    }

    /// <summary>Returns a snapshot within the freshness bound; reads one if necessary.</summary>
    internal ValueTask<RegistrySnapshot> CurrentAsync(CancellationToken cancellation) => FreshAt(clock.GetTimestamp()) is { } fresh
        ? new ValueTask<RegistrySnapshot>(fresh)
        : new ValueTask<RegistrySnapshot>(SharedReadAsync().WaitAsync(cancellation));

    /// <summary>Returns a snapshot read from the store after this call started.</summary>
    internal async Task<RegistrySnapshot> ReadAsync(CancellationToken cancellation)
    {
        var sent = clock.GetTimestamp();
        var registry = await store.ReadAsync(cancellation);
        var snapshot = new RegistrySnapshot(registry, regimes, sent);
        lock (_gate)
        {
            if (_current is null || _current.ReadAt < sent)
            {
                _current = snapshot;
            }
        }

        return snapshot;
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(options.RegistryPollMs), clock);
        var gap = new ClockGap(clock);
        try
        {
            do
            {
                Forget(gap.Missed());
                await TryReadAsync();
                // A read in flight while the process was suspended is older than its end suggests.
                Forget(gap.Missed());
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // Shutdown.
        }
    }

    private void Forget(TimeSpan missed)
    {
        if (missed > TimeSpan.Zero)
        {
            lock (_gate)
            {
                _current = null;
            }
        }
    }

    private async Task TryReadAsync()
    {
        try
        {
            await SharedReadAsync();
        }
        catch (Exception)
        {
            // Any failure lets the snapshot expire; StoreMonitor reports the cause.
        }
    }

    // Calls that find the snapshot expired share one read.
    private Task<RegistrySnapshot> SharedReadAsync()
    {
        lock (_gate)
        {
            return _reading is { IsCompleted: false } ? _reading : _reading = LimitedReadAsync();
        }
    }

    private async Task<RegistrySnapshot> LimitedReadAsync()
    {
        await Task.Yield();
        using var limit = new CancellationTokenSource(TimeSpan.FromMilliseconds(options.StoreReadLimitMs), clock);
        try
        {
            return await ReadAsync(limit.Token);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            throw new StoreUnavailableException(StoreFault.Timeout, "The store did not answer in time.");
        }
    }
}
