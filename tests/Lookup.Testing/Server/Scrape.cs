using System.Globalization;

namespace Lookup.Testing.Server;

/// <summary>What a service tells at /metrics.</summary>
internal sealed class Scrape
{
    private readonly string[] _lines;

    private Scrape(string text) => _lines = text.Split('\n');

    /// <summary>Every series with its labels, and the value behind a space.</summary>
    internal IEnumerable<string> Series => _lines.Where(line => line.Length > 0 && line[0] != '#');

    internal static async Task<Scrape> OfAsync(LookupServer server) =>
        new(await server.Http.GetStringAsync("/metrics", TestContext.Current.CancellationToken));

    /// <summary>Reads again and again until something holds.</summary>
    internal static async Task<Scrape> UntilAsync(LookupServer server, Func<Scrape, bool> holds)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        while (true)
        {
            var scrape = await OfAsync(server);
            if (holds(scrape))
            {
                return scrape;
            }

            Assert.False(limit.IsCancellationRequested, "It does not come to hold: " + string.Join('\n', scrape.Series));
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>The value of a series; null where it is not there.</summary>
    internal double? Value(string series) =>
        Series.FirstOrDefault(line => line.StartsWith(series + " ", StringComparison.Ordinal)) is { } line
            ? double.Parse(line[(series.Length + 1)..], CultureInfo.InvariantCulture)
            : null;
}
