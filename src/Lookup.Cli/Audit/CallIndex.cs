using Lookup.Core.Decisions;

namespace Lookup.Cli.Audit;

/// <summary>The calls of a file by number and time, for counting attempts; 16 bytes for each.</summary>
internal sealed class CallIndex
{
    private readonly SortedRuns<Placed> _calls = new();

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
                index._calls.Add(new Placed(call.Number, call.At.ToUnixTimeMilliseconds()));
            }
        }

        index._calls.Complete();
        return index;
    }

    /// <summary>
    /// Returns the times of the newest calls to a number before a time, as many as a limit can count, and that of the oldest call.
    /// Thread-safe.
    /// </summary>
    public IReadOnlyCollection<long> Before(ulong number, long at)
    {
        var times = new List<long>();
        foreach (var call in _calls.Descending(new Placed(number, at - 1)).TakeWhile(call => call.Number == number))
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

    // Ordered by number and time.
    private readonly record struct Placed(ulong Number, long At) : IComparable<Placed>
    {
        public int CompareTo(Placed other) => Number != other.Number ? Number.CompareTo(other.Number) : At.CompareTo(other.At);
    }
}
