using Lookup.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Lookup.ServiceTests.ClientLibrary;

public sealed class AddLookupClientTests
{
    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AddLookupClient_GoodOptions_GivesOneClientThatAsks()
    {
        await using var service = await CheckScripts.ServiceAsync(_ => CheckScripts.Response(CheckScripts.Decision()));
        await using var provider = new ServiceCollection().AddLookupClient(o => o.Address = new Uri(service.Address)).BuildServiceProvider();

        var client = provider.GetRequiredService<ILookupClient>();

        Assert.Same(client, provider.GetRequiredService<LookupClient>());
        Assert.True((await client.CheckAsync(CheckScripts.Number, CheckScripts.Asked, cancellationToken: Test)).MayCall);
    }

    [Fact]
    public async Task AddLookupClient_FaultyOptions_StopTheStartWithEveryFault()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddLookupClient(o =>
        {
            o.Channels = 0;
            o.Timeout = TimeSpan.Zero;
            o.ReuseLimit = -1;
            o.HedgeAfter = TimeSpan.FromHours(1);
            o.StreamChunkSize = 8_193;
        });
        using var host = builder.Build();

        var exception = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Test));

        Assert.Equal(
            ["Address", "Channels", "HedgeAfter", "ReuseLimit", "StreamChunkSize", "Timeout"],
            exception.Failures.Select(f => f.Split(' ')[0]).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("localhost:7500")]
    [InlineData("ftp://localhost")]
    [InlineData("/relative")]
    public void Options_AddressOfAnotherKind_IsAFault(string address) =>
        Assert.Single(new LookupClientOptions { Address = new Uri(address, UriKind.RelativeOrAbsolute) }.Faults());

    [Fact]
    public void Options_HedgeWithOneChannel_IsAFault() =>
        Assert.Single(new LookupClientOptions { Address = new Uri("http://localhost"), Channels = 1, HedgeAfter = TimeSpan.FromMilliseconds(5) }.Faults());
}
