using Grpc.Core;
using Lookup.Server.Access;
using Microsoft.Extensions.Hosting;

namespace Lookup.Server;

/// <summary>
/// Ends long streams at shutdown before the web server stops. A stream that ends while the server closes its connection can lose
/// its last frames, and with them the status that tells the caller to continue at another instance.
/// </summary>
internal sealed class Drain : IHostedLifecycleService, IDisposable
{
    private readonly CancellationTokenSource _begun = new();
    private readonly TaskCompletionSource _empty = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Frames handed to a connection are not sent yet; stopping without a wait would lose the last status.
    private static readonly TimeSpan Flush = TimeSpan.FromMilliseconds(100);

    // Starts at one, so that the count reaches zero only after shutdown has started.
    private int _open = 1;

    /// <summary>Cancelled when shutdown starts.</summary>
    internal CancellationToken Begun => _begun.Token;

    /// <summary>Returns whether shutdown, and not the caller, ends a call.</summary>
    internal bool Ends(ServerCallContext context) => _begun.IsCancellationRequested && !context.CancellationToken.IsCancellationRequested;

    /// <summary>Returns a source that is cancelled with the stream's call, with shutdown, and with the lease of its credential.</summary>
    internal CancellationTokenSource Link(ServerCallContext context) => context.Lease() is { } lease
        ? CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, Begun, lease.Ended)
        : CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, Begun);

    /// <summary>Tracks a stream until its last frame is handed to the connection.</summary>
    internal void Track(ServerCallContext context)
    {
        Interlocked.Increment(ref _open);
        context.GetHttpContext().Response.OnCompleted(() =>
        {
            Release();
            return Task.CompletedTask;
        });
    }

    /// <summary>Starts the drain and waits for the streams, within the host's shutdown time.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        await _begun.CancelAsync();
        Release();
        await Task.WhenAny(_empty.Task, Task.Delay(Timeout.Infinite, cancellationToken));
        if (!cancellationToken.IsCancellationRequested)
        {
            await Task.Delay(Flush, CancellationToken.None);
        }
    }

    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public void Dispose() => _begun.Dispose();

    private void Release()
    {
        if (Interlocked.Decrement(ref _open) == 0)
        {
            _empty.TrySetResult();
        }
    }
}
