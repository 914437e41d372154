using Grpc.Core;
using Grpc.Health.V1;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace Lookup.ServiceTests.Server;

/// <summary>A stream of health for each service of a server, all opened at the begin and read as a test goes on.</summary>
internal sealed class HealthWatches : IDisposable
{
    internal static readonly string[] ThatCheck = ["", "lookup.v1.LookupService"];
    internal static readonly string[] ThatRecord = ["lookup.v1.FactService", "lookup.v1.ImportService", "lookup.v1.RegistryService"];
    internal static readonly string[] ThatFollow = ["lookup.v1.WatchService"];
    internal static readonly string[] All = [.. ThatCheck, .. ThatRecord, .. ThatFollow];

    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(1));
    private readonly Health.HealthClient _client;
    private readonly Dictionary<string, AsyncServerStreamingCall<HealthCheckResponse>> _calls;

    internal HealthWatches(LookupServer server)
    {
        _client = new Health.HealthClient(server.Invoker);
        _calls = All.ToDictionary(service => service, service => _client.Watch(new HealthCheckRequest { Service = service }));
    }

    /// <summary>Reads the streams until each tells the status. The limit only keeps a failing test from waiting for ever.</summary>
    internal async Task UntilAsync(ServingStatus expected, params IEnumerable<string> services)
    {
        foreach (var service in services)
        {
            do
            {
                Assert.True(await _calls[service].ResponseStream.MoveNext(_limit.Token));
            }
            while (_calls[service].ResponseStream.Current.Status != expected);
        }
    }

    /// <summary>Asks Check until it says so of each; on a loaded machine one may fall back for a moment.</summary>
    internal async Task CheckUntilAsync(ServingStatus expected, params IEnumerable<string> services)
    {
        foreach (var service in services)
        {
            while ((await _client.CheckAsync(new HealthCheckRequest { Service = service })).Status != expected)
            {
                await Task.Delay(20, _limit.Token);
            }
        }
    }

    public void Dispose()
    {
        foreach (var call in _calls.Values)
        {
            call.Dispose();
        }

        _limit.Dispose();
    }
}
