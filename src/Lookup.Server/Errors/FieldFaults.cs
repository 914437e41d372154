using Google.Protobuf.WellKnownTypes;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;

namespace Lookup.Server.Errors;

/// <summary>Reads and checks single fields of requests. Creates the list of faults when it finds the first one.</summary>
internal static class FieldFaults
{
    /// <summary>The latest accepted time, in Unix milliseconds: the year 2200.</summary>
    private const long MaxTime = 7_258_118_400_000;

    // The range of google.protobuf.Timestamp: the years 1 to 9999.
    private static readonly long FirstTime = DateTimeOffset.MinValue.ToUnixTimeMilliseconds();
    private static readonly long LastTime = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    /// <summary>The most faults a response lists. A list with one more entry means that there are more.</summary>
    internal const int Max = 20;

    /// <summary>Adds a fault, unless the list is full.</summary>
    internal static void Add(ref List<FieldFault>? faults, string field, string description)
    {
        if (!IsFull(faults ??= []))
        {
            faults.Add(new FieldFault(field, description));
        }
    }

    /// <summary>Returns whether a list is full, so that checking can stop.</summary>
    internal static bool IsFull(List<FieldFault>? faults) => faults?.Count > Max;

    /// <summary>Throws INVALID_ARGUMENT with every fault, if there is one.</summary>
    internal static void ThrowIfAny(List<FieldFault>? faults)
    {
        if (faults is not null)
        {
            throw RpcErrors.Invalid(faults);
        }
    }

    internal static PhoneNumber Number(string text, string defaultRegion, ref List<FieldFault>? faults)
    {
        if (!CheckRegion(defaultRegion, ref faults))
        {
            return default;
        }

        if (NumberParser.Instance.TryParse(text, defaultRegion.Length == 0 ? null : defaultRegion, out var number, out var fault))
        {
            return number;
        }

        Add(ref faults, "number", fault.Describe());
        return default;
    }

    /// <summary>Adds a fault if a region is unknown, also where the number does not need it: the next one may.</summary>
    internal static bool CheckRegion(string code, ref List<FieldFault>? faults)
    {
        if (code.Length == 0 || NumberParser.Instance.IsRegion(code))
        {
            return true;
        }

        Add(ref faults, "default_region", NumberFault.UnknownRegion.Describe());
        return false;
    }

    /// <summary>
    /// Returns the numbers under which facts of one subscriber may be stored: the parsed number, and the digits as given if they differ. An
    /// earlier version may have stored those, or the number plan has since dropped them. Empty if a fault was added.
    /// </summary>
    internal static IReadOnlyList<PhoneNumber> StoredNumbers(string text, string defaultRegion, ref List<FieldFault>? faults)
    {
        if (!CheckRegion(defaultRegion, ref faults))
        {
            return [];
        }

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

    /// <summary>Converts a time to Unix milliseconds, rounded down. Returns false outside 1970 to 2200.</summary>
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

    /// <summary>Reads a time as <see cref="TryTime"/> does and adds a fault if it is invalid. Returns null if it is missing or invalid.</summary>
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

        Add(ref faults, field, "Must be a time from 1970 to 2200.");
        return null;
    }

    /// <summary>The error for a text that is not a name.</summary>
    internal const string NameRule = "Must be 1 to 64 characters of [a-z0-9._-].";

    /// <summary>The error for a required field that is missing.</summary>
    internal const string Required = "Required.";

    /// <summary>Returns whether a text is a name: 1 to 64 characters of [a-z0-9._-].</summary>
    internal static bool IsName(string text) => Core.Facts.NameRule.IsName(text);

    /// <summary>Checks a free text before it is stored; see <see cref="PlainText"/>.</summary>
    internal static void CheckText(string text, int max, string field, ref List<FieldFault>? faults)
    {
        if (text.Length > max)
        {
            Add(ref faults, field, $"{text.Length} characters; at most {max} are allowed.");
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
            Add(ref faults, field, $"{value} is not a value this version knows.");
        }
    }

    /// <summary>Converts Unix milliseconds to a Timestamp. A time outside its range becomes the first or last one, so that a response can always be written.</summary>
    internal static Timestamp ToTimestamp(long milliseconds)
    {
        milliseconds = Math.Clamp(milliseconds, FirstTime, LastTime);
        var seconds = Math.DivRem(milliseconds, 1000, out var rest);
        // Nanos are never negative, also before 1970.
        return rest < 0
            ? new Timestamp { Seconds = seconds - 1, Nanos = (int)(rest + 1000) * 1_000_000 }
            : new Timestamp { Seconds = seconds, Nanos = (int)rest * 1_000_000 };
    }
}
