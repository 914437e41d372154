using Google.Protobuf.WellKnownTypes;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;

namespace Lookup.Server.Errors;

/// <summary>Reads single fields of requests. What is wrong goes to a list that is made when the first fault is found.</summary>
internal static class FieldFaults
{
    /// <summary>Times taken: 1970 to 2200, in Unix milliseconds.</summary>
    private const long MaxTime = 7_258_118_400_000;

    // What google.protobuf.Timestamp holds: the years 1 to 9999.
    private static readonly long FirstTime = DateTimeOffset.MinValue.ToUnixTimeMilliseconds();
    private static readonly long LastTime = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    /// <summary>Most faults that a caller sees. A list with more of them has one more entry, whichever that is.</summary>
    internal const int Max = 20;

    /// <summary>Adds a fault, unless the list is full.</summary>
    internal static void Add(ref List<FieldFault>? faults, string field, string description)
    {
        if (!IsFull(faults ??= []))
        {
            faults.Add(new FieldFault(field, description));
        }
    }

    /// <summary>Returns whether a list takes no more faults, so that nothing need be looked for.</summary>
    internal static bool IsFull(List<FieldFault>? faults) => faults?.Count > Max;

    /// <summary>Throws INVALID_ARGUMENT with all that was found.</summary>
    internal static void ThrowIfAny(List<FieldFault>? faults)
    {
        if (faults is not null)
        {
            throw Errors.RpcErrors.Invalid(faults);
        }
    }

    internal static PhoneNumber Number(string text, string defaultRegion, ref List<FieldFault>? faults)
    {
        if (NumberParser.Instance.TryParse(text, defaultRegion.Length == 0 ? null : defaultRegion, out var number, out var fault))
        {
            return number;
        }

        Add(ref faults, fault == NumberFault.UnknownRegion ? "default_region" : "number", fault.Describe());
        return default;
    }

    /// <summary>
    /// The numbers under which facts of one subscriber may be stored: its value, and what was given where that is another integer. An
    /// earlier version stored it, or its plan has given it up. Empty with a fault.
    /// </summary>
    internal static IReadOnlyList<PhoneNumber> StoredNumbers(string text, string defaultRegion, ref List<FieldFault>? faults)
    {
        var isStored = NumberParser.TryParseStored(text, out var stored);
        if (NumberParser.Instance.TryParse(text, defaultRegion.Length == 0 ? null : defaultRegion, out var number, out _))
        {
            return isStored && stored != number ? [number, stored] : [number];
        }

        if (isStored)
        {
            return [stored];
        }

        Number(text, defaultRegion, ref faults);
        return [];
    }

    /// <summary>A time, in Unix milliseconds; parts of a millisecond are cut off.</summary>
    internal static bool TryTime(Timestamp value, out long milliseconds)
    {
        milliseconds = 0;
        if (value.Seconds < 0 || value.Seconds > MaxTime / 1000 || value.Nanos is < 0 or > 999_999_999)
        {
            return false;
        }

        milliseconds = value.Seconds * 1000 + value.Nanos / 1_000_000;
        return true;
    }

    /// <summary>As <see cref="TryTime"/>, with the fault; null where nothing is given or it is wrong.</summary>
    internal static long? Time(Timestamp? value, string field, ref List<FieldFault>? faults)
    {
        if (value is null)
        {
            return null;
        }

        if (TryTime(value, out var milliseconds))
        {
            return milliseconds;
        }

        Add(ref faults, field, "A time from 1970 to 2200 is expected.");
        return null;
    }

    /// <summary>What is said where a text is no name.</summary>
    internal const string NameRule = "1 to 64 characters of [a-z0-9._-] are expected.";

    /// <summary>Whether a text is a name: 1 to 64 characters of [a-z0-9._-].</summary>
    internal static bool IsName(string text)
    {
        if (text.Length is 0 or > 64)
        {
            return false;
        }

        foreach (var c in text)
        {
            if (!char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && c is not ('.' or '_' or '-'))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Checks a free text that is stored, see <see cref="PlainText"/>.</summary>
    internal static void CheckText(string text, int max, string field, ref List<FieldFault>? faults)
    {
        if (text.Length > max)
        {
            Add(ref faults, field, $"Longer than {max} characters.");
        }
        else if (PlainText.Fault(text) is { } fault)
        {
            Add(ref faults, field, fault);
        }
    }

    internal static void CheckEnum(int value, int max, string field, ref List<FieldFault>? faults)
    {
        if (value < 0 || value > max)
        {
            Add(ref faults, field, "This version knows no such value.");
        }
    }

    /// <summary>A time of the contract; one that it cannot hold becomes its first or last, since no answer with it could be written.</summary>
    /// <param name="milliseconds">Unix milliseconds.</param>
    internal static Timestamp ToTimestamp(long milliseconds)
    {
        milliseconds = Math.Clamp(milliseconds, FirstTime, LastTime);
        var seconds = Math.DivRem(milliseconds, 1000, out var rest);
        // Before 1970 the parts of a second count forward too.
        return rest < 0
            ? new Timestamp { Seconds = seconds - 1, Nanos = (int)(rest + 1000) * 1_000_000 }
            : new Timestamp { Seconds = seconds, Nanos = (int)rest * 1_000_000 };
    }
}
