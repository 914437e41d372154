namespace Lookup.Redis.Topology;

/// <summary>
/// Asks in rounds: one is under way, and all who come meanwhile share the next, so that each gets an answer to a question of
/// after it came. Thread-safe.
/// </summary>
/// <typeparam name="TItem">What those who come want to be in their round.</typeparam>
/// <typeparam name="TAnswer">What a round gives.</typeparam>
/// <param name="ask">Asks for everything that is wanted in a round. Never runs twice at a time.</param>
internal sealed class Rounds<TItem, TAnswer>(Func<IReadOnlyCollection<TItem>, Task<TAnswer>> ask)
{
    private readonly Lock _lock = new();
    private Round? _next;
    private bool _isRunning;

    /// <summary>Takes part in the next round, and fails as it does.</summary>
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
                // Nobody may be waiting any more.
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
