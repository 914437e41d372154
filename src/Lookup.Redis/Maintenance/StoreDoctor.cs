using System.Globalization;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Topology;

namespace Lookup.Redis.Maintenance;

/// <summary>The severity of a finding.</summary>
public enum FindingLevel
{
    /// <summary>Correct.</summary>
    Ok,
    /// <summary>Works, but should be changed.</summary>
    Warn,
    /// <summary>The service cannot or should not run with this.</summary>
    Fail,
}

/// <summary>The result of one examination.</summary>
/// <param name="Level">Severity.</param>
/// <param name="Name">What was examined, for example "appendonly".</param>
/// <param name="What">The result.</param>
/// <param name="Fix">How to fix it; empty if nothing needs to be done.</param>
public sealed record Finding(FindingLevel Level, string Name, string What, string Fix = "");

/// <summary>Examines a redis server and the store on it.</summary>
internal static class StoreDoctor
{
    private const int MinListpackEntries = 128;

    internal static async Task<IReadOnlyList<Finding>> ExamineAsync(
        StoreOptions options, IReadOnlyList<string>? keyChecks, TimeProvider clock, CancellationToken cancellation)
    {
        var findings = new List<Finding>();
        findings.AddRange(options.Validate().Select(f => new Finding(FindingLevel.Fail, "settings", f, "Correct the setting.")));
        if (findings.Count > 0)
        {
            return findings;
        }

        try
        {
            // No call waits for the doctor, so a busy server gets the time limit of a write.
            var patient = options with { ReadTimeoutMs = Math.Clamp(options.WriteTimeoutMs, options.ReadTimeoutMs, StoreOptions.MaxReadTimeoutMs) };
            await using var link = await RedisTopology.ConnectAsync(patient, clock, cancellation);
            // Before the manifest is read, the number of partitions is unknown.
            var servers = link.Servers(NumberPseudonym.MaxPartitions);
            foreach (var server in servers)
            {
                await ServerAsync(findings, server, servers.Count == 1 ? "" : $"{server.Server}: ", options, clock, cancellation);
            }

            await StoreAsync(findings, link, keyChecks, cancellation);
        }
        catch (StoreUnavailableException e)
        {
            findings.Add(new Finding(FindingLevel.Fail, "connection", e.Message, $"Check the address ({options.Servers}), the credentials and the server's log."));
        }

        return findings;
    }

    private static async Task ServerAsync(
        List<Finding> findings, ServerLink server, string name, StoreOptions options, TimeProvider clock, CancellationToken cancellation)
    {
        var found = new List<Finding>();
        try
        {
            var info = await server.WriteAsync(db => server.InfoAsync(db, ""), cancellation);
            found.Add(new Finding(FindingLevel.Ok, "connection", $"Connected; the server is version {info.GetValueOrDefault("redis_version")}."));
            found.Add(RedisServerCheck.PlainText(server.Server, options) is { } plain
                ? new Finding(FindingLevel.Warn, "tls", plain)
                : new Finding(FindingLevel.Ok, "tls", "No connection uses a network in plain text."));
            var setting = info.ContainsKey("maxmemory_policy") ? null : await RedisServerCheck.SettingAsync(server, "maxmemory-policy", cancellation);
            Server(found, info, setting, options);
            if (await RedisServerCheck.AheadAsync(server, clock, cancellation) is { } ahead)
            {
                found.Add(Clock(ahead));
            }

            await SettingsAsync(found, server, options, cancellation);
        }
        finally
        {
            findings.AddRange(found.Select(finding => finding with { What = name + finding.What }));
        }
    }

    private static Finding Clock(TimeSpan ahead)
    {
        var differs = string.Create(
            CultureInfo.InvariantCulture, $"This machine's clock is {ahead.Duration().TotalSeconds:0.0} s {(ahead > TimeSpan.Zero ? "ahead of" : "behind")} the server's.");
        return ahead.Duration() > TimeSpan.FromSeconds(1)
            ? new Finding(FindingLevel.Fail, "clock", differs, "Synchronise both with NTP: a service with such a clock does not serve.")
            : new Finding(FindingLevel.Ok, "clock", "This machine and the server have the same time.");
    }

    private static void Server(List<Finding> findings, Dictionary<string, string> info, string? setting, StoreOptions options)
    {
        var role = info.GetValueOrDefault("role");
        findings.Add(role == "master"
            ? new Finding(FindingLevel.Ok, "role", "The server is a primary.")
            : new Finding(FindingLevel.Fail, "role", $"The server is a {role}.", "Connect to the primary."));
        var policy = info.GetValueOrDefault("maxmemory_policy") ?? setting;
        findings.Add(policy is null
            ? new Finding(FindingLevel.Warn, "maxmemory-policy", "The server does not report it.", "Make sure that it is noeviction where the server is hosted: otherwise it may evict facts.")
            : policy == "noeviction"
            ? new Finding(FindingLevel.Ok, "maxmemory-policy", "noeviction: the server rejects writes rather than evicting facts.")
            : new Finding(FindingLevel.Fail, "maxmemory-policy", $"{policy}: the server may evict facts.", "CONFIG SET maxmemory-policy noeviction"));
        findings.Add(info.GetValueOrDefault("aof_enabled") == "1"
            ? new Finding(FindingLevel.Ok, "appendonly", "On.")
            : new Finding(
                options.RequireAppendOnly ? FindingLevel.Fail : FindingLevel.Warn,
                "appendonly",
                "Off: facts since the last snapshot are lost when the server stops.",
                "CONFIG SET appendonly yes"));
        if (Number(info, "evicted_keys") > 0)
        {
            findings.Add(new Finding(FindingLevel.Fail, "evicted_keys", "The server has evicted keys since it started.", "Load the facts again into a new store."));
        }

        var limit = Number(info, "maxmemory");
        var used = Number(info, "used_memory");
        findings.Add(limit > 0 && used > limit * 9 / 10
            ? new Finding(FindingLevel.Warn, "memory", $"{used / 1048576} of {limit / 1048576} MiB used.", "Raise maxmemory.")
            : new Finding(FindingLevel.Ok, "memory", limit > 0 ? $"{used / 1048576} of {limit / 1048576} MiB used." : $"{used / 1048576} MiB used, without a limit."));
        var replicas = Number(info, "connected_slaves");
        if (replicas < options.WaitReplicas)
        {
            findings.Add(new Finding(FindingLevel.Fail, "replicas", $"{replicas} connected, but writes wait for {options.WaitReplicas}.", "Connect replicas or lower WaitReplicas."));
        }
    }

    private static async Task SettingsAsync(List<Finding> findings, ServerLink server, StoreOptions options, CancellationToken cancellation)
    {
        try
        {
            var fsync = await ConfigAsync("appendfsync");
            findings.Add((fsync, options.WaitReplicas) switch
            {
                ("always", _) => new Finding(FindingLevel.Ok, "appendfsync", "always: a write is on the disk when it is acknowledged."),
                ("everysec", > 0) => new Finding(
                    FindingLevel.Ok, "appendfsync", $"everysec, and writes wait for {options.WaitReplicas} of the replicas: what one machine loses another has."),
                _ => new Finding(
                    FindingLevel.Warn,
                    "appendfsync",
                    $"{fsync}: up to two seconds of acknowledged writes are lost when the server or its machine stops suddenly.",
                    "CONFIG SET appendfsync always, or replicas and WaitReplicas"),
            });
            Size("hash-max-listpack-entries", await ConfigAsync("hash-max-listpack-entries"), MinListpackEntries);
            Size("hash-max-listpack-value", await ConfigAsync("hash-max-listpack-value"), Timeline.MaxSize);
        }
        catch (StoreUnavailableException)
        {
            findings.Add(new Finding(FindingLevel.Warn, "config", "The server does not show its settings.", "Check appendfsync, hash-max-listpack-entries and hash-max-listpack-value where it is hosted."));
        }

        void Size(string name, string? found, int wanted) =>
            findings.Add(long.TryParse(found, out var size) && size >= wanted
                ? new Finding(FindingLevel.Ok, name, $"{size}.")
                : new Finding(FindingLevel.Warn, name, $"{found}: buckets beyond it take several times the memory.", $"CONFIG SET {name} {wanted}"));

        async Task<string?> ConfigAsync(string name)
        {
            var answer = await server.WriteAsync(async db => (string[]?)await db.ExecuteAsync("CONFIG", "GET", name), cancellation);
            return answer is { Length: 2 } ? answer[1] : null;
        }
    }

    private static async Task StoreAsync(List<Finding> findings, RedisTopology link, IReadOnlyList<string>? keyChecks, CancellationToken cancellation)
    {
        try
        {
            var (manifest, state) = StoreManifestFormat.Read(await StoreManifestFormat.ReadAsync(link, cancellation));
            var created = DateTimeOffset.FromUnixTimeMilliseconds(manifest.Created).ToString("u", CultureInfo.InvariantCulture);
            findings.Add(new Finding(FindingLevel.Ok, "manifest", $"Set up {created} with {manifest.Partitions} partitions."));
            findings.Add(state == StoreManifestFormat.Ready
                ? new Finding(FindingLevel.Ok, "state", "Ready.")
                : new Finding(FindingLevel.Fail, "state", $"{state}: a setup or a first load is in progress or was interrupted.", "Run it again."));
            if (keyChecks is not null)
            {
                findings.Add(keyChecks.Contains(manifest.Phase.Key) && (!manifest.Phase.IsBoth || keyChecks.Contains(manifest.Phase.Next))
                    ? new Finding(FindingLevel.Ok, "key", "The encryption key is the store's.")
                    : new Finding(FindingLevel.Fail, "key", RedisFaults.Key(manifest.Phase).Message, "Use the store's key; without it the store is worthless."));
            }

            if (await KeyRotation.LeftAsync(link, manifest.Phase, cancellation) is { } left)
            {
                findings.Add(new Finding(FindingLevel.Warn, "rekey", left, "Continue with 'lookup rekey'."));
            }

            if (state == StoreManifestFormat.Ready)
            {
                findings.AddRange(await StoreContents.ExamineAsync(link, manifest, cancellation));
            }
        }
        catch (StoreUnavailableException e)
        {
            findings.Add(new Finding(FindingLevel.Fail, "store", e.Message, e.Fault == StoreFault.NotInitialised ? "Run `lookup init`." : ""));
        }
    }

    private static long Number(Dictionary<string, string> info, string name) =>
        long.TryParse(info.GetValueOrDefault(name), CultureInfo.InvariantCulture, out var number) ? number : 0;
}
