using System.Globalization;
using System.Reflection;
using Lookup.Redis;

namespace Lookup.Server;

/// <summary>Identifies this instance of the service.</summary>
internal sealed class Instance(StoreManifest manifest, TimeProvider clock)
{
    /// <summary>Unique id: every container has the process id 1, and machines can share a name.</summary>
    public string Id { get; } = Guid.NewGuid().ToString("n")[..12];

    /// <summary>Version of the service, without the commit.</summary>
    public string Version { get; } =
        (typeof(Instance).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "").Split('+')[0];

    /// <summary>Name of the machine.</summary>
    public string Host { get; } = Environment.MachineName;

    /// <summary>Id of the process.</summary>
    public int Process { get; } = Environment.ProcessId;

    /// <summary>Start time, in Unix milliseconds.</summary>
    public long Started { get; } = clock.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Store epoch of its store.</summary>
    public string Epoch { get; } = manifest.Epoch.ToString("x16", CultureInfo.InvariantCulture);
}
