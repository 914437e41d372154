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

    private readonly LongRun _run = new(drain, options, clock);

    /// <summary>See FactService.ApplyRetention.</summary>
    internal async Task RunAsync(
        V1.ApplyRetentionRequest request, IServerStreamWriter<V1.ApplyRetentionResponse> responseStream, ServerCallContext context)
    {
        List<FieldFault>? faults = null;
        FieldFaults.CheckText(request.Actor, MaxText, "actor", ref faults);
        FieldFaults.CheckText(request.Reason, MaxReason, "reason", ref faults);
        FieldFaults.ThrowIfAny(faults);
        await _run.RunAsync(
            async (progress, stop) =>
            {
                monitor.ThrowIfUntrusted();
                try
                {
                    return new V1.ApplyRetentionResponse
                    {
                        Result = ToProto(await store.RetainAsync(RetentionOrder.Create(regimes, cipher, clock.GetUtcNow(), request.DryRun), progress, stop)),
                    };
                }
                catch (KeyRotationException exception)
                {
                    throw RpcErrors.Precondition(exception.Message);
                }
            },
            share => new V1.ApplyRetentionResponse { ShareDone = share },
            responseStream,
            context,
            busy: "Another retention run is in progress; retry when it has ended.",
            stopping: "The service is shutting down; send the request again to delete what is left.");
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
