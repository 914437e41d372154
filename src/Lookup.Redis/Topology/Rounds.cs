namespace Lookup.Redis.Topology;

/// <summary>
/// Runs requests in rounds. While one round runs, all callers that arrive share the next one, so each gets an answer to a request
/// sent after its arrival. Thread-safe.
/// </summary>
/// <typeparam name="TItem">What a caller needs from its round.</typeparam>
/// <typeparam name="TAnswer">The result of a round.</typeparam>
/// <param name="ask">Requests all items of a round. Never runs concurrently.</param>
internal sealed class Rounds<TItem, TAnswer>(Func<IReadOnlyCollection<TItem>, Task<TAnswer>> ask)
{
    private readonly Lock _lock = new();
    private Round? _next;
    private bool _isRunning;

    /// <summary>Joins the next round and returns its result or exception.</summary>
    internal Task<TAnswer> JoinAsync(IEnumerable<TItem> items, CancellationToken cancellation)
    {
        Round round;
        lock (_lock)
        {
            round = _next ??= new Round();
            round.Items.UnionWith(items);
            if (!_isRunning)
            {
                _isRunning = true;
                _ = RunAsync();
            }
        }

        return round.Ended.Task.WaitAsync(cancellation);
    }

    private async Task RunAsync()
    {
        await Task.Yield();
        while (true)
        {
            Round round;
            lock (_lock)
            {
                if (_next is null)
                {
                    _isRunning = false;
                    return;
                }

                round = _next;
                _next = null;
            }

            try
            {
                round.Ended.TrySetResult(await ask(round.Items));
            }
            catch (Exception e)
            {
                round.Ended.TrySetException(e);
                // Observe the exception: no caller may be waiting any more.
                _ = round.Ended.Task.Exception;
            }
        }
    }

    private sealed class Round
    {
        internal HashSet<TItem> Items { get; } = [];

        internal TaskCompletionSource<TAnswer> Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
