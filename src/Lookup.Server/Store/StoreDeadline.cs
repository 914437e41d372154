using Grpc.Core;
using Lookup.Redis;

namespace Lookup.Server.Store;

/// <summary>
/// Limits the time that a call spends on the store: the caller's deadline, or the service's own limit if the caller sets none.
/// </summary>
internal readonly struct StoreDeadline : IDisposable
{
    private readonly CancellationTokenSource? _limit;
    private readonly CancellationToken _caller;

    /// <summary>Creates the deadline of a gRPC call, which ends itself at its own deadline.</summary>
    internal StoreDeadline(ServerCallContext context, int limitMs)
    {
        _caller = context.CancellationToken;
        if (context.Deadline == DateTime.MaxValue)
        {
            _limit = CancellationTokenSource.CreateLinkedTokenSource(_caller);
            _limit.CancelAfter(limitMs);
        }
    }

    /// <summary>Creates the deadline of a request that ends when the caller disconnects.</summary>
    internal StoreDeadline(TimeSpan limit, CancellationToken aborted)
    {
        _caller = aborted;
        _limit = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        _limit.CancelAfter(limit);
    }

    internal CancellationToken Token => _limit?.Token ?? _caller;

    /// <summary>Whether the service's own limit ended the call.</summary>
    internal bool Expired => _limit is { IsCancellationRequested: true } && !_caller.IsCancellationRequested;

    internal static StoreUnavailableException TooSlow() =>
        new(StoreFault.Timeout, "The store did not answer in time.");

    public void Dispose() => _limit?.Dispose();
}
