using Grpc.Core;
using Lookup.V1;

namespace Lookup.Client;

/// <summary>
/// A snapshot of a register on its way into the service: add the numbers, compare, then apply, or dispose of it and
/// nothing has changed. One caller at a time. Every method throws <see cref="LookupException"/> where the service refuses
/// or cannot be asked.
/// </summary>
public sealed class SnapshotUpload : IDisposable
{
    /// <summary>Most numbers of one <see cref="AddAsync"/>.</summary>
    public const int MaxChunk = 8_192;

    private readonly AsyncDuplexStreamingCall<LoadSnapshotRequest, LoadSnapshotResponse> _call;
    private readonly Uri _address;
    private readonly CancellationToken _cancellation;

    internal SnapshotUpload(
        AsyncDuplexStreamingCall<LoadSnapshotRequest, LoadSnapshotResponse> call, Uri address, CancellationToken cancellation)
    {
        _call = call;
        _address = address;
        _cancellation = cancellation;
    }

    /// <summary>Adds numbers that stand on the register with the same categories.</summary>
    /// <param name="numbers">E.164 as integers, 1 to <see cref="MaxChunk"/>.</param>
    /// <param name="categories">In the register's words; none for all.</param>
    public Task AddAsync(IReadOnlyList<ulong> numbers, IReadOnlyList<string> categories) => SendAsync(
        new LoadSnapshotRequest { Numbers = new LoadSnapshotNumbers { Numbers = { numbers }, Categories = { categories } } });

    /// <summary>Ends the numbers and tells what they would change.</summary>
    /// <param name="fileSha256">SHA-256 of the file, or empty.</param>
    /// <param name="invalidLines">Lines that hold no number, for the record.</param>
    public async Task<SnapshotDifference> CompareAsync(string fileSha256, long invalidLines)
    {
        await SendAsync(new LoadSnapshotRequest
        {
            Compare = new LoadSnapshotCompare { FileSha256 = fileSha256, InvalidLines = invalidLines },
        });
        return (await NextAsync()).Difference ?? throw Unexpected();
    }

    /// <summary>Writes the difference and makes it count.</summary>
    /// <param name="acceptChange">Also where more would change than was allowed.</param>
    /// <param name="progress">Takes how much is written.</param>
    public async Task<LoadSnapshotDone> ApplyAsync(bool acceptChange, Action<LoadSnapshotProgress> progress)
    {
        ArgumentNullException.ThrowIfNull(progress);
        await SendAsync(new LoadSnapshotRequest { Apply = new LoadSnapshotApply { AcceptChange = acceptChange } });
        while (true)
        {
            var response = await NextAsync();
            switch (response.StepCase)
            {
                case LoadSnapshotResponse.StepOneofCase.Progress:
                    progress(response.Progress);
                    break;
                case LoadSnapshotResponse.StepOneofCase.Done:
                    return response.Done;
                default:
                    throw Unexpected();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _call.Dispose();

    internal async Task SendAsync(LoadSnapshotRequest request)
    {
        try
        {
            await _call.RequestStream.WriteAsync(request, _cancellation);
        }
        catch (Exception exception) when (exception is RpcException or InvalidOperationException)
        {
            // Why the call has ended is with its answers.
            _cancellation.ThrowIfCancellationRequested();
            await NextAsync();
            throw;
        }
    }

    private async Task<LoadSnapshotResponse> NextAsync()
    {
        try
        {
            return await _call.ResponseStream.MoveNext(_cancellation) ? _call.ResponseStream.Current : throw Unexpected();
        }
        catch (RpcException exception)
        {
            _cancellation.ThrowIfCancellationRequested();
            throw LookupException.From(exception, _address);
        }
    }

    private LookupException Unexpected() =>
        LookupException.From(new RpcException(new Status(StatusCode.Internal, "The service ended the load without a result.")), _address);
}
