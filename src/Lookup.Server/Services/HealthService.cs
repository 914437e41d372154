using Grpc.Core;
using Grpc.Health.V1;
using Lookup.Server.Hosting;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace Lookup.Server.Services;

/// <summary>grpc.health.v1: serving when the store can be asked and is the right one. The empty name stands for the whole.</summary>
internal sealed class HealthService(StoreMonitor monitor, Drain drain) : Health.HealthBase
{
    private static readonly HashSet<string> Known =
    [
        "",
        V1.LookupService.Descriptor.FullName,
        V1.FactService.Descriptor.FullName,
        V1.RegistryService.Descriptor.FullName,
        V1.ImportService.Descriptor.FullName,
    ];

    /// <inheritdoc/>
    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context) =>
        Known.Contains(request.Service)
            ? Task.FromResult(new HealthCheckResponse { Status = Status(monitor.Current) })
            : throw new RpcException(new Status(StatusCode.NotFound, "There is no service of this name."));

    /// <inheritdoc/>
    public override async Task Watch(
        HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, ServerCallContext context)
    {
        drain.Track(context);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, drain.Begun);
        var known = Known.Contains(request.Service);
        var last = ServingStatus.Unknown;
        while (true)
        {
            var state = monitor.Current;
            var status = known ? Status(state) : ServingStatus.ServiceUnknown;
            if (status != last)
            {
                await responseStream.WriteAsync(new HealthCheckResponse { Status = last = status }, context.CancellationToken);
            }

            if (end.IsCancellationRequested)
            {
                return;
            }

            await state.Changed.WaitAsync(end.Token).ContinueWith(static _ => { }, TaskScheduler.Default);
        }
    }

    private ServingStatus Status(StoreMonitor.State state) =>
        state.Serving && !drain.Begun.IsCancellationRequested ? ServingStatus.Serving : ServingStatus.NotServing;
}
