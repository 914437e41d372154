using System.Globalization;
using System.Text.Json.Nodes;
using Lookup.Cli.Output;
using Lookup.V1;

namespace Lookup.Cli.Gates;

/// <summary>Counts what a gate answered, for its summary line. Thread-safe.</summary>
/// <param name="metrics">Counts the same for Prometheus; null for none.</param>
internal sealed class GateTally(GateMetrics? metrics = null)
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, long> _unknown = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _warnings = new(StringComparer.Ordinal);
    private long _allow;
    private long _deny;
    private long _notCovered;
    private long _refused;
    private long _malformed;
    private long _unchecked;
    private TimeSpan _slowest;
    private TimeSpan _total;

    /// <summary>Calls that were decided.</summary>
    public long Calls
    {
        get
        {
            lock (_lock)
            {
                return _allow + _deny + _notCovered + _unknown.Values.Sum();
            }
        }
    }

    public void Add(GateAnswer answer, TimeSpan took)
    {
        metrics?.Add(answer, took);
        lock (_lock)
        {
            _total += took;
            _slowest = took > _slowest ? took : _slowest;
            if (answer.MayCall)
            {
                _allow++;
                if (answer.Warning is { Length: > 0 } warning)
                {
                    _warnings[warning] = _warnings.GetValueOrDefault(warning) + 1;
                }
            }
            else if (answer.WhyNot == Verdict.Deny)
            {
                _deny++;
            }
            else if (answer.WhyNot == Verdict.NotCovered)
            {
                _notCovered++;
            }
            else
            {
                _unknown[answer.Reason] = _unknown.GetValueOrDefault(answer.Reason) + 1;
            }
        }
    }

    /// <summary>Counts a connection or message over a limit, or from an address that is not a peer.</summary>
    public void AddRefused()
    {
        Interlocked.Increment(ref _refused);
        metrics?.AddRefused();
    }

    /// <summary>Counts a request that cannot be read.</summary>
    public void AddMalformed()
    {
        Interlocked.Increment(ref _malformed);
        metrics?.AddMalformed();
    }

    /// <summary>Counts a call to an emergency number, which passes without a check.</summary>
    public void AddUnchecked()
    {
        Interlocked.Increment(ref _unchecked);
        metrics?.AddUnchecked();
    }

    /// <summary>Formats the counts since the start on one line.</summary>
    public string Format(bool json)
    {
        lock (_lock)
        {
            var unknown = _unknown.Values.Sum();
            var calls = _allow + _deny + _notCovered + unknown;
            var mean = calls == 0 ? 0 : _total.TotalMilliseconds / calls;
            if (json)
            {
                return new JsonObject
                {
                    ["calls"] = calls,
                    ["allow"] = _allow,
                    ["deny"] = _deny,
                    ["notCovered"] = _notCovered,
                    ["unknown"] = Counts(_unknown),
                    ["allowedWithWarning"] = Counts(_warnings),
                    ["unchecked"] = Interlocked.Read(ref _unchecked),
                    ["malformed"] = Interlocked.Read(ref _malformed),
                    ["refused"] = Interlocked.Read(ref _refused),
                    ["meanMs"] = Math.Round(mean, 2),
                    ["slowestMs"] = Math.Round(_slowest.TotalMilliseconds, 2),
                }.ToJsonString(JsonText.Options);
            }

            return string.Create(
                CultureInfo.InvariantCulture,
                $"calls {calls}: allow {_allow}{Listed(_warnings)}, deny {_deny}, not covered {_notCovered}, unknown {unknown}{Listed(_unknown)}; unchecked {Interlocked.Read(ref _unchecked)}, malformed {Interlocked.Read(ref _malformed)}, refused {Interlocked.Read(ref _refused)}; mean {mean:0.0} ms, slowest {_slowest.TotalMilliseconds:0.0} ms");
        }
    }

    private static JsonObject Counts(SortedDictionary<string, long> counts) =>
        new(counts.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value)));

    private static string Listed(SortedDictionary<string, long> counts) =>
        counts.Count == 0 ? "" : $" ({string.Join(", ", counts.Select(pair => $"{pair.Key} {pair.Value}"))})";
}
