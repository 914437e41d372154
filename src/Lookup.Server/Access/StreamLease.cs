using System.Collections.Concurrent;
using Grpc.Core;
using Lookup.Core.Access;
using Lookup.Redis;
using Lookup.Server.Errors;
using Microsoft.Extensions.Hosting;

namespace Lookup.Server.Access;

/// <summary>That a stream may go on. It is over when its credential no longer counts or lacks what the stream needs.</summary>
internal sealed class StreamLease(StreamLeases all, Caller opener, Roles role) : IDisposable
{
    private readonly CancellationTokenSource _over = new();
    private readonly ConcurrentQueue<string> _organisations = new();
    private Caller _caller = opener;
    private RpcException? _why;

    /// <summary>Who has it, as of the last look.</summary>
    internal Caller Caller => Volatile.Read(ref _caller);

    /// <summary>Cancelled when it is over.</summary>
    internal CancellationToken Over => _over.Token;

    /// <summary>Why it is over; null while it is not.</summary>
    internal RpcException? Why => Volatile.Read(ref _why);

    /// <summary>From now on the stream needs a grant of an organisation.</summary>
    /// <exception cref="RpcException">PERMISSION_DENIED: it is not granted.</exception>
    internal void Require(string organisation, long now)
    {
        Caller.Demand(organisation, now);
        _organisations.Enqueue(organisation);
    }

    internal void Review(AccessTable table, long now)
    {
        if (!table.TryRenew(Caller, now, out var current, out var refusal))
        {
            End(refusal);
            return;
        }

        Volatile.Write(ref _caller, current);
        if (!current.Has(role))
        {
            End(RpcErrors.RoleMissing(role));
        }
        else if (_organisations.FirstOrDefault(organisation => !current.May(organisation, now)) is { } missing)
        {
            End(RpcErrors.NotGranted(missing));
        }
    }

    internal void End(RpcException why)
    {
        if (Interlocked.CompareExchange(ref _why, why, null) is null)
        {
            _over.Cancel();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // The source itself is left to the collector: a review may be about to cancel it.
        all.Close(this);
        Caller.State.CloseStream();
    }
}

/// <summary>The leases of all streams, looked at again and again.</summary>
internal sealed class StreamLeases(AccessControl access, LookupServerOptions options, TimeProvider clock) : BackgroundService
{
    private readonly ConcurrentDictionary<StreamLease, bool> _open = new();

    /// <summary>Opens one.</summary>
    /// <exception cref="RpcException">RESOURCE_EXHAUSTED: the credential has as many streams as it may.</exception>
    internal StreamLease Open(Caller caller, Roles role)
    {
        // One that has no limit of its own may not take the places of all others.
        var share = Math.Max(1, options.MaxStreamsFor(role) / 2);
        if (!caller.State.TryOpenStream(share))
        {
            throw RpcErrors.Exhausted(
                caller.State.MaxStreams > 0
                    ? $"The credential has {caller.State.MaxStreams} streams already; no more are taken of it at a time."
                    : $"The credential has {share} streams already, half of what the service takes. One that needs more has a limit of its own (--max-streams).",
                options.RetryAfterMs);
        }

        var lease = new StreamLease(this, caller, role);
        _open[lease] = true;
        return lease;
    }

    internal void Close(StreamLease lease) => _open.TryRemove(lease, out _);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(options.RegistryPollMs), clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                if (!_open.IsEmpty)
                {
                    await ReviewAsync(stoppingToken);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The process ends.
        }
    }

    private async Task ReviewAsync(CancellationToken stop)
    {
        AccessTable? table = null;
        RpcException? fault = null;
        try
        {
            // The registry is read all the time; where nothing came for so long, waiting longer would go beyond the bound.
            table = access.Fresh(clock.GetTimestamp())
                ?? await access.CurrentAsync(stop).AsTask().WaitAsync(TimeSpan.FromMilliseconds(options.RegistryPollMs), clock, stop);
        }
        catch (Exception e) when (e is StoreUnavailableException or TimeoutException)
        {
            fault = RpcErrors.Unavailable(
                e is StoreUnavailableException ? e.Message : "The store did not answer in time.", options.RetryAfterMs);
        }

        var now = access.Now;
        foreach (var lease in _open.Keys)
        {
            if (table is null)
            {
                lease.End(fault!);
            }
            else if (access.WhyTokenEnded(lease.Caller) is { } ended)
            {
                lease.End(ended);
            }
            else
            {
                lease.Review(table, now);
            }
        }
    }
}
