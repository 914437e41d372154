using System.Text.RegularExpressions;

namespace Lookup.Server.Telemetry;

/// <summary>Masks phone numbers in log texts.</summary>
internal static partial class Redaction
{
    /// <summary>
    /// Replaces runs of seven or more digits, also with the usual separators, by their first three and stars. Keeps ISO 8601
    /// times.
    /// </summary>
    internal static string Mask(string text) =>
        Number().Replace(text, m => string.Concat(m.ValueSpan[..3], "*****"));

    [GeneratedRegex(@"(?<!\d)(?!\d{4}-\d\d-\d\dT\d\d:)\+?\d(?:[ ()./-]{0,2}\d){6,}", RegexOptions.CultureInvariant)]
    private static partial Regex Number();
}
