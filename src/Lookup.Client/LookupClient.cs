using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;
using Lookup.Client.Streams;
using Lookup.V1;

namespace Lookup.Client;

/// <summary>
/// A connection to the service: each call with a deadline, each failure as a <see cref="LookupException"/>. Thread safe;
/// keep one for the life of the process.
/// </summary>
public sealed class LookupClient : IDisposable
{
    private readonly LookupClientOptions _options;
    private readonly GrpcChannel _channel;
    private readonly LookupService.LookupServiceClient _lookup;
    private readonly FactService.FactServiceClient _facts;
    private readonly RegistryService.RegistryServiceClient _registry;
    private readonly ImportService.ImportServiceClient _imports;
    private readonly Health.HealthClient _health;

    /// <summary>Prepares a connection; it is made with the first call.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public LookupClient(LookupClientOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
        _channel = GrpcChannel.ForAddress(options.Address, new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler
            {
                ConnectTimeout = options.ConnectTimeout,
                EnableMultipleHttp2Connections = true,
                KeepAlivePingDelay = TimeSpan.FromSeconds(30),
                KeepAlivePingTimeout = TimeSpan.FromSeconds(10),
            },
            DisposeHttpClient = true,
        });
        _lookup = new LookupService.LookupServiceClient(_channel);
        _facts = new FactService.FactServiceClient(_channel);
        _registry = new RegistryService.RegistryServiceClient(_channel);
        _imports = new ImportService.ImportServiceClient(_channel);
        _health = new Health.HealthClient(_channel);
    }

    /// <summary>Where it connects to.</summary>
    public Uri Address => _options.Address;

    /// <summary>May this number be called?</summary>
    public Task<CheckResponse> CheckAsync(CheckRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _lookup.CheckAsync(request, options), cancellationToken);

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
            using var run = new CheckStreamRun(_options, () => _lookup, open, chunks, window);
            await foreach (var answer in run.RunAsync(both.Token))
            {
                yield return answer;
            }
        }
    }

    /// <summary>Decides as <see cref="CheckAsync"/> does and tells how.</summary>
    public Task<ExplainResponse> ExplainAsync(ExplainRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _lookup.ExplainAsync(request, options), cancellationToken);

    /// <summary>Records up to 1,000 facts.</summary>
    public Task<RecordFactsResponse> RecordFactsAsync(RecordFactsRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _facts.RecordFactsAsync(request, options), cancellationToken);

    /// <summary>Everything known of a number.</summary>
    public Task<ListFactsResponse> ListFactsAsync(ListFactsRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _facts.ListFactsAsync(request, options), cancellationToken);

    /// <summary>Erases a number and leaves a lasting objection.</summary>
    public Task<EraseNumberResponse> EraseNumberAsync(EraseNumberRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _facts.EraseNumberAsync(request, options), cancellationToken);

    /// <summary>Creates or replaces an organisation's record.</summary>
    public Task<PutOrganisationResponse> PutOrganisationAsync(PutOrganisationRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _registry.PutOrganisationAsync(request, options), cancellationToken);

    /// <summary>The organisations on record.</summary>
    public Task<ListOrganisationsResponse> ListOrganisationsAsync(ListOrganisationsRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _registry.ListOrganisationsAsync(request, options), cancellationToken);

    /// <summary>States that a register is loaded as of a date.</summary>
    public Task<RecordSnapshotResponse> RecordSnapshotAsync(RecordSnapshotRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _registry.RecordSnapshotAsync(request, options), cancellationToken);

    /// <summary>Begins to bring a register to a newer snapshot.</summary>
    /// <param name="open">Register, date and file.</param>
    /// <param name="cancellationToken">Breaks it off.</param>
    public async Task<SnapshotUpload> LoadSnapshotAsync(LoadSnapshotOpen open, CancellationToken cancellationToken)
    {
        var upload = new SnapshotUpload(_registry.LoadSnapshot(cancellationToken: cancellationToken), Address, cancellationToken);
        try
        {
            await upload.SendAsync(new LoadSnapshotRequest { Open = open });
            return upload;
        }
        catch
        {
            upload.Dispose();
            throw;
        }
    }

    /// <summary>The registers that the regimes know.</summary>
    public Task<ListRegistersResponse> ListRegistersAsync(ListRegistersRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _registry.ListRegistersAsync(request, options), cancellationToken);

    /// <summary>The imports on record, the newest first.</summary>
    public Task<ListImportsResponse> ListImportsAsync(ListImportsRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _imports.ListImportsAsync(request, options), cancellationToken);

    /// <summary>Undoes one import, or counts what that would do.</summary>
    /// <param name="request">Which, by whom and why.</param>
    /// <param name="progress">Takes the share that is done, 0 to 1.</param>
    /// <param name="cancellationToken">Breaks it off; the same call goes on where it was.</param>
    /// <returns>The import with what was done, or would be.</returns>
    public async Task<Import> RevertImportAsync(RevertImportRequest request, Action<double> progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(progress);
        try
        {
            using var call = _imports.RevertImport(request, cancellationToken: cancellationToken);
            while (await call.ResponseStream.MoveNext(cancellationToken))
            {
                if (call.ResponseStream.Current is { Import: { } import })
                {
                    return import;
                }

                progress(call.ResponseStream.Current.ShareDone);
            }

            throw new RpcException(new Status(StatusCode.Internal, "The service ended the revert without a result."));
        }
        catch (RpcException exception)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw LookupException.From(exception, Address);
        }
    }

    /// <summary>Whether the service can answer now, by grpc.health.v1.</summary>
    public async Task<bool> IsServingAsync(CancellationToken cancellationToken)
    {
        var response = await CallAsync(options => _health.CheckAsync(new HealthCheckRequest(), options), cancellationToken);
        return response.Status == HealthCheckResponse.Types.ServingStatus.Serving;
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

    /// <inheritdoc/>
    public void Dispose() => _channel.Dispose();

    private async Task<T> CallAsync<T>(Func<CallOptions, AsyncUnaryCall<T>> start, CancellationToken cancellationToken)
    {
        try
        {
            using var call = start(new CallOptions(deadline: DateTime.UtcNow + _options.Timeout, cancellationToken: cancellationToken));
            return await call;
        }
        catch (RpcException exception)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw LookupException.From(exception, Address);
        }
    }
}
