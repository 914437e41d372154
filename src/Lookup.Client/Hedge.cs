namespace Lookup.Client;

/// <summary>
/// A read that is asked twice when the first attempt takes long. The first answer counts and the other attempt is cancelled;
/// when both are there, the stricter counts.
/// </summary>
internal static class Hedge
{
    /// <param name="attempt">Asks; called again, on another channel, for the second attempt.</param>
    /// <param name="delay">How long to wait for the first attempt.</param>
    /// <param name="stricter">Chooses between two answers.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="cancellation">Ends both attempts.</param>
    /// <exception cref="Exception">Both attempts failed: what the first threw.</exception>
    public static async Task<T> RunAsync<T>(
        Func<CancellationToken, Task<T>> attempt, TimeSpan delay, Func<T, T, T> stricter, TimeProvider clock, CancellationToken cancellation)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var first = attempt(end.Token);
        var second = default(Task<T>);
        try
        {
            if (await IsOverAsync(first, delay, clock, cancellation))
            {
                return await first;
            }

            second = attempt(end.Token);
            var winner = await Task.WhenAny(first, second);
            var other = winner == first ? second : first;
            if (!winner.IsCompletedSuccessfully)
            {
                return other.IsCompletedSuccessfully || await SucceedsAsync(other) ? await other : await first;
            }

            return other.IsCompletedSuccessfully ? stricter(await winner, await other) : await winner;
        }
        finally
        {
            await end.CancelAsync();
            Observe(first);
            Observe(second);
        }
    }

    private static async Task<bool> IsOverAsync(Task first, TimeSpan delay, TimeProvider clock, CancellationToken cancellation)
    {
        using var wait = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var over = await Task.WhenAny(first, Task.Delay(delay, clock, wait.Token)) == first;
        await wait.CancelAsync();
        return over || cancellation.IsCancellationRequested;
    }

    private static async Task<bool> SucceedsAsync(Task task)
    {
        await task.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return task.IsCompletedSuccessfully;
    }

    // The loser ends by cancellation, and nobody waits for it.
    private static void Observe(Task? task) =>
        task?.ContinueWith(static t => _ = t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
}
