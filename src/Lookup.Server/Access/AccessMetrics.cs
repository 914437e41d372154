using Google.Rpc;
using Grpc.Core;
using Lookup.Server.Observability;
using Prometheus;

namespace Lookup.Server.Access;

/// <summary>Counts requests that were not let in.</summary>
internal sealed class AccessMetrics(ServiceMetrics metrics)
{
    private readonly Counter _refused = metrics.Factory.CreateCounter(
        "lookup_access_refusals_total", "Requests that were refused for their credential, by reason.", ["reason"]);

    internal void Refused(RpcException refusal) => _refused
        .WithLabels(ServiceMetrics.Name(refusal.GetRpcStatus()?.GetDetail<ErrorInfo>()?.Reason.ToLowerInvariant() ?? refusal.StatusCode.ToString()))
        .Inc();
}
