using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Server;

namespace Lookup.Testing.Cli;

/// <summary>The real service on an embedded store in a temporary folder, for the tests of a class.</summary>
public sealed class RunningService : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private LocalService? _service;

    public string Address => _service!.GrpcAddress.ToString();

    public string JsonAddress => _service!.JsonAddress.ToString();

    public async ValueTask InitializeAsync()
    {
        var shell = new Shell(TextWriter.Null, TextWriter.Null, Stream.Null, TimeProvider.System);
        _service = await LocalService.StartAsync(
            new LookupServerOptions { GrpcPort = 0, JsonPort = 0, StoreReadLimitMs = 10_000, FreshnessBoundMs = 5_000 },
            new StoreSettings(_folder.PathOf("data"), null, null) { Create = true },
            shell,
            LogFormat.None,
            TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (_service is not null)
        {
            await _service.EndAsync();
        }

        _folder.Dispose();
    }
}
