using Grpc.Core;
using Grpc.Net.Client;

namespace Lookup.Client;

/// <summary>
/// The channels of a client, used in rotation, and one channel for lists: a list fills the flow-control window of its
/// connection, and a broken list connection must not end single checks. Each channel connects with its first call.
/// </summary>
internal sealed class ChannelPool : CallInvoker, IDisposable
{
    private readonly GrpcChannel[] _channels;
    private readonly CallInvoker[] _invokers;
    private readonly GrpcChannel _lists;
    private readonly CallInvoker _listInvoker;
    private int _turn = -1;

    public ChannelPool(LookupClientOptions options)
    {
        _channels = new GrpcChannel[options.Channels];
        for (var i = 0; i < _channels.Length; i++)
        {
            _channels[i] = Connect();
        }

        _invokers = [.. _channels.Select(channel => channel.CreateCallInvoker())];
        _lists = Connect();
        _listInvoker = _lists.CreateCallInvoker();

        GrpcChannel Connect() => GrpcChannel.ForAddress(options.Address, Connecting.ChannelOptions(options));
    }

    public int Count => _invokers.Length;

    /// <summary>A single channel.</summary>
    public CallInvoker this[int index] => _invokers[index];

    /// <summary>Index of the next channel in the rotation.</summary>
    public int Next() => (int)((uint)Interlocked.Increment(ref _turn) % (uint)_invokers.Length);

    public void Dispose()
    {
        foreach (var channel in _channels)
        {
            channel.Dispose();
        }

        _lists.Dispose();
    }

    public override TResponse BlockingUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        _invokers[Next()].BlockingUnaryCall(method, host, options, request);

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        _invokers[Next()].AsyncUnaryCall(method, host, options, request);

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        _invokers[Next()].AsyncServerStreamingCall(method, host, options, request);

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) =>
        _invokers[Next()].AsyncClientStreamingCall(method, host, options);

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) =>
        _listInvoker.AsyncDuplexStreamingCall(method, host, options);
}
