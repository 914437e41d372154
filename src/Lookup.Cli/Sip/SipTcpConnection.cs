using System.Net;

namespace Lookup.Cli.Sip;

/// <summary>Separates the messages of a TCP connection, and sends responses on it.</summary>
/// <param name="stream">The connection.</param>
/// <param name="messageTime">Time limit from the first byte of a message to its last, and for a response to be accepted.</param>
/// <param name="stop">Ends the connection.</param>
internal sealed class SipTcpConnection(Stream stream, TimeSpan messageTime, CancellationToken stop) : ISipConnection, IDisposable
{
    private readonly byte[] _buffer = new byte[SipUdp.MaxMessage];
    private readonly SemaphoreSlim _sending = new(1);
    private int _length;

    public bool IsReliable => true;

    /// <summary>Returns the next request, without its body; null at the end of the connection.</summary>
    /// <exception cref="InvalidDataException">The bytes are not SIP requests, or one is too long.</exception>
    /// <exception cref="OperationCanceledException">A message took too long.</exception>
    public async Task<SipRequest?> ReadAsync()
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var hasStarted = false;
        while (true)
        {
            Skip(_buffer.AsSpan(0, _length).IndexOfAnyExcept((byte)'\r', (byte)'\n') is >= 0 and var start ? start : _length);
            var head = _buffer.AsSpan(0, _length).IndexOf("\r\n\r\n"u8) + 4;
            if (head >= 4)
            {
                var request = SipRequest.Read(_buffer.AsSpan(0, head)) ?? throw new InvalidDataException();
                if (request.ContentLength > _buffer.Length - head)
                {
                    throw new InvalidDataException();
                }

                while (_length < head + request.ContentLength)
                {
                    if (await FillAsync() == 0)
                    {
                        return null;
                    }
                }

                Skip(head + request.ContentLength);
                return request;
            }

            if (_length == _buffer.Length)
            {
                throw new InvalidDataException();
            }

            if (await FillAsync() == 0)
            {
                return null;
            }
        }

        // A connection may be idle; a message that has started may not, and further bytes give it no further time.
        async Task<int> FillAsync()
        {
            if (_length > 0 && !hasStarted)
            {
                hasStarted = true;
                limit.CancelAfter(messageTime);
            }

            var read = await stream.ReadAsync(_buffer.AsMemory(_length), limit.Token);
            _length += read;
            return read;
        }
    }

    public async ValueTask SendAsync(ReadOnlyMemory<byte> message, IPEndPoint to)
    {
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
            limit.CancelAfter(messageTime);
            await _sending.WaitAsync(limit.Token);
            try
            {
                await stream.WriteAsync(message, limit.Token);
            }
            finally
            {
                _sending.Release();
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // A part of a response may have been sent; nothing can follow it.
            await stream.DisposeAsync();
        }
    }

    public void Dispose()
    {
        // Responses of calls that are still being decided fail on the closed stream.
    }

    private void Skip(int count)
    {
        Buffer.BlockCopy(_buffer, count, _buffer, 0, _length - count);
        _length -= count;
    }
}
