using System.Text.RegularExpressions;

namespace Lookup.ServiceTests.Server;

/// <summary>What must never reach a caller: words of the runtime, of libraries and of the store's protocol.</summary>
internal static partial class Leaks
{
    internal static void AssertNone(string text) => Assert.DoesNotMatch(Words(), text);

    [GeneratedRegex(@"System\.|Exception|StackExchange|Redis|Garnet|RocksDb|Multiplexer|WRONGTYPE|NOAUTH|NOSCRIPT|MISCONF|\bERR\b|\n\s+at |Lookup\.(V1|Core|Server)|Google\.Protobuf|Microsoft|Kestrel|\bSocket|Newtonsoft|JsonSerializ|Unable to|handler", RegexOptions.IgnoreCase)]
    private static partial Regex Words();
}
