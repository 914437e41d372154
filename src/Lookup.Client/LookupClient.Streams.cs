using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Grpc.Core;
using Lookup.Client.Streams;
using Lookup.V1;

namespace Lookup.Client;

// Lists and files, in batches.
public sealed partial class LookupClient
{
    /// <summary>
    /// Decides a list of any length: sends its chunks and yields the answer to each, in order. A broken connection is made
    /// anew with growing pauses, and what was not answered is sent again, for up to <see cref="LookupClientOptions.StreamRetryLimit"/>.
    /// </summary>
    /// <param name="open">What holds for every number.</param>
    /// <param name="chunks">
    /// Up to 8,192 numbers each, sequences ascending. Pulled only while fewer than <paramref name="window"/> are unanswered. A
    /// chunk must not be changed before its answer has come; then it may be used again. Has to honour cancellation.
    /// </param>
    /// <param name="window">Chunks that may be under way unanswered, 1 to 64.</param>
    /// <param name="cancellationToken">Breaks the stream off.</param>
    /// <returns>
    /// An answer to each chunk, with as many verdicts and reasons as the chunk has numbers. Numbers whose answer did not come
    /// before an exception must not be called.
    /// </returns>
    /// <exception cref="LookupException">
    /// The service refused the stream or a chunk, stayed away for too long, or answered something that cannot be matched to what was asked.
    /// </exception>
    public IAsyncEnumerable<CheckStreamResponse> CheckStreamAsync(
        CheckStreamOpen open, IAsyncEnumerable<CheckStreamChunk> chunks, int window, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(open);
        ArgumentNullException.ThrowIfNull(chunks);
        ArgumentOutOfRangeException.ThrowIfLessThan(window, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(window, 64);
        return StreamAsync(CancellationToken.None);

        // Each enumeration is a list of its own.
        async IAsyncEnumerable<CheckStreamResponse> StreamAsync([EnumeratorCancellation] CancellationToken enumeration)
        {
            using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, enumeration);
            using var run = new CheckStreamRun(_options, _lookup, open, chunks, window);
            await foreach (var answer in run.RunAsync(both.Token))
            {
                yield return answer;
            }
        }
    }

    /// <summary>
    /// Records batches without limit; yields the acknowledgement of each when it is durable.
    /// </summary>
    /// <param name="batches">The batches, each with a greater sequence than the one before.</param>
    /// <param name="window">Batches that may be under way without an acknowledgement, 1 to 64.</param>
    /// <param name="cancellationToken">Breaks the stream off.</param>
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
                // What broke the sender comes first: it is why the call was cancelled.
                broken?.Throw();
                throw LookupException.From(exception, Address);
            }
        }
    }
}
