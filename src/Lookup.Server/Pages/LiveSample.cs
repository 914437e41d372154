using System.Text.Json.Serialization;
using Lookup.Server.Shadow;
using Lookup.Server.Telemetry;

namespace Lookup.Server.Pages;

/// <summary>Decisions of one kind.</summary>
/// <param name="Verdict">As in the contract, in lower case.</param>
/// <param name="Reason">As in the contract, in lower case.</param>
/// <param name="PerSecond">During the sample.</param>
internal sealed record LiveRate(string Verdict, string Reason, double PerSecond);

/// <summary>What the charts show of one second, or of ten. Latencies are in microseconds; rates are per second.</summary>
internal record LivePoint
{
    /// <summary>End of the time that it describes, in Unix milliseconds.</summary>
    public required long Time { get; init; }

    /// <summary>Decisions by verdict and reason, most frequent first, including lists.</summary>
    public required IReadOnlyList<LiveRate> Rates { get; init; }

    /// <summary>Single checks answered a second.</summary>
    public required double Checks { get; init; }

    public required double? P50 { get; init; }

    public required double? P99 { get; init; }

    public required double? P999 { get; init; }

    public required double? Max { get; init; }

    /// <summary>Facts recorded a second, those of imports and registers included.</summary>
    public required double Facts { get; init; }

    /// <summary>Objections recorded a second.</summary>
    public required double Objections { get; init; }

    /// <summary>Memory of the process, in bytes.</summary>
    public required double Memory { get; init; }
}

/// <summary>A second and the state at its end. Latencies are in microseconds, ages in milliseconds.</summary>
internal sealed record LiveSample : LivePoint
{
    /// <summary>Whether calls can be checked, and what is about to stop that.</summary>
    public required Outlook Outlook { get; init; }

    public required bool Serving { get; init; }

    public required string Why { get; init; }

    /// <summary>Latencies of the last five minutes and of the last hour.</summary>
    public required LiveTimes FiveMinutes { get; init; }

    public required LiveTimes Hour { get; init; }

    /// <summary>Age by partition; null if it is not followed.</summary>
    public required IReadOnlyList<double?> Ages { get; init; }

    public required int BoundMs { get; init; }

    public required double WrongAllows { get; init; }

    public required double AuditsConfirmed { get; init; }

    public required double AuditsUnfinished { get; init; }

    /// <summary>The latest causes of failed calls, oldest first. Numbers are masked.</summary>
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

    /// <summary>Registers that are loaded.</summary>
    public required IReadOnlyList<LiveRegister> Registers { get; init; }

    /// <summary>Lists that are being checked.</summary>
    public required IReadOnlyList<LiveList> Lists { get; init; }

    /// <summary>The newest imports of the store.</summary>
    public required IReadOnlyList<LiveImport> Imports { get; init; }

    /// <summary>The newest acts of the admin trail, the latest first.</summary>
    public required IReadOnlyList<LiveAct> Acts { get; init; }

    /// <summary>Limits of this instance, and how much of each is used.</summary>
    public required IReadOnlyList<LiveLoad> Loads { get; init; }

    /// <summary>The point of the hour that ended with this second; null in most seconds.</summary>
    public LivePoint? HourPoint { get; init; }

    /// <summary>All instances that share the store, this one included.</summary>
    public required IReadOnlyList<LiveInstance> Instances { get; init; }
}

/// <summary>What a page draws when it opens: the last five minutes by second, and the last hour by ten seconds.</summary>
internal sealed record LiveHistory(IReadOnlyList<LivePoint> FiveMinutes, IReadOnlyList<LivePoint> Hour);

/// <summary>Latencies of the checks of a time, in microseconds; null without checks.</summary>
internal sealed record LiveTimes(long Checks, double? P50, double? P99, double? P999, double? Max);

/// <summary>A partition's filter.</summary>
/// <param name="Fill">Share of bits set, 0 to 1.</param>
/// <param name="FalsePositives">Estimated false-positive rate, 0 to 1.</param>
internal sealed record LiveFilter(double Fill, double FalsePositives);

/// <summary>A loaded register.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Date">Date of the newest snapshot, in Unix milliseconds.</param>
/// <param name="LimitDays">The most days that the strictest rule accepts; null without a limit.</param>
internal sealed record LiveRegister(string Name, long Date, int? LimitDays);

/// <summary>A list that is being checked.</summary>
internal sealed record LiveList(string Organisation, string Credential, long Started, long Numbers);

/// <summary>An import.</summary>
internal sealed record LiveImport(string Id, string What, string State, string Actor, long Begun, long Ended, long Recorded, long Refused);

/// <summary>An administrative act.</summary>
/// <param name="At">When it was begun, in Unix milliseconds.</param>
/// <param name="Who">The credential, or the user of the tool; empty if none is required.</param>
/// <param name="Act">As in the trail, for example "CreateCredential".</param>
/// <param name="Result">As in the trail; empty: none yet.</param>
internal sealed record LiveAct(long At, string Who, string Act, string Result);

/// <summary>A limit of this instance.</summary>
internal sealed record LiveLoad(string Words, double Used, double Limit);

/// <summary>The summary that an instance publishes.</summary>
internal sealed record LiveInstance
{
    public required string Id { get; init; }

    public required string Host { get; init; }

    public required int Process { get; init; }

    public required string Version { get; init; }

    public required long Started { get; init; }

    /// <summary>When it was published, in Unix milliseconds.</summary>
    public required long At { get; init; }

    public required Outlook Outlook { get; init; }

    /// <summary>Checks a second, decisions a second and latencies of the last five minutes.</summary>
    public required double Checks { get; init; }

    public required double Decisions { get; init; }

    public required double? P50 { get; init; }

    public required double? P99 { get; init; }

    /// <summary>Age of the oldest partition in milliseconds; null if one is not followed.</summary>
    public required double? Age { get; init; }

    public required double WrongAllows { get; init; }

    public required double Memory { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(IReadOnlyList<LiveSample>))]
[JsonSerializable(typeof(IReadOnlyList<LivePoint>))]
[JsonSerializable(typeof(LiveHistory))]
[JsonSerializable(typeof(LiveInstance))]
internal sealed partial class LiveJson : JsonSerializerContext;
