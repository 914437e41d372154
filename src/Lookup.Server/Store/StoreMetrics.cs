using Lookup.Redis;
using Lookup.Redis.Writing;
using Lookup.Server.Telemetry;
using Prometheus;

namespace Lookup.Server.Store;

/// <summary>What the store is asked for.</summary>
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

/// <summary>How long the store takes to answer, and what fails.</summary>
internal sealed class StoreMetrics
{
    // What a call counts as that its caller gave up, beside the faults.
    private const string GivenUp = "given_up";

    private static readonly string[] Names = [.. Enum.GetNames<StoreRequest>().Select(ServiceMetrics.Name)];

    private readonly Histogram.Child[] _seconds;
    private readonly Counter _errors;
    private long _failed;

    public StoreMetrics(ServiceMetrics metrics)
    {
        var seconds = metrics.Factory.CreateHistogram(
            "lookup_store_call_duration_seconds",
            "Time of a call to the store that was answered, for a list all its numbers together.",
            ["call"],
            new HistogramConfiguration { Buckets = ServiceMetrics.Buckets });
        _seconds = [.. Names.Select(name => seconds.WithLabels(name))];
        _errors = metrics.Factory.CreateCounter(
            "lookup_store_errors_total",
            "Calls to the store that failed, for a list its numbers, by fault; given_up: the caller did not wait for it.",
            ["call", "fault"]);
        foreach (var fault in Enum.GetValues<StoreFault>())
        {
            _errors.WithLabels(Names[(int)StoreRequest.Read], StoreMonitor.NameOf(fault));
        }
    }

    /// <summary>Calls that failed so far.</summary>
    internal long Errors => Interlocked.Read(ref _failed);

    /// <summary>Takes note of an answer.</summary>
    internal void Answered(StoreRequest call, TimeSpan took) => _seconds[(int)call].Observe(took.TotalSeconds);

    /// <summary>Takes note of a failure. That a caller's name is taken is no failure of the store.</summary>
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
