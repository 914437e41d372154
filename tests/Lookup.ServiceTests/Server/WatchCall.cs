using Google.Rpc;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

/// <summary>An open Watch.</summary>
internal sealed class WatchCall : IDisposable
{
    private readonly AsyncServerStreamingCall<WatchResponse> _call;

    private readonly TimeProvider _clock;

    internal WatchCall(LookupServer server, string token = "", params IEnumerable<string> organisations)
    {
        _clock = server.Clock;
        _call = new WatchService.WatchServiceClient(server.Invoker).Watch(new WatchRequest { ResumeToken = token, Organisations = { organisations } });
    }

    /// <summary>Of the last message that was read.</summary>
    internal string LastToken { get; private set; } = "";

    internal Heartbeat? LastHeartbeat { get; private set; }

    /// <summary>Opens one and waits for its first heartbeat: it watches from then on.</summary>
    internal static async Task<WatchCall> OpenAsync(LookupServer server, string token = "", params IEnumerable<string> organisations)
    {
        WatchCall call;
        while (true)
        {
            call = new WatchCall(server, token, organisations);
            try
            {
                Assert.NotNull((await call.NextAsync()).Heartbeat);
                break;
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable)
            {
                // The replica reads a partition anew, as it does when much is written at a time.
                call.Dispose();
                await Task.Delay(20, TestContext.Current.CancellationToken);
            }
        }

        if (token.Length == 0)
        {
            // A stream from now on may begin with what was written a moment before.
            await call.DrainAsync();
        }

        return call;
    }

    internal async Task<WatchResponse> NextAsync()
    {
        Assert.True(await _call.ResponseStream.MoveNext(TestContext.Current.CancellationToken), "A stream of changes ends with a status only.");
        var response = _call.ResponseStream.Current;
        LastToken = response.ResumeToken;
        LastHeartbeat = response.Heartbeat ?? LastHeartbeat;
        return response;
    }

    internal async Task<Change> NextChangeAsync()
    {
        while (true)
        {
            if ((await NextAsync()).Change is { } change)
            {
                return change;
            }
        }
    }

    /// <summary>Reads heartbeats until one is as wanted.</summary>
    internal async Task<Heartbeat> HeartbeatAsync(Func<Heartbeat, bool> wanted)
    {
        while (true)
        {
            if ((await NextAsync()).Heartbeat is { } heartbeat && wanted(heartbeat))
            {
                return heartbeat;
            }
        }
    }

    /// <summary>Everything that was acknowledged before this call.</summary>
    internal async Task<List<Change>> DrainAsync()
    {
        var changes = new List<Change>();
        var start = _clock.GetUtcNow();
        while (true)
        {
            var response = await NextAsync();
            if (response.Change is { } change)
            {
                changes.Add(change);
            }
            else if (response.Heartbeat is { Freshness: { } age } && response.Heartbeat.Time.ToDateTimeOffset() - age.ToTimeSpan() > start)
            {
                return changes;
            }
        }
    }

    /// <summary>Reads to the end, which must be a status.</summary>
    internal async Task<RpcException> RefusedAsync() => await Assert.ThrowsAsync<RpcException>(async () =>
    {
        while (true)
        {
            await NextAsync();
        }
    });

    internal static string? Reason(RpcException error) => error.GetRpcStatus()?.GetDetail<ErrorInfo>()?.Reason;

    public void Dispose() => _call.Dispose();
}
