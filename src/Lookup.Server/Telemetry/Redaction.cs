using System.Text.RegularExpressions;

namespace Lookup.Server.Telemetry;

/// <summary>Takes telephone numbers out of texts that go to the log.</summary>
internal static partial class Redaction
{
    /// <summary>
    /// Replaces runs of seven and more digits, also with the usual separators, by their first three and stars; times as in
    /// ISO 8601 stay.
    /// </summary>
    internal static string Mask(string text) =>
        Number().Replace(text, m => string.Concat(m.ValueSpan[..3], "*****"));

    [GeneratedRegex(@"(?<!\d)(?!\d{4}-\d\d-\d\dT\d\d:)\+?\d(?:[ ()./-]{0,2}\d){6,}", RegexOptions.CultureInvariant)]
    private static partial Regex Number();
}
