using System.Diagnostics;
using Grpc.Net.Client;
using Lookup.Load.Chaos.Stores;
using Lookup.Load.Processes;

namespace Lookup.Load.Chaos.Workload;

/// <summary>One `lookup serve` process on ports that it keeps when it is killed and started again.</summary>
/// <param name="tool">Path of the `lookup` tool.</param>
/// <param name="index">From 0 on.</param>
/// <param name="store">Arguments that name the store and its key.</param>
/// <param name="clock">Its clocks, where they can be stopped with it.</param>
internal sealed class Instance(string tool, int index, string[] store, StoppableClock? clock = null) : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LineLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan SetRightAfter = TimeSpan.FromSeconds(1);

    private readonly int _port = RedisNode.FreePort();
    private ChildProcess? _process;
    private readonly List<GrpcChannel> _channels = [];
    private GrpcChannel? _channel;

    /// <summary>Instances on a store, none of them started.</summary>
    internal static Instance[] Of(string tool, int count, ChaosStore store, string keyFile, Func<int, StoppableClock?> clock, params string[] settings) =>
    [
        .. Enumerable.Range(0, count).Select(i => new Instance(
            tool, i, ["--redis", store.ConnectionOf(i), "--key-file", keyFile, "--wait-replicas", $"{store.WaitReplicas}", .. settings], clock(i))),
    ];

    internal int Index => index;

    internal GrpcChannel Channel => Volatile.Read(ref _channel) ?? throw new InvalidOperationException("The instance was never started.");

    /// <summary>Starts it; a start that the store refuses is tried again, as a supervisor would.</summary>
    /// <exception cref="InvalidOperationException">It does not come up.</exception>
    internal async Task StartAsync(CancellationToken ct)
    {
        // A channel whose server went away in the midst of connecting may never connect again.
        _channels.Add(Connect());
        Volatile.Write(ref _channel, _channels[^1]);
        for (var until = Stopwatch.StartNew(); ;)
        {
            var process = new ChildProcess(
                tool,
                ["serve", "--json", "--listen", $"127.0.0.1:{_port}", "--json-port", $"{RedisNode.FreePort()}", .. store],
                clock?.Environment);
            try
            {
                await process.ReadLineAsync(LineLimit, ct);
                _process = process;
                return;
            }
            catch (InvalidOperationException) when (until.Elapsed < StartLimit)
            {
                await process.DisposeAsync();
                await Task.Delay(Pause, ct);
            }
            catch
            {
                await process.DisposeAsync();
                throw;
            }
        }
    }

    /// <summary>Kills it with -9.</summary>
    internal async Task KillAsync()
    {
        if (_process is null)
        {
            return;
        }

        await _process.DisposeAsync();
        _process = null;
    }

    internal void Freeze() => Signals.Freeze(_process!.Id);

    internal void Thaw() => Signals.Thaw(_process!.Id);

    /// <summary>Stops it and its clocks for a time; some moments after it goes on they are set right.</summary>
    internal async Task SuspendAsync(TimeSpan length, CancellationToken ct)
    {
        Freeze();
        try
        {
            await Task.Delay(length, ct);
            clock!.Behind(length);
        }
        finally
        {
            Thaw();
        }

        await Task.Delay(SetRightAfter, ct);
        clock!.Behind(TimeSpan.Zero);
    }

    public async ValueTask DisposeAsync()
    {
        _channels.ForEach(channel => channel.Dispose());
        await KillAsync();
    }

    private GrpcChannel Connect() => GrpcChannel.ForAddress(
        $"http://127.0.0.1:{_port}",
        new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler
            {
                EnableMultipleHttp2Connections = true,
                KeepAlivePingDelay = TimeSpan.FromSeconds(2),
                KeepAlivePingTimeout = TimeSpan.FromSeconds(4),
            },
            InitialReconnectBackoff = TimeSpan.FromMilliseconds(100),
            MaxReconnectBackoff = TimeSpan.FromSeconds(1),
            DisposeHttpClient = true,
        });
}
