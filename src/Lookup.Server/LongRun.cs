using Grpc.Core;
using Lookup.Server.Errors;

namespace Lookup.Server;

/// <summary>Work of minutes that one call at a time does, while it streams the progress. It ends with its call and with the service.</summary>
internal sealed class LongRun(Drain drain, LookupServerOptions options, TimeProvider clock)
{
    /// <summary>Pause between two progress messages.</summary>
    private static readonly TimeSpan ProgressPause = TimeSpan.FromMilliseconds(200);

    private int _isRunning;

    /// <summary>Does the work and writes its last message.</summary>
    /// <param name="work">Reports the share done, 0 to 1, and returns the last message.</param>
    /// <param name="progress">Makes the message of a share.</param>
    /// <param name="responseStream">Receives the messages.</param>
    /// <param name="context">The call.</param>
    /// <param name="busy">The error if another call does this work.</param>
    /// <param name="stopping">The error if the service shuts down meanwhile.</param>
    /// <exception cref="RpcException">RESOURCE_EXHAUSTED or UNAVAILABLE, see above.</exception>
    internal async Task RunAsync<T>(
        Func<Action<double>, CancellationToken, Task<T>> work, Func<double, T> progress, IServerStreamWriter<T> responseStream, ServerCallContext context, string busy, string stopping)
        where T : class
    {
        if (Interlocked.Exchange(ref _isRunning, 1) == 1)
        {
            throw RpcErrors.Exhausted(busy, options.RetryAfterMs);
        }

        drain.Track(context);
        using var stop = drain.Link(context);
        var running = Task.FromResult<T>(null!);
        try
        {
            var share = 0.0;
            running = work(done => Volatile.Write(ref share, done), stop.Token);
            while (await Task.WhenAny(running, Task.Delay(ProgressPause, clock, stop.Token)) != running)
            {
                stop.Token.ThrowIfCancellationRequested();
                await responseStream.WriteAsync(progress(Volatile.Read(ref share)), stop.Token);
            }

            await responseStream.WriteAsync(await running, stop.Token);
        }
        catch (Exception) when (drain.Ends(context))
        {
            throw RpcErrors.Unavailable(stopping, options.RetryAfterMs);
        }
        finally
        {
            // The work must have ended, also if the caller has disconnected.
            await stop.CancelAsync();
            await ((Task)running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Volatile.Write(ref _isRunning, 0);
        }
    }
}
