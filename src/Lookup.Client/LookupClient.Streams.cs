using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Grpc.Core;
using Lookup.Client.Streams;
using Lookup.V1;

namespace Lookup.Client;

// Streams of lists and files, in batches.
public sealed partial class LookupClient
{
    /// <summary>
    /// Decides a list of any length: sends its chunks and yields the answer to each, in order. A broken connection is retried with
    /// growing pauses, for up to <see cref="LookupClientOptions.StreamRetryLimit"/>, and unanswered chunks are sent again.
    /// </summary>
    /// <param name="open">The question and options for every number.</param>
    /// <param name="chunks">
    /// Chunks of up to 8,192 numbers, with ascending sequences. Pulled only while fewer than <paramref name="window"/> are unanswered.
    /// Do not change a chunk before its answer has arrived; then it may be reused. Must honour cancellation.
    /// </param>
    /// <param name="window">Maximum unanswered chunks, 1 to 64.</param>
    /// <param name="cancellationToken">Cancels the stream.</param>
    /// <returns>
    /// An answer to each chunk, with one verdict and one reason per number. Do not call numbers that were not answered before an
    /// exception.
    /// </returns>
    /// <exception cref="LookupException">
    /// The service rejected the stream or a chunk, stayed unreachable for too long, or sent an answer that does not match a request.
    /// </exception>
    public IAsyncEnumerable<CheckStreamResponse> CheckStreamAsync(
        CheckStreamOpen open, IAsyncEnumerable<CheckStreamChunk> chunks, int window, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(open);
        ArgumentNullException.ThrowIfNull(chunks);
        ArgumentOutOfRangeException.ThrowIfLessThan(window, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(window, 64);
        var settings = open.Clone();
        return StreamAsync(CancellationToken.None);

        // Each enumeration starts a new stream.
        async IAsyncEnumerable<CheckStreamResponse> StreamAsync([EnumeratorCancellation] CancellationToken enumeration)
        {
            using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, enumeration);
            using var run = new CheckStreamRun(_options, _lookup, settings, chunks, window);
            await foreach (var answer in run.RunAsync(both.Token))
            {
                yield return answer;
            }
        }
    }

    /// <summary>
    /// Records any number of batches; yields an acknowledgement of each one when it is durable.
    /// </summary>
    /// <param name="batches">The batches, each with a greater sequence than the one before.</param>
    /// <param name="window">Maximum unacknowledged batches, 1 to 64.</param>
    /// <param name="cancellationToken">Cancels the stream.</param>
    public async IAsyncEnumerable<ImportFactsResponse> ImportFactsAsync(
        IAsyncEnumerable<ImportFactsRequest> batches, int window, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(window, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(window, 64);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var free = new SemaphoreSlim(window);
        using var call = _facts.ImportFacts(cancellationToken: stop.Token);
        var sent = false;
        ExceptionDispatchInfo? broken = null;
        var sending = SendAsync();
        try
        {
            while (await MoveNextAsync())
            {
                free.Release();
                yield return call.ResponseStream.Current;
            }

            // A service that ends the stream early leaves batches without an acknowledgement.
            if (Volatile.Read(ref sent))
            {
                await sending;
            }
        }
        finally
        {
            await stop.CancelAsync();
            await sending.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }

        async Task SendAsync()
        {
            try
            {
                await foreach (var batch in batches.WithCancellation(stop.Token))
                {
                    await free.WaitAsync(stop.Token);
                    if (!await TrySendAsync(() => call.RequestStream.WriteAsync(batch, stop.Token)))
                    {
                        return;
                    }
                }

                Volatile.Write(ref sent, true);
                await TrySendAsync(call.RequestStream.CompleteAsync);
            }
            catch (Exception exception)
            {
                // The reader would wait for answers to batches that were never sent.
                broken = ExceptionDispatchInfo.Capture(exception);
                await stop.CancelAsync();
                throw;
            }
        }

        static async Task<bool> TrySendAsync(Func<Task> send)
        {
            try
            {
                await send();
                return true;
            }
            catch (Exception exception) when (SendFailures.IsEndOfCall(exception))
            {
                return false;
            }
        }

        async Task<bool> MoveNextAsync()
        {
            try
            {
                return await call.ResponseStream.MoveNext(stop.Token);
            }
            catch (RpcException exception)
            {
                cancellationToken.ThrowIfCancellationRequested();
                // Throw the sender's exception first: it is why the call was cancelled.
                broken?.Throw();
                throw LookupException.From(exception, Address);
            }
        }
    }
}
