using Lookup.Core.Decisions;

namespace Lookup.Cli.Audit;

/// <summary>The calls of a file by organisation, number and time, for counting attempts; 16 bytes for each.</summary>
internal sealed class CallIndex
{
    // A number has at most 15 digits.
    private const int NumberBits = 50;
    private const int MaxOrganisations = 1 << (64 - NumberBits);

    private readonly SortedRuns<Placed> _calls = new();
    private readonly Dictionary<string, ulong> _organisations = [];

    /// <summary>Reads the calls of a file.</summary>
    /// <exception cref="CliException">The file cannot be read.</exception>
    public static CallIndex Read(CallReader reader, CancellationToken ct)
    {
        var index = new CallIndex();
        while (reader.Read() is { } call)
        {
            ct.ThrowIfCancellationRequested();
            if (call.Number != 0)
            {
                if (!index._organisations.TryGetValue(call.Organisation, out var organisation))
                {
                    organisation = (ulong)index._organisations.Count < MaxOrganisations
                        ? index._organisations[call.Organisation] = (ulong)index._organisations.Count
                        : throw new CliException($"Line {call.Line}: more than {MaxOrganisations} organisations; is --org-column the column of the organisation?");
                }

                index._calls.Add(new Placed((organisation << NumberBits) | call.Number, call.At.ToUnixTimeMilliseconds()));
            }
        }

        index._calls.Complete();
        return index;
    }

    /// <summary>
    /// Returns the times of the newest calls of an organisation to a number before a call, as many as a limit can count, and that of the oldest call.
    /// Thread-safe.
    /// </summary>
    public IReadOnlyCollection<long> Before(CallLine before)
    {
        var times = new List<long>();
        var number = (_organisations[before.Organisation] << NumberBits) | before.Number;
        foreach (var call in _calls.Descending(new Placed(number, before.At.ToUnixTimeMilliseconds() - 1)).TakeWhile(call => call.Number == number))
        {
            // Some dialers write two lines with the same time for one call.
            if (times.Count > 0 && times[^1] == call.At)
            {
                continue;
            }

            if (times.Count == Question.MaxPlacedCalls)
            {
                times[^1] = call.At;
            }
            else
            {
                times.Add(call.At);
            }
        }

        return times;
    }

    // Ordered by number, with its organisation, and time.
    private readonly record struct Placed(ulong Number, long At) : IComparable<Placed>
    {
        public int CompareTo(Placed other) => Number != other.Number ? Number.CompareTo(other.Number) : At.CompareTo(other.At);
    }
}
