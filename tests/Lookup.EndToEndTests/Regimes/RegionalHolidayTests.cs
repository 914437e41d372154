using System.Globalization;
using System.Text.Json;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using static Lookup.Testing.Clients.Programs;
using CoreReason = Lookup.Core.ReasonCode;

namespace Lookup.EndToEndTests.Regimes;

/// <summary>
/// The holidays that a call in a region meets, against a library of regional holidays, from the first day of the country's regime to
/// 2030: none may be missing, and each more has a reason. Earlier calls are not covered.
/// </summary>
public sealed class RegionalHolidayTests
{
    private const int Last = 2030;

    // Days that a community keeps in some years, or in a part of it, count in each year and everywhere in it.
    private static readonly Dictionary<string, string[]> SomeYears = new()
    {
        ["ES-CB"] = ["07-28"],
        ["ES-CM"] = ["03-19", "05-31"],
        ["ES-GA"] = ["06-24"],
        ["ES-IB"] = ["12-26"],
        ["ES-MC"] = ["06-09"],
        ["ES-MD"] = ["03-19", "07-25"],
        ["ES-ML"] = ["03-19"],
        ["ES-NC"] = ["07-25", "12-03"],
        ["ES-VC"] = ["10-09"],
        ["DE-BY"] = ["08-08", "08-15"],
    };

    [Fact]
    public async Task Communities_OfSpain_HaveWhatTheLibraryHas_AndOnlyExplainedDaysMore()
    {
        foreach (var (region, theirs) in await LibraryAsync("ES", new DateOnly(2023, 6, 29)))
        {
            var own = DaysOf("+34612345678", region, new DateOnly(2023, 6, 29));

            // On a Saturday no call is permitted. The library has the Day of the Institutions of Cantabria in June; it is on 28 July.
            AssertExplained(region, theirs.Except(own), day => day.DayOfWeek == DayOfWeek.Saturday || (region == "ES-CB" && day is { Month: 6, Day: 28 }));
            AssertExplained(region, own.Except(theirs), day =>
                IsOfSomeYears(region, day)

                // Maundy Thursday and Easter Monday, and the Monday after a Sunday, each kept by most communities, count in all of them.
                || DaysFromEaster(day) is -3 or 1
                || (day.DayOfWeek == DayOfWeek.Monday && (own.Contains(day.AddDays(-1)) || theirs.Contains(day.AddDays(-1))))

                // The feasts of Ceuta and Melilla depend on the moon; sources differ by a day or two, in 2023 to before the first day.
                || (region is "ES-CE" or "ES-ML" && (day == new DateOnly(2023, 6, 29) || theirs.Contains(day.AddDays(-1)) || theirs.Contains(day.AddDays(1)) || theirs.Contains(day.AddDays(-2)))));
        }
    }

    [Fact]
    public async Task States_OfGermany_HaveWhatTheLibraryHas_AndOnlyExplainedDaysMore()
    {
        foreach (var (region, theirs) in await LibraryAsync("DE", new DateOnly(2021, 10, 1)))
        {
            var own = DaysOf("+4915112345678", region, new DateOnly(2021, 10, 1));
            AssertExplained(region, theirs.Except(own), _ => false);

            // Corpus Christi is kept in some towns of Saxony and Thuringia.
            AssertExplained(region, own.Except(theirs), day => IsOfSomeYears(region, day) || (region is "DE-SN" or "DE-TH" && DaysFromEaster(day) == 60));
        }
    }

    [Fact]
    public async Task Switzerland_HasTheDaysOfEveryCanton_AndOnlyExplainedDaysMore()
    {
        var theirs = (await LibraryAsync("CH", new DateOnly(2021, 1, 1))).SelectMany(canton => canton.Value).ToHashSet();
        var own = DaysOf("+41446681800", "", new DateOnly(2021, 1, 1));
        AssertExplained("CH", theirs.Except(own), _ => false);

        // The pilgrimage of Näfels is on the first Thursday of April or, after Easter week, on the second.
        AssertExplained("CH", own.Except(theirs), day => day is { Month: 4, DayOfWeek: DayOfWeek.Thursday, Day: <= 14 });
    }

    // On a Sunday no call is permitted in any case.
    private static void AssertExplained(string region, IEnumerable<DateOnly> days, Func<DateOnly, bool> isExplained)
    {
        var left = days.Where(day => day.DayOfWeek != DayOfWeek.Sunday && !isExplained(day)).Order();
        Assert.Equal("", string.Join(", ", left.Select(day => $"{region} {day.ToString("ddd yyyy-MM-dd", CultureInfo.InvariantCulture)}")));
    }

    private static bool IsOfSomeYears(string region, DateOnly day) =>
        SomeYears.GetValueOrDefault(region, []).Contains(day.ToString("MM-dd", CultureInfo.InvariantCulture));

    private static async Task<Dictionary<string, HashSet<DateOnly>>> LibraryAsync(string country, DateOnly from)
    {
        var folder = Path.Combine(Root(), "tests/clients/node");
        Require("node");
        RequireFile(Path.Combine(folder, "node_modules/date-holidays"), "npm ci was not run in tests/clients/node.");
        var (code, output, error) = await RunAsync("node", [Path.Combine(folder, "holidays.js"), country, $"{from.Year}", $"{Last}"]);
        Assert.True(code == 0, error);
        var regions = JsonSerializer.Deserialize<Dictionary<string, DateOnly[]>>(output)!;
        Assert.NotEmpty(regions);
        return regions.ToDictionary(region => $"{country}-{region.Key}", region => region.Value.Where(day => day >= from && day.Year <= Last).ToHashSet());
    }

    // The days on which a call at noon is forbidden because of a holiday.
    private static HashSet<DateOnly> DaysOf(string number, string region, DateOnly from)
    {
        Assert.True(PhoneNumber.TryParse(number, out var called, out _));
        var regimes = RegimeSet.BuiltIn;
        Assert.Contains(region, regimes.Regions.Append(""));
        var days = new HashSet<DateOnly>();
        var values = new StoredValue[Decider.Slots];
        for (var day = from; day.Year <= Last; day = day.AddDays(1))
        {
            // In Spain, Germany and Switzerland.
            var at = new DateTimeOffset(day, new TimeOnly(12, 0), TimeSpan.FromHours(1)).ToUnixTimeMilliseconds();
            var question = new Question
            {
                CallTime = at,
                IsTimeNamed = true,
                OrganisationName = "o",
                Organisation = Scope.FromName("o"),
                OrganisationGroup = Scope.FromName("o"),
                Purpose = Core.Purpose.Commercial,
                Subscriber = Core.SubscriberType.Consumer,
                Region = region,
            };
            var rules = regimes.Find(called, at, region);
            Assert.NotNull(rules);
            var decision = Decider.Decide(rules, question, values, new RegisterSnapshots(regimes, new Dictionary<string, long[]>()));
            if (Enumerable.Range(0, decision.ReasonCount).Any(i => decision.ReasonAt(i).Code == CoreReason.Holiday))
            {
                days.Add(day);
            }
        }

        return days;
    }

    private static int DaysFromEaster(DateOnly day)
    {
        var (century, ofCentury, golden) = (day.Year / 100, day.Year % 100, day.Year % 19);
        var epact = ((19 * golden) + century - (century / 4) - ((century - ((century + 8) / 25) + 1) / 3) + 15) % 30;
        var weekday = (32 + (2 * (century % 4)) + (2 * (ofCentury / 4)) - epact - (ofCentury % 4)) % 7;
        var correction = (golden + (11 * epact) + (22 * weekday)) / 451;
        var month = epact + weekday - (7 * correction) + 114;
        return day.DayNumber - new DateOnly(day.Year, month / 31, (month % 31) + 1).DayNumber;
    }
}
