namespace Lookup.Server.Fake;

/// <summary>What a fake service answers. Every answer must be marked as one of a fake.</summary>
public interface IFakeAnswers
{
    /// <summary>Decides one call. The request is in order, its number in E.164. A failure is thrown as an RpcException.</summary>
    public Task<V1.CheckResponse> CheckAsync(V1.CheckRequest request, CancellationToken cancellation);

    /// <summary>Remembers facts, each in order.</summary>
    public Task<V1.RecordFactsResponse> RecordAsync(V1.RecordFactsRequest request, CancellationToken cancellation);

    /// <summary>Tells of what is remembered from now on, or from after a token, until it is cancelled.</summary>
    public IAsyncEnumerable<V1.WatchResponse> WatchAsync(V1.WatchRequest request, CancellationToken cancellation);

    /// <summary>What was remembered of a number in E.164.</summary>
    public Task<V1.ListFactsResponse> ListAsync(V1.ListFactsRequest request, CancellationToken cancellation);
}
