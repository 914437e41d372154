using System.Collections.Concurrent;
using Grpc.Core;
using Lookup.Core.Access;
using Lookup.Redis;
using Lookup.Server.Errors;
using Microsoft.Extensions.Hosting;

namespace Lookup.Server.Access;

/// <summary>Permits a stream to continue. It ends when its credential becomes invalid or lacks the role or a grant that the stream needs.</summary>
internal sealed class StreamLease(StreamLeases all, Caller opener, Roles role) : IDisposable
{
    private readonly CancellationTokenSource _ended = new();
    private readonly ConcurrentQueue<string> _organisations = new();
    private Caller _caller = opener;
    private RpcException? _why;

    /// <summary>The caller, as of the last review.</summary>
    internal Caller Caller => Volatile.Read(ref _caller);

    /// <summary>Cancelled when the lease has ended.</summary>
    internal CancellationToken Ended => _ended.Token;

    /// <summary>Why the lease ended; null until then.</summary>
    internal RpcException? Why => Volatile.Read(ref _why);

    /// <summary>Requires a grant for an organisation, now and at every review.</summary>
    /// <exception cref="RpcException">PERMISSION_DENIED: the credential has no grant.</exception>
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
            _ended.Cancel();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // The source is not disposed: a review may be about to cancel it.
        all.Close(this);
        Caller.State.CloseStream();
    }
}

/// <summary>Reviews the leases of all streams periodically.</summary>
internal sealed class StreamLeases(AccessControl access, LookupServerOptions options, TimeProvider clock) : BackgroundService
{
    private readonly ConcurrentDictionary<StreamLease, bool> _open = new();

    /// <summary>Opens a lease.</summary>
    /// <exception cref="RpcException">RESOURCE_EXHAUSTED: the credential has reached its limit of streams.</exception>
    internal StreamLease Open(Caller caller, Roles role)
    {
        // A credential without its own limit must not take every slot.
        var share = Math.Max(1, options.MaxStreamsFor(role) / 2);
        if (!caller.State.TryOpenStream(share))
        {
            throw RpcErrors.Exhausted(
                caller.State.MaxStreams > 0
                    ? $"The credential has {caller.State.MaxStreams} open streams, its limit (max_streams)."
                    : $"The credential has {share} open streams, half of the service's limit. To allow more, create it with --max-streams.",
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
            // The registry is polled continuously; waiting longer than one poll would exceed the freshness bound.
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
