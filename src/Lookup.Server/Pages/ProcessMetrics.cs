using Lookup.Server.Http;
using Lookup.Server.Telemetry;
using Prometheus;

namespace Lookup.Server.Pages;

/// <summary>Updates the metrics of the process, its runtime and its limits at each collection.</summary>
internal sealed class ProcessMetrics
{
    private const string Server = "server";
    private const string Clients = "client_authority";

    public ProcessMetrics(ServiceMetrics metrics, Capacity capacity, ServerTls? tls = null)
    {
        var make = metrics.Factory;
        DotNetStats.Register(metrics.Registry);
        var used = make.CreateGauge("lookup_capacity_used", "How much of a resource is in use; list_slots counts the queue too.", ["resource"]);
        var limit = make.CreateGauge("lookup_capacity_limit", "The limit of a resource.", ["resource"]);
        var queue = make.CreateGauge("lookup_thread_pool_queue", "Work items that wait for a thread.");
        var threads = make.CreateGauge("lookup_thread_pool_threads", "Threads of the pool.");
        var paused = make.CreateCounter("lookup_gc_pause_seconds_total", "Time for which garbage collections paused the process.");
        var expires = make.CreateGauge(
            "lookup_tls_expires_seconds", "When a certificate expires, in Unix seconds; absent without TLS.", ["certificate"]);
        metrics.Registry.AddBeforeCollectCallback(() =>
        {
            foreach (var load in capacity.Loads())
            {
                used.WithLabels(load.Name).Set(load.Used);
                limit.WithLabels(load.Name).Set(load.Limit);
            }

            queue.Set(ThreadPool.PendingWorkItemCount);
            threads.Set(ThreadPool.ThreadCount);
            paused.IncTo(GC.GetTotalPauseDuration().TotalSeconds);
            if (tls is not null)
            {
                expires.WithLabels(Server).Set(tls.Expires.ToUnixTimeSeconds());
                if (tls.ClientsExpire is { } clients)
                {
                    expires.WithLabels(Clients).Set(clients.ToUnixTimeSeconds());
                }
            }
        });
    }
}
