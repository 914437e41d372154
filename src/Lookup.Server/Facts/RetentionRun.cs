using System.Text.Json;
using Grpc.Core;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis.Maintenance;
using Lookup.Server.Errors;
using Lookup.Server.Store;

namespace Lookup.Server.Facts;

/// <summary>Deletes what no longer has to be kept, one run at a time.</summary>
internal sealed class RetentionRun(
    IStoreMaintenance store, StoreMonitor monitor, RegimeSet regimes, NumberCipher cipher, LookupServerOptions options, TimeProvider clock, Drain drain)
{
    private const int MaxText = 256;
    private const int MaxReason = 1_024;

    /// <summary>Pause between two progress messages.</summary>
    private static readonly TimeSpan ProgressPause = TimeSpan.FromMilliseconds(200);

    private int _isRunning;

    /// <summary>See FactService.ApplyRetention.</summary>
    internal async Task RunAsync(
        V1.ApplyRetentionRequest request, IServerStreamWriter<V1.ApplyRetentionResponse> responseStream, ServerCallContext context)
    {
        List<FieldFault>? faults = null;
        FieldFaults.CheckText(request.Actor, MaxText, "actor", ref faults);
        FieldFaults.CheckText(request.Reason, MaxReason, "reason", ref faults);
        FieldFaults.ThrowIfAny(faults);
        if (Interlocked.Exchange(ref _isRunning, 1) == 1)
        {
            throw RpcErrors.Exhausted("Another retention run is in progress; retry when it has ended.", options.RetryAfterMs);
        }

        drain.Track(context);
        using var stop = drain.Link(context);
        var running = Task.FromResult<IReadOnlyList<RetentionCount>>([]);
        try
        {
            monitor.ThrowIfUntrusted();
            var share = 0.0;
            running = store.RetainAsync(
                RetentionOrder.Create(regimes, cipher, clock.GetUtcNow(), request.DryRun), done => Volatile.Write(ref share, done), stop.Token);
            while (await Task.WhenAny(running, Task.Delay(ProgressPause, clock, stop.Token)) != running)
            {
                stop.Token.ThrowIfCancellationRequested();
                await responseStream.WriteAsync(new V1.ApplyRetentionResponse { ShareDone = Volatile.Read(ref share) }, stop.Token);
            }

            await responseStream.WriteAsync(new V1.ApplyRetentionResponse { Result = ToProto(await running) }, stop.Token);
        }
        catch (KeyRotationException exception)
        {
            throw RpcErrors.Precondition(exception.Message);
        }
        catch (Exception) when (drain.Ends(context))
        {
            throw RpcErrors.Unavailable("The service is shutting down; send the request again to delete what is left.", options.RetryAfterMs);
        }
        finally
        {
            // The run must have ended, also if the caller has disconnected.
            await stop.CancelAsync();
            await ((Task)running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Volatile.Write(ref _isRunning, 0);
        }
    }

    /// <summary>Writes what was deleted, or is due.</summary>
    internal static V1.RetentionResult ToProto(IEnumerable<RetentionCount> counts) => new()
    {
        Counts =
        {
            counts.Select(count => new V1.RetentionCount
            {
                Country = count.Country,
                Kind = JsonNamingPolicy.SnakeCaseLower.ConvertName(count.Kind.ToString()),
                Count = count.Count,
                Oldest = FieldFaults.ToTimestamp(count.Oldest),
                Before = FieldFaults.ToTimestamp(count.Before),
            }),
        },
    };
}
