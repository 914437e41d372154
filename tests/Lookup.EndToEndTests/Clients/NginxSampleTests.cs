namespace Lookup.EndToEndTests.Clients;

/// <summary>samples/nginx with nginx.</summary>
public sealed class NginxSampleTests() : ProxySampleTests("nginx")
{
    private protected override async Task<IEnumerable<string>> ConfigureAsync(string folder, Func<string, string> sample)
    {
        // The folders of the machine belong to root.
        var folders = string.Concat(new[] { "client_body", "proxy", "fastcgi", "uwsgi", "scgi" }.Select(name => $"{name}_temp_path {Path.Combine(folder, name)};\n"));
        var config = sample("nginx/nginx.conf")
            // A loaded machine keeps to this limit.
            .Replace("proxy_read_timeout 300ms", "proxy_read_timeout 5s", StringComparison.Ordinal)
            .Replace("http {", $"http {{\n{folders}", StringComparison.Ordinal);
        var file = Path.Combine(folder, "nginx.conf");
        await File.WriteAllTextAsync(file, config, Token);
        return ["-p", folder, "-c", file, "-g", $"daemon off; worker_processes 1; pid {Path.Combine(folder, "nginx.pid")}; error_log {Path.Combine(folder, "error.log")};"];
    }
}
