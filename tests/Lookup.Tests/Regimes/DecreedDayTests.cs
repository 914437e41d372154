using Lookup.Testing.Regimes;
using System.Text.Json.Nodes;
using Lookup.Core;
using Lookup.Core.Regimes;
using Lookup.Tests.Decisions;

namespace Lookup.Tests.Regimes;

/// <summary>Days that were decreed once: in their calendars, with a source.</summary>
public sealed class DecreedDayTests
{
    [Theory]
    [InlineData("2022-09-19T12:00:00+01:00", "+442071234567", Verdict.Deny)]
    [InlineData("2023-09-19T12:00:00+01:00", "+442071234567", Verdict.Allow)]
    [InlineData("2026-06-15T12:00:00+01:00", "+441315550123", Verdict.Deny)]
    [InlineData("2026-06-15T12:00:00+01:00", "+442071234567", Verdict.Allow)]
    public void DecreedDay_IsAHolidayInItsCalendars(string call, string number, Verdict verdict) =>
        Assert.Equal(verdict, new Situation(number, call).Decide().Verdict);

    [Theory]
    [InlineData("""{ "date": "2026-12-07", "calendars": ["england-wales"], "source": "bank-holidays" }""", "")]
    [InlineData("""{ "date": "2026-12-07", "calendars": ["wales"], "source": "bank-holidays" }""", "is not defined under calendars")]
    [InlineData("""{ "date": "2026-12-07", "calendars": [], "source": "bank-holidays" }""", "at least one calendar")]
    [InlineData("""{ "date": "2026-12-07", "calendars": ["england-wales"] }""", "source")]
    [InlineData("""{ "calendars": ["england-wales"], "source": "bank-holidays" }""", "date")]
    public void DecreedDay_WithAFault_IsNamed(string day, string fault)
    {
        var variant = new RegimeVariant().Change("uk.json", json => json["decreed"]!.AsArray().Add(JsonNode.Parse(day)));
        var call = new Situation("+442071234567", "2026-12-07T12:00:00Z");
        if (fault.Length == 0)
        {
            Assert.Equal(Verdict.Allow, call.Decide().Verdict);
            Assert.Equal(ReasonCode.Holiday, call.Decide(variant.Set()).Primary);
        }
        else
        {
            Assert.Contains(fault, Assert.Throws<RegimeException>(variant.Set).Message, StringComparison.Ordinal);
        }
    }
}
