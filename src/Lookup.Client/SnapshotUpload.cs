using Grpc.Core;
using Lookup.V1;

namespace Lookup.Client;

/// <summary>
/// Uploads a snapshot of a register: add the numbers, compare, then apply; disposing it before that changes nothing. Not
/// thread-safe. Every method throws <see cref="LookupException"/> if the service rejects the call or cannot be reached.
/// </summary>
public sealed class SnapshotUpload : IDisposable
{
    /// <summary>Maximum numbers of one <see cref="AddAsync"/>.</summary>
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

    /// <summary>Adds numbers with the same categories.</summary>
    /// <param name="numbers">E.164 as integers, 1 to <see cref="MaxChunk"/>.</param>
    /// <param name="categories">The register's category names; empty: all.</param>
    public Task AddAsync(IReadOnlyList<ulong> numbers, IReadOnlyList<string> categories) => SendAsync(
        new LoadSnapshotRequest { Numbers = new LoadSnapshotNumbers { Numbers = { numbers }, Categories = { categories } } });

    /// <summary>Ends the list of numbers and returns what it would change.</summary>
    /// <param name="fileSha256">SHA-256 of the file; may be empty.</param>
    /// <param name="invalidLines">Count of lines without a valid number, for the import's record.</param>
    public async Task<SnapshotDifference> CompareAsync(string fileSha256, long invalidLines)
    {
        await SendAsync(new LoadSnapshotRequest
        {
            Compare = new LoadSnapshotCompare { FileSha256 = fileSha256, InvalidLines = invalidLines },
        });
        return (await NextAsync()).Difference ?? throw Unexpected();
    }

    /// <summary>Writes the difference and switches the register to it.</summary>
    /// <param name="acceptChange">Apply even if more would change than allowed.</param>
    /// <param name="progress">Receives the progress.</param>
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
            // The response stream has the reason why the call ended.
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
