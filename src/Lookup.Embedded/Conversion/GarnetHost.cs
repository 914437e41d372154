using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using Garnet;
using Garnet.server;
using Garnet.server.Auth.Settings;
using Microsoft.Extensions.Logging;
using Tsavorite.core;

namespace Lookup.Embedded.Conversion;

/// <summary>
/// Runs Garnet in this process with the settings of earlier versions, to read their files, on a socket that only this user can
/// open.
/// </summary>
internal sealed class GarnetHost : IDisposable
{
    private const int LogSegmentMiB = 16;
    private const int MemoryMiB = 4_096;
    private readonly GarnetServer _server;

    private GarnetHost(GarnetServer server, string connectionString)
    {
        _server = server;
        ConnectionString = connectionString;
    }

    internal string ConnectionString { get; }

    /// <summary>Starts a server on a folder and recovers its contents.</summary>
    internal static GarnetHost Start(DataFolder folder, ILoggerFactory logs)
    {
        var socket = Path.Combine(folder.SocketFolder, "s");
        var password = Convert.ToHexString(RandomNumberGenerator.GetBytes(16));
        var server = new GarnetServer(
            new GarnetServerOptions(logs.CreateLogger("Garnet"))
            {
                EndPoints = [new UnixDomainSocketEndPoint(socket)],
                UnixSocketPath = socket,
                UnixSocketPermission = UnixFileMode.UserRead | UnixFileMode.UserWrite,
                AuthSettings = new PasswordAuthenticationSettings(password),
                QuietMode = true,
                DisablePubSub = true,
                EnableLua = true,
                LuaOptions = new LuaOptions(),
                // A script locks the keys it names until it ends, so compare and set is one step, see Lookup.Redis.
                LuaTransactionMode = true,
                EnableAOF = true,
                Recover = true,
                FailOnRecoveryError = true,
                WaitForCommit = false,
                CommitFrequencyMs = -1,
                AofMemorySize = "64m",
                AofPageSize = "8m",
                AofSegmentSize = MiB(LogSegmentMiB),
                // Without a disk tier, records that exceed the memory would be dropped.
                EnableStorageTier = true,
                LogDir = folder.OldStoreFolder,
                CheckpointDir = folder.OldStoreFolder,
                LogMemorySize = MiB(MemoryMiB),
                PageSize = "4m",
                SegmentSize = "64m",
                ObjectLogSegmentSize = "64m",
                IndexMemorySize = "16m",
                IndexMaxMemorySize = "1g",
                // The default device needs libaio and ends the process if it is missing.
                DeviceType = DeviceType.RandomAccess,
                DeviceFactoryCreator = new LocalStorageNamedDeviceFactoryCreator(
                    deviceType: DeviceType.RandomAccess, logger: logs.CreateLogger("Device")),
            },
            logs);
        server.Start();
        return new GarnetHost(server, $"!{socket},password={password}");
    }

    public void Dispose() => _server.Dispose();

    private static string MiB(int size) => string.Create(CultureInfo.InvariantCulture, $"{size}m");
}
