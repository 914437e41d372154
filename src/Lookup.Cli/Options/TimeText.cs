using System.Globalization;

namespace Lookup.Cli.Options;

/// <summary>
/// Parses times as users write them: ISO 8601 with an offset, "2024-03-12T14:00:00+01:00" or "...Z". A time without an
/// offset, or a date alone (its midnight), requires a time zone.
/// </summary>
internal static class TimeText
{
    /// <summary>An example for messages.</summary>
    public const string Example = "2024-03-12T14:00:00+01:00";

    /// <summary>Part of the message about a missing offset, for commands that have --timezone.</summary>
    public const string ZoneHint = ", or set --timezone";

    /// <summary>Parses a time; <paramref name="fault"/> completes a sentence that starts with the text.</summary>
    public static bool TryParse(string text, TimeZoneInfo? zone, out DateTimeOffset time, out string fault) =>
        TryParseRange(text, zone, out time, out _, out fault);

    /// <summary>Parses the first and the last moment that a text can mean.</summary>
    /// <param name="text">The text.</param>
    /// <param name="zone">The zone of times without an offset; null: they are rejected.</param>
    /// <param name="first">The time as written; of a local time that occurs twice, the first pass.</param>
    /// <param name="last">
    /// The last millisecond of the day for a date or a midnight, else of the minute or second as written; of a local time that occurs
    /// twice, in the second pass.
    /// </param>
    /// <param name="fault">Completes a sentence that starts with the text.</param>
    public static bool TryParseRange(string text, TimeZoneInfo? zone, out DateTimeOffset first, out DateTimeOffset last, out string fault)
    {
        first = last = default;
        fault = $"is not a time; write it like {Example}";
        var rest = text.AsSpan().Trim();
        if (!TryDate(ref rest, out var local))
        {
            return false;
        }

        var (ticks, unit) = (0L, TimeSpan.TicksPerDay);
        if (rest.Length > 0)
        {
            if (rest[0] is not ('T' or 't' or ' ') || !TryTimeOfDay(rest[1..], out ticks, out unit, out rest))
            {
                return false;
            }

            local = local.AddTicks(ticks);
        }

        // Databases and spreadsheets write a date as its midnight.
        var isDay = ticks == 0;
        var end = local.AddTicks((isDay ? TimeSpan.TicksPerDay : unit) - TimeSpan.TicksPerMillisecond);
        if (rest.Length > 0)
        {
            if (!TryOffset(rest, out var offset) || !TryAt(local, offset, out first))
            {
                return false;
            }

            last = TryAt(end, offset, out var written) ? written : first;
            if (zone is not null && TimeZoneInfo.ConvertTime(first, zone) is { TimeOfDay.Ticks: 0 } midnight)
            {
                last = Later(last, LastOf(midnight.DateTime.AddTicks(TimeSpan.TicksPerDay - TimeSpan.TicksPerMillisecond), zone));
            }

            return true;
        }

        if (zone is null)
        {
            fault = $"has no offset; write it like {Example}{ZoneHint}";
            return false;
        }

        // Where clocks are set forward at midnight, the day starts later.
        while (isDay && zone.IsInvalidTime(local))
        {
            local = local.AddMinutes(1);
        }

        if (zone.IsInvalidTime(local))
        {
            fault = $"does not exist in {zone.Id}: clocks were set forward past it";
            return false;
        }

        if (!TryAt(local, zone.IsAmbiguousTime(local) ? zone.GetAmbiguousTimeOffsets(local).Max() : zone.GetUtcOffset(local), out first))
        {
            return false;
        }

        last = Later(first, LastOf(end, zone));
        return true;
    }

    /// <summary>Returns the last moment that a valid text can mean, or the present one if that is earlier.</summary>
    /// <param name="text">The text.</param>
    /// <param name="zone">The zone of times without an offset.</param>
    /// <param name="now">The present moment. A time after it stays as written.</param>
    public static DateTimeOffset LatestOf(string text, TimeZoneInfo? zone, DateTimeOffset now)
    {
        TryParseRange(text, zone, out var first, out var last, out _);
        return last <= now ? last : Later(first, now);
    }

    /// <summary>Returns the second reading of a text whose local time occurs twice; null if it occurs once, or the text has an offset.</summary>
    /// <param name="text">The text.</param>
    /// <param name="first">The first reading, from <see cref="TryParse"/>.</param>
    /// <param name="zone">The zone of times without an offset.</param>
    public static DateTimeOffset? LaterReading(string text, DateTimeOffset first, TimeZoneInfo? zone) =>
        zone?.IsAmbiguousTime(first.DateTime) == true && TryParse(text, zone, out _, out _) && !TryParse(text, null, out _, out _)
            ? new DateTimeOffset(first.DateTime, zone.GetAmbiguousTimeOffsets(first.DateTime).Min())
            : null;

    /// <summary>
    /// Formats a time for people, in a zone that the reader knows: "Mon 2026-11-30 09:00 +01:00". In UTC if the zone is empty or this
    /// machine does not know it. Seconds appear where they are not zero.
    /// </summary>
    public static string Local(DateTimeOffset time, string zone)
    {
        var known = TimeZoneInfo.TryFindSystemTimeZoneById(zone, out var found);
        var local = known ? TimeZoneInfo.ConvertTime(time, found!) : time.ToUniversalTime();
        return local.ToString(local.Second == 0 ? "ddd yyyy-MM-dd HH:mm" : "ddd yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)
            + (known ? local.ToString(" zzz", CultureInfo.InvariantCulture) : " UTC");
    }

    /// <summary>Formats a time like <see cref="Local"/> and names the zone: "Mon 2026-11-30 09:00 +01:00 (Europe/Amsterdam)".</summary>
    public static string LocalWithZone(DateTimeOffset time, string zone) =>
        Local(time, zone) + (TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _) ? $" ({zone})" : "");

    /// <summary>Formats the time as of which a register is loaded: its day, "2026-11-30 (Europe/Amsterdam)", or the time if it is not a midnight.</summary>
    public static string DayOf(DateTimeOffset time, string zone) =>
        TimeZoneInfo.TryFindSystemTimeZoneById(zone, out var known) && TimeZoneInfo.ConvertTime(time, known) is { TimeOfDay.Ticks: 0 } local
            ? $"{local.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)} ({zone})"
            : LocalWithZone(time, zone);

    /// <summary>Returns whether a valid text is a date alone, which <see cref="TryParse"/> reads as its midnight.</summary>
    public static bool IsDay(string text) => !text.Contains(':', StringComparison.Ordinal) && text.Any(char.IsAsciiDigit);

    /// <summary>Formats a time in ISO 8601 with its own offset.</summary>
    public static string Format(DateTimeOffset time) =>
        time.Millisecond == 0
            ? time.ToString(time.Offset == TimeSpan.Zero ? "yyyy-MM-dd'T'HH:mm:ss'Z'" : "yyyy-MM-dd'T'HH:mm:sszzz", CultureInfo.InvariantCulture)
            : time.ToString(time.Offset == TimeSpan.Zero ? "yyyy-MM-dd'T'HH:mm:ss.fff'Z'" : "yyyy-MM-dd'T'HH:mm:ss.fffzzz", CultureInfo.InvariantCulture);

    private static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset other) => one >= other ? one : other;

    // The moment of a local time in the second pass if it occurs twice, or before the gap if the clock skips it.
    private static DateTimeOffset LastOf(DateTime local, TimeZoneInfo zone)
    {
        while (zone.IsInvalidTime(local))
        {
            local = local.AddMinutes(-1);
        }

        return TryAt(local, zone.IsAmbiguousTime(local) ? zone.GetAmbiguousTimeOffsets(local).Min() : zone.GetUtcOffset(local), out var time)
            ? time
            : default;
    }

    // Near the ends of the calendar the offset would overflow it.
    private static bool TryAt(DateTime local, TimeSpan offset, out DateTimeOffset time)
    {
        var isInside = local.Ticks - offset.Ticks is >= 0 and <= 3155378975999999999;
        time = isInside ? new DateTimeOffset(local, offset) : default;
        return isInside;
    }

    private static bool TryDate(ref ReadOnlySpan<char> text, out DateTime date)
    {
        date = default;
        if (text.Length < 10 || text[4] != '-' || text[7] != '-' || !Digits(text[..4], out var year) ||
            !Digits(text.Slice(5, 2), out var month) || !Digits(text.Slice(8, 2), out var day) ||
            year < 1 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month))
        {
            return false;
        }

        date = new DateTime(year, month, day);
        text = text[10..];
        return true;
    }

    private static bool TryTimeOfDay(ReadOnlySpan<char> text, out long ticks, out long unit, out ReadOnlySpan<char> rest)
    {
        (ticks, unit) = (0, TimeSpan.TicksPerMinute);
        rest = text;
        if (text.Length < 5 || text[2] != ':' || !Digits(text[..2], out var hour) || !Digits(text.Slice(3, 2), out var minute) ||
            hour > 23 || minute > 59)
        {
            return false;
        }

        rest = text[5..];
        ticks = (hour * TimeSpan.TicksPerHour) + (minute * TimeSpan.TicksPerMinute);
        if (rest.Length == 0 || rest[0] != ':')
        {
            return true;
        }

        if (rest.Length < 3 || !Digits(rest.Slice(1, 2), out var second) || second > 59)
        {
            return false;
        }

        ticks += second * TimeSpan.TicksPerSecond;
        unit = TimeSpan.TicksPerSecond;
        rest = rest[3..];
        if (rest.Length == 0 || rest[0] != '.')
        {
            return true;
        }

        var length = 0;
        while (length + 1 < rest.Length && char.IsAsciiDigit(rest[length + 1]))
        {
            length++;
        }

        if (length is < 1 or > 9)
        {
            return false;
        }

        // Times are stored in milliseconds.
        for (var i = 0; i < 3 && i < length; i++)
        {
            unit /= 10;
            ticks += (rest[i + 1] - '0') * unit;
        }

        rest = rest[(length + 1)..];
        return true;
    }

    private static bool TryOffset(ReadOnlySpan<char> text, out TimeSpan offset)
    {
        offset = TimeSpan.Zero;
        if (text is "Z" or "z")
        {
            return true;
        }

        if (text[0] is not ('+' or '-') || text.Length is not (6 or 5) || (text.Length == 6 && text[3] != ':') ||
            !Digits(text.Slice(1, 2), out var hours) || !Digits(text[^2..], out var minutes) || hours > 14 || minutes > 59)
        {
            return false;
        }

        offset = new TimeSpan(hours, minutes, 0);
        if (offset > TimeSpan.FromHours(14))
        {
            return false;
        }

        offset = text[0] == '-' ? -offset : offset;
        return true;
    }

    private static bool Digits(ReadOnlySpan<char> text, out int value)
    {
        value = 0;
        foreach (var c in text)
        {
            if (!char.IsAsciiDigit(c))
            {
                return false;
            }

            value = (value * 10) + (c - '0');
        }

        return true;
    }
}
