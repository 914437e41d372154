using System.Runtime.CompilerServices;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Lookup.Client;
using Lookup.Client.Testing;
using Lookup.Server;
using Lookup.Server.Fake;
using Lookup.Server.Hosting;
using Lookup.V1;

namespace Lookup.Cli.Hosting;

/// <summary>Serves the client library's fake over the service's gRPC and JSON endpoints.</summary>
internal sealed class FakeService : IAsyncDisposable
{
    // Longer than a typical deadline; a caller without one still gets an answer.
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(1);

    private readonly LookupHost _host;

    private FakeService(LookupHost host)
    {
        _host = host;
    }

    public Uri GrpcAddress => _host.GrpcAddress;

    public Uri JsonAddress => _host.JsonAddress;

    /// <inheritdoc cref="LookupHost.ErrorCount"/>
    public long ErrorCount => _host.ErrorCount;

    /// <inheritdoc cref="LookupHost.NewestError"/>
    public Exception? NewestError => _host.NewestError;

    /// <summary>Starts the fake service.</summary>
    /// <param name="options">The addresses to listen on.</param>
    /// <param name="ct">Cancels the start.</param>
    /// <param name="fake">Answers the requests; null: answers magic numbers only.</param>
    public static async Task<FakeService> StartAsync(LookupServerOptions options, CancellationToken ct, FakeLookup? fake = null)
    {
        var faults = options.Faults();
        if (faults.Count > 0)
        {
            throw new ServerSettingsException(faults);
        }

        var host = LookupHost.BuildFake(options, new Answers(fake ?? new FakeLookup()));
        try
        {
            await host.StartAsync(ct);
            return new FakeService(host);
        }
        catch (Exception exception)
        {
            await host.DisposeAsync();
            LocalService.ThrowIfTaken(options, exception);

            throw;
        }
    }

    public Task StopAsync() => _host.StopAsync();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    private sealed class Answers(FakeLookup fake) : IFakeAnswers
    {
        public async Task<CheckResponse> CheckAsync(CheckRequest request, CancellationToken cancellation)
        {
            try
            {
                return await fake.CheckAsync(request, cancellation);
            }
            catch (LookupException exception)
            {
                if (exception.Status == StatusCode.DeadlineExceeded)
                {
                    await Task.Delay(Hang, cancellation);
                }

                throw StatusOf(exception);
            }
        }

        public Task<RecordFactsResponse> RecordAsync(RecordFactsRequest request, CancellationToken cancellation) => fake.RecordFactsAsync(request, cancellation);

        public Task<ListFactsResponse> ListAsync(ListFactsRequest request, CancellationToken cancellation) => fake.ListFactsAsync(request, cancellation);

        public async IAsyncEnumerable<WatchResponse> WatchAsync(WatchRequest request, [EnumeratorCancellation] CancellationToken cancellation)
        {
            await using var changes = fake.WatchAsync(request, cancellation).GetAsyncEnumerator(cancellation);
            while (await NextAsync())
            {
                yield return changes.Current;
            }

            async Task<bool> NextAsync()
            {
                try
                {
                    return await changes.MoveNextAsync();
                }
                catch (LookupException exception)
                {
                    throw StatusOf(exception);
                }
            }
        }

        private static RpcException StatusOf(LookupException exception)
        {
            var status = new Google.Rpc.Status { Code = (int)exception.Status, Message = exception.Message };
            if (exception.RetryAfter is { } pause)
            {
                status.Details.Add(Any.Pack(new RetryInfo { RetryDelay = Duration.FromTimeSpan(pause) }));
            }

            if (exception is ChangesLostException lost)
            {
                status.Details.Add(Any.Pack(new ErrorInfo { Reason = lost.Reason, Domain = "lookup.v1" }));
            }

            return status.ToRpcException();
        }
    }
}
