namespace Lookup.Server.Fake;

/// <summary>The answers of a fake service. Every answer must be marked as fake.</summary>
public interface IFakeAnswers
{
    /// <summary>Decides one call. The request is valid, its number in E.164. Throws RpcException to fail.</summary>
    public Task<V1.CheckResponse> CheckAsync(V1.CheckRequest request, CancellationToken cancellation);

    /// <summary>Stores valid facts.</summary>
    public Task<V1.RecordFactsResponse> RecordAsync(V1.RecordFactsRequest request, CancellationToken cancellation);

    /// <summary>Returns facts recorded from now on, or after a resume token, until cancelled.</summary>
    public IAsyncEnumerable<V1.WatchResponse> WatchAsync(V1.WatchRequest request, CancellationToken cancellation);

    /// <summary>Returns the facts of a number in E.164.</summary>
    public Task<V1.ListFactsResponse> ListAsync(V1.ListFactsRequest request, CancellationToken cancellation);
}
