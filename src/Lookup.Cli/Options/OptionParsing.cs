using System.CommandLine;
using System.Globalization;
using Google.Protobuf.WellKnownTypes;

namespace Lookup.Cli.Options;

/// <summary>Options whose values are words of the contract or times, with one sentence where they are not.</summary>
internal static class OptionParsing
{
    /// <summary>An option that takes one word of a set.</summary>
    public static Option<string?> Word<T>(string name, string description, WordSet<T> words, string helpName)
        where T : struct, System.Enum
    {
        var option = new Option<string?>(name) { Description = $"{description}: {words.List}.", HelpName = helpName };
        option.CompletionSources.Add([.. words.All]);
        return option;
    }

    public static T GetWord<T>(this ParseResult parsed, Option<string?> option, WordSet<T> words)
        where T : struct, System.Enum =>
        parsed.GetValue(option) is { } text ? words.Parse(option.Name, text) : default;

    public static T Parse<T>(this WordSet<T> words, string option, string text)
        where T : struct, System.Enum =>
        words.TryParse(text, out var value) ? value : throw CliException.Usage($"{option} '{text}' is none of: {words.List}.");

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

    /// <summary>A number that must lie in a range, both ends included.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="option">The option.</param>
    /// <param name="least">The least.</param>
    /// <param name="most">The greatest.</param>
    /// <param name="unit">What it counts, for example "seconds"; empty where that is plain.</param>
    public static T GetWithin<T>(this ParseResult parsed, Option<T> option, T least, T most, string unit = "")
        where T : struct, IComparable<T>
    {
        var value = parsed.GetValue(option);
        // A value that is no number comes before all others.
        return value.CompareTo(least) >= 0 && value.CompareTo(most) <= 0
            ? value
            : throw CliException.Usage(string.Create(
                CultureInfo.InvariantCulture, $"{option.Name} {value} is outside {least} to {most}{(unit.Length > 0 ? " " : "")}{unit}."));
    }

    /// <summary>Refuses a whole number outside a range, both ends included, where the command line is read.</summary>
    public static void MustBe(this Option<int> option, int least, int most, string what) => option.Validators.Add(result =>
    {
        if (result.Tokens.Count == 1 && (result.GetValueOrDefault<int>() < least || result.GetValueOrDefault<int>() > most))
        {
            result.AddError($"{option.Name} is {what}, {least} to {most}.");
        }
    });

    /// <summary>--share: how much of the time work behind running services takes.</summary>
    /// <param name="standard">In percent.</param>
    public static Option<int> Share(int standard)
    {
        var option = new Option<int>("--share")
        {
            Description = "Part of the time that it works, in percent, 1 to 100; it rests otherwise, for the sake of checks and writers.",
            HelpName = "PERCENT",
            DefaultValueFactory = _ => standard,
        };
        option.MustBe(1, 100, "a whole number of percent");
        return option;
    }

    public static Option<string?> TimeZone() => new("--timezone")
    {
        Description = "Time zone of times without an offset, for example Europe/Amsterdam; without it they are refused.",
        HelpName = "ZONE",
    };

    public static TimeZoneInfo? GetTimeZone(this ParseResult parsed, Option<string?> option)
    {
        if (parsed.GetValue(option) is not { } id)
        {
            return null;
        }

        return TimeZoneInfo.TryFindSystemTimeZoneById(id, out var zone)
            ? zone
            : throw CliException.Usage($"--timezone '{id}' is no time zone such as Europe/Amsterdam or UTC.");
    }
}
