using Grpc.Core;
using Lookup.Server.Access;
using Microsoft.Extensions.Hosting;

namespace Lookup.Server;

/// <summary>
/// Ends long streams at shutdown before the web server does anything. A stream that ends while the server closes its
/// connection can lose its last frames, and with them the status that tells the caller to go on elsewhere.
/// </summary>
internal sealed class Drain : IHostedLifecycleService, IDisposable
{
    private readonly CancellationTokenSource _begun = new();
    private readonly TaskCompletionSource _empty = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // What was handed to a connection still has to leave it; a stop that does not wait cuts the last status off.
    private static readonly TimeSpan Flush = TimeSpan.FromMilliseconds(100);

    // One for the service itself, so that the count reaches zero only after shutdown has begun.
    private int _open = 1;

    /// <summary>Cancelled when shutdown begins.</summary>
    internal CancellationToken Begun => _begun.Token;

    /// <summary>Whether shutdown is what ends a call, not its caller.</summary>
    internal bool Ends(ServerCallContext context) => _begun.IsCancellationRequested && !context.CancellationToken.IsCancellationRequested;

    /// <summary>Ends with a stream's caller, with shutdown, and with the lease of its credential.</summary>
    internal CancellationTokenSource Link(ServerCallContext context) => context.Lease() is { } lease
        ? CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, Begun, lease.Ended)
        : CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, Begun);

    /// <summary>Counts a stream until its last frame is handed to the connection.</summary>
    internal void Track(ServerCallContext context)
    {
        Interlocked.Increment(ref _open);
        context.GetHttpContext().Response.OnCompleted(() =>
        {
            Release();
            return Task.CompletedTask;
        });
    }

    /// <summary>Begins, and waits for the streams within the time that the host has for its shutdown.</summary>
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
