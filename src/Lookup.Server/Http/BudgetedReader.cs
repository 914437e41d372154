// For: bounding the memory of gRPC messages that arrive slowly.
//
// The gRPC library lets a message arrive whole before it parses it, and a connection has many calls: 300 unfinished messages of 4 MB took
// 1.6 GB. Here the bytes that wait in a call's pipe count in the budget of all bodies. A plain Check is answered before this reader exists.
using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Lookup.Server.Errors;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Lookup.Server.Http;

/// <summary>Reads a request and counts what is read but not yet consumed.</summary>
internal sealed class BudgetedReader(PipeReader inner, HttpContext context, BodyBudget budget, int retryAfterMs) : PipeReader, IRequestBodyPipeFeature
{
    // A block of the web server: no call has less.
    private const int Free = 4_096;

    private readonly BodyBudget.Share _share = new(budget, context, Free);
    private ReadOnlySequence<byte> _buffer;

    /// <inheritdoc/>
    public PipeReader Reader => this;

    /// <inheritdoc/>
    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        var reading = inner.ReadAsync(cancellationToken);
        return reading.IsCompletedSuccessfully ? new ValueTask<ReadResult>(Count(reading.Result)) : WaitAsync(reading);
    }

    /// <inheritdoc/>
    public override bool TryRead(out ReadResult result)
    {
        var isRead = inner.TryRead(out result);
        if (isRead)
        {
            Count(result);
        }

        return isRead;
    }

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        _share.TryResize(_buffer.IsEmpty ? 0 : _buffer.Slice(consumed).Length);
        _buffer = default;
        inner.AdvanceTo(consumed, examined);
    }

    /// <inheritdoc/>
    public override void CancelPendingRead() => inner.CancelPendingRead();

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    /// <summary>Returns to the budget what the call has left.</summary>
    internal void Release() => _share.Release();

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> WaitAsync(ValueTask<ReadResult> reading) => Count(await reading);

    private ReadResult Count(in ReadResult read)
    {
        if (!_share.TryResize(read.Buffer.Length))
        {
            // Consumed, so that the memory returns now and the connection's flow control stays right.
            inner.AdvanceTo(read.Buffer.End);
            Release();
            throw RpcErrors.Unavailable(RpcErrors.TooManyLarge, retryAfterMs);
        }

        _buffer = read.Buffer;
        return read;
    }
}

/// <summary>Gives each gRPC call a <see cref="BudgetedReader"/>.</summary>
internal sealed class MessageBudget(RequestDelegate next, BodyBudget budget, LookupServerOptions options)
{
    public Task InvokeAsync(HttpContext context) => RefusalWriter.IsGrpc(context.Request) ? RunAsync(context) : next(context);

    private async Task RunAsync(HttpContext context)
    {
        var reader = new BudgetedReader(context.Request.BodyReader, context, budget, options.RetryAfterMs);
        context.Features.Set<IRequestBodyPipeFeature>(reader);
        try
        {
            await next(context);
        }
        finally
        {
            reader.Release();
        }
    }
}
