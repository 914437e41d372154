using Grpc.Core;
using Lookup.Redis;

namespace Lookup.Server.Store;

/// <summary>
/// The time that a call may spend on the store: until the caller's deadline, or the service's own limit where the
/// caller sets none.
/// </summary>
internal readonly struct StoreDeadline : IDisposable
{
    private readonly CancellationTokenSource? _limit;
    private readonly CancellationToken _caller;

    /// <summary>Of a call that ends itself at its deadline.</summary>
    internal StoreDeadline(ServerCallContext context, int limitMs)
    {
        _caller = context.CancellationToken;
        if (context.Deadline == DateTime.MaxValue)
        {
            _limit = CancellationTokenSource.CreateLinkedTokenSource(_caller);
            _limit.CancelAfter(limitMs);
        }
    }

    /// <summary>Of a request that ends when the caller is gone.</summary>
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
