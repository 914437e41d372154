using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;
using Grpc.Reflection.V1Alpha;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace Lookup.ServiceTests.Server;

public sealed class HealthTests(LookupServer server) : IClassFixture<LookupServer>
{
    private Health.HealthClient Health => new(server.Invoker);

    [Theory]
    [InlineData("")]
    [InlineData("lookup.v1.LookupService")]
    [InlineData("lookup.v1.FactService")]
    [InlineData("lookup.v1.RegistryService")]
    [InlineData("lookup.v1.ImportService")]
    public async Task Health_GoodStore_IsServing(string service) =>
        Assert.Equal(ServingStatus.Serving, (await Health.CheckAsync(new HealthCheckRequest { Service = service })).Status);

    [Fact]
    public async Task Health_ByHttp_IsServing() => Assert.Equal("SERVING\n", await server.Http.GetStringAsync("/health"));

    [Fact]
    public async Task Health_UnknownService_IsNotFound()
    {
        var error = await Assert.ThrowsAsync<RpcException>(() => Health.CheckAsync(new HealthCheckRequest { Service = "x" }).ResponseAsync);
        Assert.Equal(StatusCode.NotFound, error.StatusCode);
        using var watch = Health.Watch(new HealthCheckRequest { Service = "x" });
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(ServingStatus.ServiceUnknown, watch.ResponseStream.Current.Status);
    }

    [Fact]
    public async Task Reflection_ListServices_NamesThem()
    {
        var client = new ServerReflection.ServerReflectionClient(server.Invoker);
        using var call = client.ServerReflectionInfo();
        await call.RequestStream.WriteAsync(new ServerReflectionRequest { ListServices = "" });
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        var names = call.ResponseStream.Current.ListServicesResponse.Service.Select(s => s.Name);
        Assert.Contains("lookup.v1.LookupService", names);
        await call.RequestStream.CompleteAsync();
    }

    [Fact]
    public async Task Stop_OpenWatchAndImport_EndsThemWithinTheDrainLimit()
    {
        var own = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        using var channel = GrpcChannel.ForAddress(own.Host.GrpcAddress);
        using var watch = new Health.HealthClient(channel).Watch(new HealthCheckRequest());
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(ServingStatus.Serving, watch.ResponseStream.Current.Status);
        using var import = own.Facts.ImportFacts();
        await import.RequestStream.WriteAsync(new V1.ImportFactsRequest { Sequence = 1, Facts = { Samples.Objection(Samples.NewNumber()) } });
        Assert.True(await import.ResponseStream.MoveNext(CancellationToken.None));

        var stop = own.Host.StopAsync();
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(ServingStatus.NotServing, watch.ResponseStream.Current.Status);
        Assert.False(await watch.ResponseStream.MoveNext(CancellationToken.None));
        var error = await Assert.ThrowsAsync<RpcException>(() => import.ResponseStream.MoveNext(CancellationToken.None));
        Assert.True(error.StatusCode == StatusCode.Unavailable, error.ToString());
        Assert.Contains("shutting down", error.Status.Detail, StringComparison.Ordinal);
        await stop;
        await own.DisposeAsync();
    }
}
