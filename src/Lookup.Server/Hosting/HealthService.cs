using System.Collections.Frozen;
using System.Net;
using Grpc.Core;
using Grpc.Health.V1;
using Lookup.Server.Access;
using Lookup.Server.Errors;
using Lookup.Server.Reading;
using Lookup.Server.Receipts;
using Lookup.Server.Store;
using Microsoft.AspNetCore.Http;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace Lookup.Server.Hosting;

/// <summary>
/// grpc.health.v1: each service is SERVING if the store provides what it needs. The empty name means the whole service, which is
/// SERVING while checks are answered.
/// </summary>
internal sealed class HealthService(
    StoreMonitor monitor, ReadView view, ReceiptWriter receipts, LookupServerOptions options, TimeProvider clock, Drain drain)
    : Health.HealthBase
{
    private enum Needs
    {
        /// <summary>The store is the expected one and answers, and required receipts can be written.</summary>
        Answers,

        /// <summary>The store also accepts writes.</summary>
        Writes,

        /// <summary>The store answers, and this instance follows its changes within the freshness bound.</summary>
        Changes,

        /// <summary>Receipts are kept and can be written.</summary>
        Receipts,
    }

    private static readonly FrozenDictionary<string, Needs> Known = new Dictionary<string, Needs>
    {
        [""] = Needs.Answers,
        [V1.LookupService.Descriptor.FullName] = Needs.Answers,
        [V1.AccessService.Descriptor.FullName] = Needs.Writes,
        [V1.FactService.Descriptor.FullName] = Needs.Writes,
        [V1.ImportService.Descriptor.FullName] = Needs.Writes,
        [V1.RegistryService.Descriptor.FullName] = Needs.Writes,
        [V1.WatchService.Descriptor.FullName] = Needs.Changes,
        [V1.TrailService.Descriptor.FullName] = Needs.Answers,
        [V1.ReceiptService.Descriptor.FullName] = Needs.Receipts,
    }.ToFrozenDictionary();

    private readonly Dictionary<IPAddress, int> _watches = [];

    /// <inheritdoc/>
    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context) =>
        Known.TryGetValue(request.Service, out var needs)
            ? Task.FromResult(new HealthCheckResponse { Status = Status(needs, monitor.Current) })
            : throw new RpcException(new Status(StatusCode.NotFound, "Unknown service name; use an empty name for the whole service."));

    /// <inheritdoc/>
    public override async Task Watch(
        HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, ServerCallContext context)
    {
        using var place = Open(context.GetHttpContext().Connection.RemoteIpAddress);
        drain.Track(context);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, drain.Begun);
        var known = Known.TryGetValue(request.Service, out var needs);
        var last = ServingStatus.Unknown;
        while (true)
        {
            var state = monitor.Current;
            var status = known ? Status(needs, state) : ServingStatus.ServiceUnknown;
            if (status != last)
            {
                await responseStream.WriteAsync(new HealthCheckResponse { Status = last = status }, context.CancellationToken);
            }

            if (end.IsCancellationRequested)
            {
                return;
            }

            // Filters expire and disks fill without a notification, so both are polled as often as the store.
            var pause = !known || needs == Needs.Writes ? Timeout.InfiniteTimeSpan : TimeSpan.FromMilliseconds(options.HealthProbeMs);
            await state.Changed.WaitAsync(pause, clock, end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>The response at <see cref="RpcRoles.HealthPage"/>: 200, or 503 if checks are not answered.</summary>
    internal IResult Answer(HttpContext context) => Answer(context, Status(Needs.Answers, monitor.Current) == ServingStatus.Serving);

    internal static IResult Answer(HttpContext context, bool serving)
    {
        context.Response.StatusCode = serving ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        RetryAfter.Set(context.Response);
        return Results.Text(serving ? "SERVING\n" : "NOT_SERVING\n", statusCode: context.Response.StatusCode);
    }

    // These streams need no credential.
    private WatchPlace Open(IPAddress? address)
    {
        var one = ConnectionShares.GroupOf(address);
        lock (_watches)
        {
            var ofOne = _watches.GetValueOrDefault(one);
            if (ofOne >= options.MaxHealthWatches / 2 || _watches.Values.Sum() >= options.MaxHealthWatches)
            {
                throw RpcErrors.Exhausted(
                    $"The limit of health streams is reached ({options.MaxHealthWatches}, half of them per address); use Check.", options.RetryAfterMs);
            }

            _watches[one] = ofOne + 1;
        }

        return new WatchPlace(this, one);
    }

    private void Close(IPAddress one)
    {
        lock (_watches)
        {
            if (--_watches[one] == 0)
            {
                _watches.Remove(one);
            }
        }
    }

    private ServingStatus Status(Needs needs, StoreMonitor.State state)
    {
        var serving = needs switch
        {
            Needs.Writes => state.TakesWrites,
            Needs.Changes => state.Serving && FollowsChanges(),
            Needs.Receipts => receipts.Log is { Fault: null },
            _ => state.Serving && !receipts.StopsAnswers,
        };
        return serving && !drain.Begun.IsCancellationRequested ? ServingStatus.Serving : ServingStatus.NotServing;
    }

    private bool FollowsChanges()
    {
        var now = clock.GetTimestamp();
        return Enumerable.Range(0, view.Partitions).All(p => view.Usable(p, null, now) is not null);
    }

    private sealed class WatchPlace(HealthService health, IPAddress one) : IDisposable
    {
        public void Dispose() => health.Close(one);
    }
}
