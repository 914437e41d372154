using Lookup.Core.Numbers;
using Lookup.Core.Regimes;

namespace Lookup.Cli.Output;

/// <summary>Finds the zone in which the times about a number, a regime or a register are shown.</summary>
internal static class NumberZone
{
    /// <summary>Returns the name of the zone of a number; empty if no built-in regime covers it.</summary>
    /// <param name="number">The number, in E.164.</param>
    /// <param name="now">Now: the regime in force then names the zone.</param>
    public static string Of(string number, DateTimeOffset now) =>
        NumberParser.TryParseStored(number, out var parsed) ? RegimeSet.BuiltIn.Find(parsed, now.ToUnixTimeMilliseconds())?.TimeZone ?? "" : "";

    /// <summary>Returns the name of the zone of a regime; empty if its areas differ, or it is not built in.</summary>
    public static string OfRegime(string regime) => RegimeSet.BuiltIn.TimeZoneOf(regime);

    /// <summary>Returns the name of the zone of a register; empty if it is not built in.</summary>
    public static string OfRegister(string register) => RegimeSet.BuiltIn.TimeZoneOfRegister(register);
}
