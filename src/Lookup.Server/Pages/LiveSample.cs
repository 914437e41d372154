using System.Text.Json.Serialization;
using Lookup.Server.Shadow;
using Lookup.Server.Telemetry;

namespace Lookup.Server.Pages;

/// <summary>Decisions of one kind.</summary>
/// <param name="Verdict">As in the contract, in lower case.</param>
/// <param name="Reason">As in the contract, in lower case.</param>
/// <param name="PerSecond">In the last second.</param>
internal sealed record LiveRate(string Verdict, string Reason, double PerSecond);

/// <summary>The service in one second. Times of calls are in microseconds, ages in milliseconds.</summary>
internal sealed record LiveSample
{
    public required long Time { get; init; }

    public required bool Serving { get; init; }

    public required string Why { get; init; }

    /// <summary>Decisions of the last second by verdict and reason, the most first; those of lists too.</summary>
    public required IReadOnlyList<LiveRate> Rates { get; init; }

    /// <summary>Single checks answered a second.</summary>
    public required double Checks { get; init; }

    public required double? P50 { get; init; }

    public required double? P99 { get; init; }

    public required double? P999 { get; init; }

    public required double? Max { get; init; }

    /// <summary>By partition; null where it is not followed.</summary>
    public required IReadOnlyList<double?> Ages { get; init; }

    public required int BoundMs { get; init; }

    public required double WrongAllows { get; init; }

    public required double AuditsConfirmed { get; init; }

    public required double AuditsUnfinished { get; init; }

    /// <summary>The last ones, the oldest first. Numbers are masked.</summary>
    public required IReadOnlyList<RecentError> Errors { get; init; }

    /// <summary>What the last probe found of the store: ok, or the name of a fault as in the metrics.</summary>
    public required string Store { get; init; }

    /// <summary>Servers of the store.</summary>
    public required int Servers { get; init; }

    /// <summary>Servers that have fallen silent: their circuit is open.</summary>
    public required int SilentServers { get; init; }

    /// <summary>Calls to the store that failed, a second.</summary>
    public required double StoreErrors { get; init; }

    /// <summary>Numbers answered from the record cache, a second.</summary>
    public required double CacheHits { get; init; }

    /// <summary>Numbers looked for in the record cache that had to be read, a second.</summary>
    public required double CacheMisses { get; init; }

    /// <summary>Numbers read because a filter knew something of them, rightly, a second.</summary>
    public required double FilterConfirmed { get; init; }

    /// <summary>The same for nothing.</summary>
    public required double FalsePositives { get; init; }

    /// <summary>By partition; null where it is not followed, or was not looked at yet.</summary>
    public required IReadOnlyList<LiveFilter?> Filters { get; init; }

    public required Instance Instance { get; init; }

    /// <summary>Rules whose sources were not checked for a year, in one sentence; null for none.</summary>
    public required string? Unverified { get; init; }

    /// <summary>What the shadow regimes came to since the start; null where there are none.</summary>
    public required LiveShadow? Shadow { get; init; }
}

/// <summary>A partition's filter.</summary>
/// <param name="Fill">Part of its bits that are set, 0 to 1.</param>
/// <param name="FalsePositives">Part of unknown facts that it takes for known, by its bits, 0 to 1.</param>
internal sealed record LiveFilter(double Fill, double FalsePositives);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, GenerationMode = JsonSourceGenerationMode.Serialization)]
[JsonSerializable(typeof(IReadOnlyList<LiveSample>))]
internal sealed partial class LiveJson : JsonSerializerContext;
