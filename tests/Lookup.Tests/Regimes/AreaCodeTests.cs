using System.Text.Json.Nodes;
using Lookup.Core.Regimes;
using PhoneNumbers;
using PhoneNumber = Lookup.Core.Numbers.PhoneNumber;

namespace Lookup.Tests.Regimes;

/// <summary>
/// Every area code of +1 against libphonenumber: one of the United States or Canada has its state or province and every time zone that
/// libphonenumber names for it; any other has no regime.
/// </summary>
public sealed class AreaCodeTests
{
    private static readonly string[] States =
    [
        "AK Alaska", "AL Alabama", "AR Arkansas", "AZ Arizona", "CA California", "CO Colorado", "CT Connecticut", "DC Washington D.C.", "DE Delaware",
        "FL Florida", "GA Georgia", "HI Hawaii", "IA Iowa", "ID Idaho", "IL Illinois", "IN Indiana", "KS Kansas", "KY Kentucky", "LA Louisiana",
        "MA Massachusetts", "MD Maryland", "ME Maine", "MI Michigan", "MN Minnesota", "MO Missouri", "MS Mississippi", "MT Montana",
        "NC North Carolina", "ND North Dakota", "NE Nebraska", "NH New Hampshire", "NJ New Jersey", "NM New Mexico", "NV Nevada", "NY New York",
        "OH Ohio", "OK Oklahoma", "OR Oregon", "PA Pennsylvania", "RI Rhode Island", "SC South Carolina", "SD South Dakota", "TN Tennessee",
        "TX Texas", "UT Utah", "VA Virginia", "VT Vermont", "WA Washington State", "WI Wisconsin", "WV West Virginia", "WY Wyoming",
        "AB Alberta", "BC British Columbia", "MB Manitoba", "NB New Brunswick", "NL Newfoundland and Labrador", "ON Ontario", "QC Quebec", "SK Saskatchewan",
    ];

    // In service or announced, but not yet in libphonenumber's list of regions: none of its places or zones is compared.
    private static readonly string[] New = ["1357", "1436", "1457", "1465", "1471", "1483", "1624", "1729", "1837", "1861", "1924"];

    // Zones that libphonenumber names and that the area code does not reach: 689 is Orlando's, and Labrador keeps the zone of Goose Bay.
    private static readonly string[] NotThere = ["1689 America/Chicago", "1879 America/Puerto_Rico"];

    private static readonly DateTimeOffset[] Seasons = [new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero), new(2026, 7, 15, 12, 0, 0, TimeSpan.Zero)];

    private static readonly Dictionary<string, (string Country, string Name, TimeZoneInfo[] Zones)> Areas = ReadAreas("us").Concat(ReadAreas("ca")).ToDictionary();

    [Fact]
    public void AreaCode_AnyOfPlusOne_HasItsStateAndZonesOrNoRegime()
    {
        var faults = new List<string>();
        for (var code = 200; code <= 999; code++)
        {
            if (Fault($"1{code}") is { } fault)
            {
                faults.Add($"{code} {fault}");
            }
        }

        Assert.True(faults.Count == 0, string.Join('\n', faults));
    }

    [Fact]
    public void AreaCode_OfTheFiles_IsOneOfThePlan() =>
        Assert.DoesNotContain(Areas.Keys, prefix => !PhoneNumber.TryParse($"+{prefix}2340123", out _, out _));

    private static string? Fault(string prefix)
    {
        if (!PhoneNumber.TryParse($"+{prefix}2340123", out var number, out _))
        {
            return Areas.ContainsKey(prefix) ? "is in a file, but not in the plan" : null;
        }

        var parsed = PhoneNumberUtil.GetInstance().Parse($"+{prefix}2340123", null);
        var country = PhoneNumberUtil.GetInstance().GetRegionCodeForNumber(parsed);
        var regime = RegimeSet.BuiltIn.Find(number, Seasons[1].ToUnixTimeMilliseconds());
        if (country is not ("US" or "CA") || !Areas.TryGetValue(prefix, out var area))
        {
            var place = PhoneNumberOfflineGeocoder.GetInstance().GetDescriptionForNumber(parsed, Locale.English);
            return (country is null or "" && New.Contains(prefix)) || (regime is null && (country is not ("US" or "CA") || IsNowhere(parsed, place))) ? null : $"of {country}, {place}, has {regime?.Id ?? "no regime"}";
        }

        if (regime is null || area.Country != country)
        {
            return $"of {country} has {regime?.Id ?? "no regime"}";
        }

        var described = PhoneNumberOfflineGeocoder.GetInstance().GetDescriptionForNumber(parsed, Locale.English);
        if (NameOf(described) is { } state && state != area.Name)
        {
            return $"is of {area.Name}, but in {described}";
        }

        var missing = PhoneNumberToTimeZonesMapper.GetInstance().GetTimeZonesForNumber(parsed)
            .Where(id => !NotThere.Contains($"{prefix} {id}"))
            .Where(id => TimeZoneInfo.TryFindSystemTimeZoneById(id, out var zone) && !area.Zones.Any(own => IsSame(own, zone)))
            .ToList();
        return missing.Count == 0 ? null : $"of {area.Name} lacks {string.Join(", ", missing)}";
    }

    // Toll-free, personal and other numbers without a place have no regime.
    private static bool IsNowhere(PhoneNumbers.PhoneNumber number, string place) =>
        place is "" or "United States" or "Canada" || PhoneNumberUtil.GetInstance().GetNumberType(number) is not (PhoneNumberType.FIXED_LINE_OR_MOBILE or PhoneNumberType.FIXED_LINE);

    // The description is "Ohio" or "Columbus, OH"; null if it is neither.
    private static string? NameOf(string description) =>
        States.FirstOrDefault(state => description == state[3..] || description.EndsWith($", {state[..2]}", StringComparison.Ordinal))?[..2];

    private static bool IsSame(TimeZoneInfo one, TimeZoneInfo other) => Seasons.All(at => one.GetUtcOffset(at) == other.GetUtcOffset(at));

    private static IEnumerable<KeyValuePair<string, (string Country, string Name, TimeZoneInfo[] Zones)>> ReadAreas(string country)
    {
        var file = JsonNode.Parse(RegimeSet.BuiltInFiles().Single(f => f.Key == country + ".json").Value.Span)!;
        foreach (var area in file["areas"]!.AsArray())
        {
            TimeZoneInfo[] zones = [.. area!["zones"]!.AsArray().Select(id => TimeZoneInfo.FindSystemTimeZoneById((string)id!))];
            foreach (var prefix in area["prefixes"]!.AsArray())
            {
                yield return KeyValuePair.Create((string)prefix!, (country.ToUpperInvariant(), (string)area["name"]!, zones));
            }
        }
    }
}
