using Lookup.Redis;
using Lookup.Redis.Writing;
using Lookup.Server.Telemetry;
using Prometheus;

namespace Lookup.Server.Store;

/// <summary>The kinds of calls to the store.</summary>
internal enum StoreRequest : byte
{
    Read,
    ReadList,
    ReadAll,
    Fence,
    Write,
    Erase,
    Registry,
    Poll,
    LoadFilter,
    Probe,
}

/// <summary>Measures the latency and the failures of calls to the store.</summary>
internal sealed class StoreMetrics
{
    // Label of a call that its caller abandoned, in addition to the faults.
    private const string GivenUp = "given_up";

    private static readonly string[] Names = [.. Enum.GetNames<StoreRequest>().Select(ServiceMetrics.Name)];

    private readonly Histogram.Child[] _seconds;
    private readonly Counter _errors;
    private long _failed;

    public StoreMetrics(ServiceMetrics metrics)
    {
        var seconds = metrics.Factory.CreateHistogram(
            "lookup_store_call_duration_seconds",
            "Latency of answered calls to the store; one call reads all numbers of a list chunk.",
            ["call"],
            new HistogramConfiguration { Buckets = ServiceMetrics.Buckets });
        _seconds = [.. Names.Select(name => seconds.WithLabels(name))];
        _errors = metrics.Factory.CreateCounter(
            "lookup_store_errors_total",
            "Failed calls to the store by fault, for a list counted per number; given_up: the caller stopped waiting.",
            ["call", "fault"]);
        foreach (var fault in Enum.GetValues<StoreFault>())
        {
            _errors.WithLabels(Names[(int)StoreRequest.Read], StoreMonitor.NameOf(fault));
        }
    }

    /// <summary>Failed calls so far.</summary>
    internal long Errors => Interlocked.Read(ref _failed);

    /// <summary>Records an answered call.</summary>
    internal void Answered(StoreRequest call, TimeSpan took) => _seconds[(int)call].Observe(took.TotalSeconds);

    /// <summary>Records a failed call. A name collision is the caller's fault and does not count.</summary>
    internal void Failed(StoreRequest call, Exception e)
    {
        if (e is NameCollisionException)
        {
            return;
        }

        var fault = e switch
        {
            StoreUnavailableException unavailable => StoreMonitor.NameOf(unavailable.Fault),
            OperationCanceledException => GivenUp,
            _ => StoreMonitor.Unknown,
        };
        _errors.WithLabels(Names[(int)call], fault).Inc();
        Interlocked.Increment(ref _failed);
    }
}
