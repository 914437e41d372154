using System.Text.Json.Serialization;
using Lookup.Server.Shadow;
using Lookup.Server.Telemetry;

namespace Lookup.Server.Pages;

/// <summary>Decisions of one kind.</summary>
/// <param name="Verdict">As in the contract, in lower case.</param>
/// <param name="Reason">As in the contract, in lower case.</param>
/// <param name="PerSecond">In the last second.</param>
internal sealed record LiveRate(string Verdict, string Reason, double PerSecond);

/// <summary>A sample of one second. Latencies are in microseconds, ages in milliseconds.</summary>
internal sealed record LiveSample
{
    public required long Time { get; init; }

    public required bool Serving { get; init; }

    public required string Why { get; init; }

    /// <summary>Decisions of the last second by verdict and reason, most frequent first, including lists.</summary>
    public required IReadOnlyList<LiveRate> Rates { get; init; }

    /// <summary>Single checks answered a second.</summary>
    public required double Checks { get; init; }

    public required double? P50 { get; init; }

    public required double? P99 { get; init; }

    public required double? P999 { get; init; }

    public required double? Max { get; init; }

    /// <summary>Age by partition; null if it is not followed.</summary>
    public required IReadOnlyList<double?> Ages { get; init; }

    public required int BoundMs { get; init; }

    public required double WrongAllows { get; init; }

    public required double AuditsConfirmed { get; init; }

    public required double AuditsUnfinished { get; init; }

    /// <summary>The latest errors, oldest first. Numbers are masked.</summary>
    public required IReadOnlyList<RecentError> Errors { get; init; }

    /// <summary>State of the store at the last probe: ok, or the name of a fault as in the metrics.</summary>
    public required string Store { get; init; }

    /// <summary>Servers of the store.</summary>
    public required int Servers { get; init; }

    /// <summary>Unresponsive servers, whose circuit is open.</summary>
    public required int SilentServers { get; init; }

    /// <summary>Failed calls to the store a second.</summary>
    public required double StoreErrors { get; init; }

    /// <summary>Numbers answered from the fact cache a second.</summary>
    public required double CacheHits { get; init; }

    /// <summary>Numbers not in the fact cache that had to be read, a second.</summary>
    public required double CacheMisses { get; init; }

    /// <summary>Numbers read after a filter hit that had facts, a second.</summary>
    public required double FilterConfirmed { get; init; }

    /// <summary>Numbers read after a filter hit that had no facts, a second.</summary>
    public required double FalsePositives { get; init; }

    /// <summary>Filter by partition; null if it is not followed or not scanned yet.</summary>
    public required IReadOnlyList<LiveFilter?> Filters { get; init; }

    public required Instance Instance { get; init; }

    /// <summary>One sentence about rules whose sources were not verified for a year; null for none.</summary>
    public required string? Unverified { get; init; }

    /// <summary>The shadow comparison since the start; null without shadow regimes.</summary>
    public required LiveShadow? Shadow { get; init; }
}

/// <summary>A partition's filter.</summary>
/// <param name="Fill">Share of bits set, 0 to 1.</param>
/// <param name="FalsePositives">Estimated false-positive rate, 0 to 1.</param>
internal sealed record LiveFilter(double Fill, double FalsePositives);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, GenerationMode = JsonSourceGenerationMode.Serialization)]
[JsonSerializable(typeof(IReadOnlyList<LiveSample>))]
internal sealed partial class LiveJson : JsonSerializerContext;
