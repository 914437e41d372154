namespace Lookup.Client;

/// <summary>
/// Sends a read a second time if the first attempt is slow. The first answer wins and the other attempt is cancelled; if both
/// have arrived, the stricter one wins.
/// </summary>
internal static class Hedge
{
    /// <summary>Runs a hedged read.</summary>
    /// <param name="attempt">Sends the read; called again, on another channel, for the second attempt.</param>
    /// <param name="delay">Time to wait for the first attempt.</param>
    /// <param name="stricter">Returns the stricter of two answers.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="cancellation">Cancels both attempts.</param>
    /// <exception cref="Exception">Both attempts failed; the exception of the first one.</exception>
    public static async Task<T> RunAsync<T>(
        Func<CancellationToken, Task<T>> attempt, TimeSpan delay, Func<T, T, T> stricter, TimeProvider clock, CancellationToken cancellation)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var first = attempt(end.Token);
        var second = default(Task<T>);
        try
        {
            if (await IsDoneAsync(first, delay, clock, cancellation))
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

    private static async Task<bool> IsDoneAsync(Task first, TimeSpan delay, TimeProvider clock, CancellationToken cancellation)
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

    // The cancelled attempt is not awaited, so observe its exception.
    private static void Observe(Task? task) =>
        task?.ContinueWith(static t => _ = t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
}
