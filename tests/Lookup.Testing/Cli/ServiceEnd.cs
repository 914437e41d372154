using Lookup.Cli.Hosting;

namespace Lookup.Testing.Cli;

/// <summary>Ends services of the tool and fails where one of them met an exception that no code expects.</summary>
internal static class ServiceEnd
{
    internal static async Task EndAsync(this LocalService service)
    {
        await service.DisposeAsync();
        Assert.True(service.ErrorCount == 0, $"{service.ErrorCount} unexpected exceptions, the newest: {service.NewestError}");
    }

    internal static async Task EndAsync(this FakeService service)
    {
        await service.DisposeAsync();
        Assert.True(service.ErrorCount == 0, $"{service.ErrorCount} unexpected exceptions, the newest: {service.NewestError}");
    }
}
