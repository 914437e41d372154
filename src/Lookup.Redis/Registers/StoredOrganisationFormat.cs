using System.Globalization;
using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Redis.Topology;

namespace Lookup.Redis.Registers;

/// <summary>
/// The text form of an organisation's record: "sector,layers", and for an organisation with its own rules a third part: the days
/// of the pause after a refusal, then each cap as "max/hours h" or "max/days d", followed by s if it counts per subject:
/// "1,14,60/4:30ds".
/// </summary>
internal static class StoredOrganisationFormat
{
    internal static string Write(StoredOrganisation organisation)
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"{(int)organisation.Sector},{(int)organisation.Layers}");
        return organisation.Own is not { } own
            ? text
            : text + string.Create(CultureInfo.InvariantCulture, $",{own.PauseDays}") + string.Concat(own.Caps.Select(Write));
    }

    /// <summary>Parses a record.</summary>
    /// <exception cref="StoreUnavailableException">It is damaged, or a newer version wrote it.</exception>
    internal static StoredOrganisation Read(string name, string text)
    {
        var parts = text.Split(',');
        if (parts.Length is < 2 or > 3 || !byte.TryParse(parts[0], out var sector) || !byte.TryParse(parts[1], out var layers))
        {
            throw RedisFaults.Damaged();
        }

        return new StoredOrganisation(name, (Sector)sector, (Layers)layers, parts.Length == 2 ? null : ReadOwn(parts[2]));
    }

    private static OwnRules? ReadOwn(string text)
    {
        try
        {
            var parts = text.Split('/');
            return OwnRules.Create([.. parts.Skip(1).Select(ReadCap)], int.Parse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is FormatException or OverflowException or ArgumentOutOfRangeException)
        {
            throw RedisFaults.Damaged();
        }
    }

    private static string Write(AttemptCap cap) => string.Create(
        CultureInfo.InvariantCulture,
        $"/{cap.Max}:{(cap.WithinHours > 0 ? $"{cap.WithinHours}h" : $"{cap.DaysBack}d")}{(cap.PerSubject ? "s" : "")}");

    private static AttemptCap ReadCap(string text)
    {
        var perSubject = text.EndsWith('s');
        var rest = perSubject ? text[..^1] : text;
        var colon = rest.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0 || rest[^1] is not ('h' or 'd'))
        {
            throw new FormatException();
        }

        var max = int.Parse(rest.AsSpan(0, colon), NumberStyles.None, CultureInfo.InvariantCulture);
        var length = int.Parse(rest.AsSpan(colon + 1, rest.Length - colon - 2), NumberStyles.None, CultureInfo.InvariantCulture);
        return rest[^1] == 'h' ? new AttemptCap(max, length, 0, perSubject) : new AttemptCap(max, 0, length, perSubject);
    }
}
