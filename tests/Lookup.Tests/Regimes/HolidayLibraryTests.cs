using System.Globalization;
using System.Text.Json.Nodes;
using Lookup.Core.Regimes;
using PublicHoliday;

namespace Lookup.Tests.Regimes;

/// <summary>The calendars of the regimes against a public-holiday library, 2009 to 2030: none may be missing, and each more has a reason.</summary>
public sealed class HolidayLibraryTests
{
    private const int First = 2009;
    private const int Last = 2030;

    private static readonly string[] UsStates = ["alabama", "louisiana", "pennsylvania", "rhode-island", "utah"];

    // Days that the regimes have beside those of the library.
    private static readonly Dictionary<string, Func<DateOnly, bool>> More = new()
    {
        // Good Friday is equated with a holiday by the Algemene termijnenwet, art. 3(2).
        ["nl.public"] = day => day.DayOfWeek == DayOfWeek.Friday && day.Month is 3 or 4,
        // 4 October is a holiday again since 2026.
        ["it.public"] = day => day is { Year: >= 2026, Month: 10, Day: 4 },
        // Christmas Eve and New Year's Eve count as holidays in offices.
        ["se.public"] = day => day is { Month: 12, Day: 24 or 31 },
        // A holiday in a weekend is kept on its date too, beside the substitute day.
        ["uk.england-wales"] = IsWeekend,
        ["uk.northern-ireland"] = IsWeekend,
        // The same; and Easter Monday and the last Monday of August are kept by Scottish banks with the English ones.
        ["uk.scotland"] = day => IsWeekend(day) || day is { DayOfWeek: DayOfWeek.Monday, Month: 3 or 4 or 8 },
        // A holiday in a weekend is kept on its date too; the second calendar is policy and means to have more.
        ["ca.british-columbia"] = day => IsWeekend(day) || DaysOf("ca", ["british-columbia-more"]).Contains(day),
        // A holiday in a weekend is kept on its date too; and where Anzac Day is in a weekend, the Monday that some states keep.
        ["au.national"] = day => IsWeekend(day) || day is { DayOfWeek: DayOfWeek.Monday, Month: 4 },
        // A holiday on a Sunday is one beside the Monday; and the days of the elections of 2021 and 2026.
        ["za.public"] = day => day.DayOfWeek == DayOfWeek.Sunday || day is { Year: 2021, Month: 11, Day: 1 } or { Year: 2026, Month: 11, Day: 4 },
        // Berne has not 1 May, which Zurich and others have.
        ["ch.public"] = day => day is { Month: 5, Day: 1 },
    };

    // Days that the library has and the regimes have not.
    private static readonly Dictionary<string, Func<DateOnly, bool>> Fewer = new()
    {
        // Family Day is kept since 2013, the day of truth and reconciliation since 2023.
        ["ca.british-columbia"] = day => day is { Year: < 2013, Month: 2 } or { Year: < 2023, Month: 9, Day: 30 },
    };

    public static TheoryData<string, string[], PublicHolidayBase> Calendars => new()
    {
        { "nl.public", ["public"], new DutchPublicHoliday() },
        { "de.public", ["public"], new GermanPublicHoliday() },
        { "fr.public", ["public"], new FrancePublicHoliday() },
        { "it.public", ["public"], new ItalyPublicHoliday() },
        { "es.national", ["national"], new SpainPublicHoliday() },
        { "no.public", ["public"], new NorwayPublicHoliday() },
        { "se.public", ["public"], new SwedenPublicHoliday() },
        { "uk.england-wales", ["england-wales"], new UKBankHoliday(UKBankHoliday.UkCountries.England) },
        { "uk.scotland", ["england-wales", "scotland"], new UKBankHoliday(UKBankHoliday.UkCountries.Scotland) },
        { "uk.northern-ireland", ["england-wales", "northern-ireland"], new UKBankHoliday(UKBankHoliday.UkCountries.NorthernIreland) },
        { "ca.british-columbia", ["british-columbia", "british-columbia-more"], new CanadaPublicHoliday("BC") },
        { "au.national", ["national", "substitute"], new AustraliaPublicHoliday() },
        { "za.public", ["public"], new SouthAfricaPublicHoliday() },
        { "ch.public", ["public"], new SwitzerlandPublicHoliday { Canton = SwitzerlandPublicHoliday.Cantons.BE } },
    };

    [Theory]
    [MemberData(nameof(Calendars))]
    public void Calendar_HasWhatTheLibraryHas_AndOnlyExplainedDaysMore(string name, string[] calendars, PublicHolidayBase library)
    {
        var own = DaysOf(name[..2], calendars);
        var theirs = DaysOf(library);
        AssertExplained(theirs.Except(own), Fewer.GetValueOrDefault(name));
        AssertExplained(own.Except(theirs), More.GetValueOrDefault(name));
    }

    [Fact]
    public void CalendarsOfAmericanStates_HaveTheFederalHolidays()
    {
        var federal = DaysOf(new USAPublicHoliday());
        Assert.All(UsStates, state => Assert.Empty(federal.Except(DaysOf("us", [state]))));
    }

    public static TheoryData<GermanPublicHoliday.States> GermanStates => [.. Enum.GetValues<GermanPublicHoliday.States>().Where(state => state != GermanPublicHoliday.States.ALL)];

    // The regime begins in 2021. No call is permitted on a Sunday in any case.
    [Theory]
    [MemberData(nameof(GermanStates))]
    public void CalendarsOfAGermanState_HaveWhatTheLibraryHas_AndOnlyExplainedDaysMore(GermanPublicHoliday.States state)
    {
        var own = Since2022(DaysOf("de", ["public", .. CalendarsFor("de", state.ToString())]));
        var theirs = Since2022(DaysOf(new GermanPublicHoliday { State = state }));
        AssertExplained(theirs.Except(own), day => day.DayOfWeek == DayOfWeek.Sunday);

        // A holiday of some towns counts for all of the state; and two days of Berlin that were decreed once.
        AssertExplained(own.Except(theirs), day => day is { Year: 2025, Month: 5, Day: 8 } or { Year: 2028, Month: 6, Day: 17 } or { Month: 8, Day: 8 or 15 }
            || (state is GermanPublicHoliday.States.SN or GermanPublicHoliday.States.TH && day.DayOfWeek == DayOfWeek.Thursday && day.Month is 5 or 6));
    }

    // A number that can be anywhere keeps the holidays of every area.
    [Theory]
    [InlineData("de", "any-state")]
    [InlineData("es", "any-community")]
    [InlineData("uk", "scotland-northern-ireland")]
    public void CalendarOfNoArea_HasTheDaysOfEveryArea(string country, string calendar)
    {
        var file = JsonNode.Parse(RegimeSet.BuiltInFiles().Single(f => f.Key == country + ".json").Value.Span)!;
        var areas = file["areas"]!.AsArray().Select(area => (string)area!["name"]!).Distinct().ToList();
        Assert.Empty(areas.SelectMany(area => DaysOf(country, [.. CalendarsFor(country, area)])).Except(DaysOf(country, [calendar])));
        Assert.Contains(areas, area => CalendarsFor(country, area).Any());
    }

    // The calendars of the rules that bind in an area only.
    private static IEnumerable<string> CalendarsFor(string country, string area) =>
        JsonNode.Parse(RegimeSet.BuiltInFiles().Single(f => f.Key == country + ".json").Value.Span)!["regimes"]!.AsArray()
            .SelectMany(regime => regime!["rules"]!.AsArray())
            .Where(rule => rule!["holidays"] is not null && (rule["areas"]?.AsArray() ?? []).Any(name => (string)name! == area))
            .Select(rule => (string)rule!["holidays"]!);

    private static HashSet<DateOnly> Since2022(HashSet<DateOnly> days) => [.. days.Where(day => day.Year >= 2022)];

    private static void AssertExplained(IEnumerable<DateOnly> days, Func<DateOnly, bool>? isExplained)
    {
        var left = days.Where(day => isExplained is null || !isExplained(day)).Order().Select(day => day.ToString("ddd yyyy-MM-dd", CultureInfo.InvariantCulture)).ToList();
        Assert.True(left.Count == 0, string.Join(", ", left));
    }

    private static bool IsWeekend(DateOnly day) => day.DayOfWeek is DayOfWeek.Saturday or DayOfWeek.Sunday;

    private static HashSet<DateOnly> DaysOf(PublicHolidayBase library) =>
        [.. Enumerable.Range(First, Last - First + 1).SelectMany(library.PublicHolidays).Select(DateOnly.FromDateTime).Where(day => day.Year is >= First and <= Last)];

    private static HashSet<DateOnly> DaysOf(string country, string[] calendars)
    {
        var file = JsonNode.Parse(RegimeSet.BuiltInFiles().Single(f => f.Key == country + ".json").Value.Span)!;
        var decreed = (file["decreed"]?.AsArray() ?? [])
            .Where(day => day!["calendars"]!.AsArray().Any(name => calendars.Contains((string)name!)))
            .Select(day => DateOnly.Parse((string)day!["date"]!, CultureInfo.InvariantCulture));
        return [.. calendars.SelectMany(name => DaysOf([.. file["calendars"]![name]!.AsArray().Select(rule => (string)rule!)])), .. decreed];
    }

    private static IEnumerable<DateOnly> DaysOf(string[] rules)
    {
        Assert.True(HolidayCalendar.TryCompile(rules, out var calendar, out var fault), fault);
        return Enumerable.Range(LocalTime.DayOf(new DateOnly(First, 1, 1)), (Last - First + 1) * 366)
            .Where(calendar.Contains)
            .Select(LocalTime.Date)
            .Where(day => day.Year <= Last);
    }
}
