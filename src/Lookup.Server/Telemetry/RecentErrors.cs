using Grpc.Core;

namespace Lookup.Server.Telemetry;

/// <summary>Failed calls of one cause: the same method, status, message and caller.</summary>
/// <param name="At">When the latest one failed.</param>
/// <param name="Method">The method.</param>
/// <param name="Status">The status.</param>
/// <param name="Detail">The message to the caller, numbers masked.</param>
/// <param name="Caller">The credential, or the address if none is required.</param>
/// <param name="Organisation">The organisation that the request names; empty if unknown. Numbers are masked.</param>
/// <param name="Count">How many failed since this cause was first seen.</param>
internal sealed record RecentError(
    DateTimeOffset At, string Method, string Status, string Detail, string Caller, string Organisation, long Count);

/// <summary>Remembers the latest causes of failed calls. A new cause replaces the one that was not seen for the longest time. Thread-safe.</summary>
internal sealed class RecentErrors
{
    private const int Max = 50;

    private readonly Lock _gate = new();
    private readonly List<RecentError> _latestLast = [];

    internal void Add(string method, StatusCode status, string detail, string caller, string organisation, DateTimeOffset at)
    {
        var added = new RecentError(at, method, status.ToString(), Redaction.Mask(detail), caller, Redaction.Mask(organisation), 1);
        lock (_gate)
        {
            var known = _latestLast.FindIndex(one => one with { At = at, Count = 1 } == added);
            if (known >= 0)
            {
                added = added with { Count = _latestLast[known].Count + 1 };
                _latestLast.RemoveAt(known);
            }
            else if (_latestLast.Count == Max)
            {
                _latestLast.RemoveAt(0);
            }

            _latestLast.Add(added);
        }
    }

    /// <summary>Returns the causes, the latest last.</summary>
    internal IReadOnlyList<RecentError> All()
    {
        lock (_gate)
        {
            return [.. _latestLast];
        }
    }
}
