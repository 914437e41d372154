using Google.Rpc;
using Grpc.Core;
using Lookup.Server.Telemetry;
using Prometheus;

namespace Lookup.Server.Access;

/// <summary>Counts requests that were not let in, and walks through number ranges.</summary>
internal sealed class AccessMetrics(ServiceMetrics metrics)
{
    private readonly Counter _refused = metrics.Factory.CreateCounter(
        "lookup_access_refusals_total", "Requests that were refused for their credential, and connections that showed none and had to leave for others, by reason.", ["reason"]);

    private readonly Counter _walks = metrics.Factory.CreateCounter(
        "lookup_enumerations_total", "Blocks of numbers that a credential walked through.", ["credential"]);

    /// <summary>Counts a walk. There are no more labels than a store takes credentials.</summary>
    internal void Walked(string credential) => _walks.WithLabels(credential).Inc();

    /// <summary>Counts a connection that had to leave for another one; see <see cref="ConnectionShares"/>.</summary>
    internal void PushedOut() => _refused.WithLabels("connection_pushed_out").Inc();

    internal void Refused(RpcException refusal) => _refused
        .WithLabels(ServiceMetrics.Name(refusal.GetRpcStatus()?.GetDetail<ErrorInfo>()?.Reason.ToLowerInvariant() ?? refusal.StatusCode.ToString()))
        .Inc();
}
