using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Google.Protobuf.WellKnownTypes;

namespace Lookup.Cli.Options;

/// <summary>Parses option values: words of the contract, times, time zones, addresses and ranges.</summary>
internal static class OptionParsing
{
    /// <summary>Reads an IP address with a port, as --listen gives it.</summary>
    /// <exception cref="CliException">It is not one.</exception>
    public static IPEndPoint Listen(string text, string example)
    {
        var colon = text.LastIndexOf(':');
        return colon > 0 && int.TryParse(text[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            && port <= IPEndPoint.MaxPort && TryAddress(text[..colon].Trim('[', ']'), out var address)
            ? new IPEndPoint(address, port)
            : throw CliException.Usage($"--listen '{text}' is not an IP address with a port from 0 to 65535; write it like {example}.");
    }

    /// <summary>
    /// Reads an IP address. Other forms of IPv4 than four decimal numbers are refused: 10.1 is 10.0.0.1, and 010.0.0.1 is 8.0.0.1.
    /// </summary>
    public static bool TryAddress(string text, out IPAddress address) =>
        IPAddress.TryParse(text, out address!) && (address.AddressFamily != AddressFamily.InterNetwork || address.ToString() == text);

    /// <summary>Creates an option that accepts one word of a set.</summary>
    public static Option<string?> Word<T>(string name, string description, WordSet<T> words, string helpName, string? standard = null)
        where T : struct, System.Enum
    {
        var option = new Option<string?>(name) { Description = $"{description}: {words.List}{(standard is null ? "" : "; default: " + standard)}.", HelpName = helpName };
        option.CompletionSources.Add([.. words.All]);
        return option;
    }

    public static T GetWord<T>(this ParseResult parsed, Option<string?> option, WordSet<T> words)
        where T : struct, System.Enum =>
        parsed.GetValue(option) is { } text ? words.Parse(option.Name, text) : default;

    public static T Parse<T>(this WordSet<T> words, string option, string text)
        where T : struct, System.Enum =>
        words.TryParse(text, out var value) ? value : throw CliException.Usage($"{option} '{text}' is not valid; use one of {words.List}.");

    public static Timestamp? GetTime(this ParseResult parsed, Option<string?> option, TimeZoneInfo? zone = null)
    {
        if (parsed.GetValue(option) is not { } text)
        {
            return null;
        }

        return TimeText.TryParse(text, zone, out var time, out var fault)
            ? Timestamp.FromDateTimeOffset(time)
            : throw CliException.Usage(
                $"{option.Name} '{text}' {(parsed.CommandResult.Command.Options.Any(o => o.Name == "--timezone") ? fault : fault.Replace(TimeText.ZoneHint, "", StringComparison.Ordinal))}.");
    }

    /// <summary>Returns the option's value, which must lie between <paramref name="least"/> and <paramref name="most"/>, both included.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="option">The option.</param>
    /// <param name="least">The minimum.</param>
    /// <param name="most">The maximum.</param>
    /// <param name="unit">The unit for the error message, for example "seconds"; may be empty.</param>
    public static T GetWithin<T>(this ParseResult parsed, Option<T> option, T least, T most, string unit = "")
        where T : struct, IComparable<T>
    {
        var value = parsed.GetValue(option);
        // NaN compares below every number.
        return value.CompareTo(least) >= 0 && value.CompareTo(most) <= 0
            ? value
            : throw CliException.Usage(string.Create(
                CultureInfo.InvariantCulture, $"{option.Name} {value} is out of range: {least} to {most}{(unit.Length > 0 ? " " : "")}{unit}."));
    }

    /// <summary>Rejects an integer outside a range, both ends included, when the command line is parsed.</summary>
    public static void MustBe(this Option<int> option, int least, int most, string what) => option.Validators.Add(result =>
    {
        if (result.Tokens.Count == 1 && (result.GetValueOrDefault<int>() < least || result.GetValueOrDefault<int>() > most))
        {
            result.AddError($"{option.Name} must be {what}, {least} to {most}.");
        }
    });

    /// <summary>Creates --share: the share of time that background work may use while services run.</summary>
    /// <param name="standard">The default, in percent.</param>
    public static Option<int> Share(int standard)
    {
        var option = new Option<int>("--share")
        {
            Description = "Share of time to work, in percent, 1 to 100; the rest is left to checks and writes.",
            HelpName = "PERCENT",
            DefaultValueFactory = _ => standard,
        };
        option.MustBe(1, 100, "a whole number of percent");
        return option;
    }

    public static Option<string?> TimeZone() => new("--timezone")
    {
        Description = "Time zone of times without an offset, for example Europe/Amsterdam; default: such times are rejected.",
        HelpName = "ZONE",
    };

    /// <summary>Returns the option's day; null if it is not set.</summary>
    public static DateOnly? GetDay(this ParseResult parsed, Option<string?> option) =>
        parsed.GetValue(option) is not { } text ? null
        : DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) ? day
        : throw CliException.Usage($"{option.Name} '{text}' is not a day; write it like 2026-11-01.");

    public static TimeZoneInfo? GetTimeZone(this ParseResult parsed, Option<string?> option)
    {
        if (parsed.GetValue(option) is not { } id)
        {
            return null;
        }

        return TimeZoneInfo.TryFindSystemTimeZoneById(id, out var zone)
            ? zone
            : throw CliException.Usage($"--timezone '{id}' is not a known time zone; try Europe/Amsterdam or UTC.");
    }
}
