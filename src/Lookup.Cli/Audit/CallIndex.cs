using Lookup.Core.Decisions;

namespace Lookup.Cli.Audit;

/// <summary>The calls of an organisation to a number.</summary>
/// <param name="Organisation">The organisation of the lines; empty: that of the question.</param>
/// <param name="Number">The number as an integer in E.164.</param>
/// <param name="Times">The start of each selected call in Unix milliseconds, oldest first.</param>
internal sealed record CalledNumber(string Organisation, ulong Number, IReadOnlyList<long> Times);

/// <summary>The calls of a file by organisation, number and time; 16 bytes for each.</summary>
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

                // Forbids at its latest: the second reading of an hour that occurs twice.
                index._calls.Add(Placed.Of((organisation << NumberBits) | call.Number, (call.OtherAt ?? call.At).ToUnixTimeMilliseconds(), call.IsSelected));
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
        foreach (var call in _calls.Descending(Placed.Of(number, before.At.ToUnixTimeMilliseconds() - 1, true)).TakeWhile(call => call.Number == number))
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

    /// <summary>Returns the numbers with selected calls, by organisation. Two lines with the same time are one call.</summary>
    public IEnumerable<CalledNumber> Numbers()
    {
        var names = _organisations.ToDictionary(pair => pair.Value, pair => pair.Key);
        var (number, times) = (ulong.MaxValue, new List<long>());
        foreach (var call in _calls.Ascending().Where(call => call.IsSelected))
        {
            if (call.Number != number && times.Count > 0)
            {
                yield return Called();
                times = [];
            }

            number = call.Number;
            if (times.Count == 0 || times[^1] != call.At)
            {
                times.Add(call.At);
            }
        }

        if (times.Count > 0)
        {
            yield return Called();
        }

        CalledNumber Called() => new(names[number >> NumberBits], number & ((1UL << NumberBits) - 1), times);
    }

    // Ordered by number, with its organisation, and time; the lowest bit says whether the call is selected.
    private readonly record struct Placed(ulong Number, long Bits) : IComparable<Placed>
    {
        internal long At => Bits >> 1;

        internal bool IsSelected => (Bits & 1) != 0;

        internal static Placed Of(ulong number, long at, bool isSelected) => new(number, (at << 1) | (isSelected ? 1L : 0));

        public int CompareTo(Placed other) => Number != other.Number ? Number.CompareTo(other.Number) : Bits.CompareTo(other.Bits);
    }
}
