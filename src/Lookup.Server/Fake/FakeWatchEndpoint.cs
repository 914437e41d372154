using Grpc.Core;
using Lookup.Core.Facts;
using Lookup.Server.Errors;

namespace Lookup.Server.Fake;

/// <summary>lookup.v1.WatchService for facts recorded with the fake service.</summary>
internal sealed class FakeWatchEndpoint(IFakeAnswers answers, Drain drain, LookupServerOptions options) : V1.WatchService.WatchServiceBase
{
    /// <inheritdoc/>
    public override async Task Watch(V1.WatchRequest request, IServerStreamWriter<V1.WatchResponse> responseStream, ServerCallContext context)
    {
        List<FieldFault>? faults = null;
        for (var i = 0; i < request.Organisations.Count; i++)
        {
            if (!FieldFaults.IsName(request.Organisations[i]))
            {
                FieldFaults.Add(ref faults, $"organisations[{i}]", FieldFaults.NameRule);
            }
        }

        FieldFaults.ThrowIfAny(faults);
        drain.Track(context);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, drain.Begun);
        await FakeLookupEndpoint.MarkAsync(context);
        try
        {
            await foreach (var response in answers.WatchAsync(request, stop.Token))
            {
                await responseStream.WriteAsync(response, stop.Token);
            }
        }
        catch (OperationCanceledException) when (drain.Ends(context))
        {
            throw RpcErrors.Unavailable("The service is shutting down; resume at another instance with the last resume token.", options.RetryAfterMs);
        }
    }
}
