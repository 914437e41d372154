namespace Lookup.EndToEndTests.Clients;

/// <summary>samples/haproxy with HAProxy.</summary>
public sealed class HaproxySampleTests() : ProxySampleTests("haproxy")
{
    private protected override async Task<IEnumerable<string>> ConfigureAsync(string folder, Func<string, string> sample)
    {
        // A loaded machine keeps to this limit; HAProxy asks four times.
        var script = sample("haproxy/may-call.lua").Replace("LIMIT_MS = 300", "LIMIT_MS = 2000", StringComparison.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(folder, "may-call.lua"), script, Token);
        await File.WriteAllTextAsync(Path.Combine(folder, "haproxy.cfg"), sample("haproxy/haproxy.cfg"), Token);
        return ["-db", "-f", "haproxy.cfg"];
    }
}
