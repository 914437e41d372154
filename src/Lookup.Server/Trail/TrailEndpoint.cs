using System.Text;
using Grpc.Core;
using Lookup.Core.Facts;
using Lookup.Redis.Trail;
using Lookup.Server.Errors;
using Lookup.Server.Store;

namespace Lookup.Server.Trail;

/// <summary>lookup.v1.TrailService.</summary>
internal sealed class TrailEndpoint(ITrailStore store, LookupServerOptions options) : V1.TrailService.TrailServiceBase
{
    /// <inheritdoc/>
    public override async Task<V1.ListTrailResponse> ListTrail(V1.ListTrailRequest request, ServerCallContext context)
    {
        List<FieldFault>? faults = null;
        if (request.From < 0)
        {
            FieldFaults.Add(ref faults, "from", $"{request.From} is negative; must be the number of an entry, from 0.");
        }

        if (request.PageSize < 0)
        {
            FieldFaults.Add(ref faults, "page_size", $"{request.PageSize} is negative; must be 1 to 1,000, or 0 for 1,000.");
        }

        FieldFaults.ThrowIfAny(faults);
        var size = request.PageSize == 0 ? ITrailStore.MaxPage : Math.Min(request.PageSize, ITrailStore.MaxPage);
        // Uses the time limit of writes, because no decision waits for it.
        using var call = new StoreDeadline(context, options.StoreWriteLimitMs);
        try
        {
            var entries = await store.ReadAsync(request.From, size, call.Token);
            return new V1.ListTrailResponse { Entries = { entries.Select(entry => Encoding.UTF8.GetString(entry)) } };
        }
        catch (OperationCanceledException) when (call.Expired)
        {
            throw StoreDeadline.TooSlow();
        }
    }
}
