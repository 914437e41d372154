using Google.Rpc;
using Grpc.Core;
using Lookup.Server.Telemetry;
using Prometheus;

namespace Lookup.Server.Access;

/// <summary>Counts rejected requests and detected enumerations.</summary>
internal sealed class AccessMetrics(ServiceMetrics metrics)
{
    private readonly Counter _refused = metrics.Factory.CreateCounter(
        "lookup_access_refusals_total", "Requests rejected because of their credential, and unauthenticated connections closed to free a slot, by reason.", ["reason"]);

    private readonly Counter _enumerations = metrics.Factory.CreateCounter(
        "lookup_enumerations_total", "Blocks of numbers that a credential enumerated.", ["credential"]);

    /// <summary>Counts an enumeration. The limit of credentials in a store also limits the labels.</summary>
    internal void Enumerated(string credential) => _enumerations.WithLabels(credential).Inc();

    /// <summary>Counts a connection closed to free a slot; see <see cref="ConnectionShares"/>.</summary>
    internal void PushedOut() => _refused.WithLabels("connection_pushed_out").Inc();

    internal void Refused(RpcException refusal) => _refused
        .WithLabels(ServiceMetrics.Name(refusal.GetRpcStatus()?.GetDetail<ErrorInfo>()?.Reason.ToLowerInvariant() ?? refusal.StatusCode.ToString()))
        .Inc();
}
