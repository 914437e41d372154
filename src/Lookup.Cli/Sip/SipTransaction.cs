using System.Net;
using Lookup.Cli.Gates;

namespace Lookup.Cli.Sip;

/// <summary>
/// One INVITE and its final response: repeated requests get the same answer and are not asked again (RFC 3261, 17.2.1).
/// </summary>
/// <remarks>
/// One rule differs from the RFC. A 302 is repeated only while its ALLOW is valid, and becomes 480 after that: a redirect that arrives late
/// would permit a call on an old answer. A caller that has received the 302 ignores what follows it.
/// </remarks>
internal sealed class SipTransaction(string key, SipRequest request, IPEndPoint source, ISipConnection connection, Trunk trunk)
{
    // Shorter than the usual 500 ms, because an ALLOW is valid for less than that.
    private static readonly TimeSpan FirstRepeat = TimeSpan.FromMilliseconds(150);
    private static readonly TimeSpan LongestRepeat = TimeSpan.FromSeconds(4);

    // Timers H and I: how long an answer waits for its ACK, and how long it is kept after that.
    private static readonly TimeSpan UnacknowledgedFor = TimeSpan.FromSeconds(32);
    private static readonly TimeSpan KeptAfterAck = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly IPEndPoint _to = request.TopVia.ReplyTo(source);
    private SipRequest? _request = request;
    private GateAnswer? _permit;
    private volatile byte[]? _final;
    private byte[]? _withoutPermit;
    private TimeSpan _repeatAfter = FirstRepeat;
    private TimeSpan _waited;
    private volatile bool _isAcknowledged;

    public string Key => key;

    public Trunk Trunk => trunk;

    /// <summary>The Request-URI; a repeated request has the same.</summary>
    public string Uri { get; } = request.Uri;

    /// <summary>Says that the decision takes a while, so that the other side does not repeat its request.</summary>
    public async Task SendTryingAsync()
    {
        byte[] message;
        lock (_lock)
        {
            if (_request is null)
            {
                return;
            }

            message = SipResponse.Write(_request, source, "100 Trying", tag: null);
        }

        await connection.SendAsync(message, _to);
    }

    /// <summary>Sets and sends the final response; false if there is one already, for example after CANCEL.</summary>
    /// <param name="write">Writes the response.</param>
    /// <param name="permit">The answer that permits the call; null: the response permits none.</param>
    /// <param name="writeWithoutPermit">Writes what replaces the response when the permit has expired.</param>
    public async Task<bool> CompleteAsync(Func<SipRequest, IPEndPoint, byte[]> write, GateAnswer? permit = null, Func<SipRequest, IPEndPoint, byte[]>? writeWithoutPermit = null)
    {
        lock (_lock)
        {
            if (_request is null)
            {
                return false;
            }

            _final = write(_request, source);
            _withoutPermit = writeWithoutPermit?.Invoke(_request, source);
            _permit = permit;
            // The headers are not needed again, and many transactions wait for their end.
            _request = null;
        }

        await SendFinalAsync();
        return true;
    }

    /// <summary>Answers a repeated request.</summary>
    public Task RepeatAsync() => _final is null ? SendTryingAsync() : SendFinalAsync();

    public void Acknowledge() => _isAcknowledged = true;

    /// <summary>Repeats the final response if its time has come.</summary>
    /// <returns>The time until the next step; null: the transaction ends.</returns>
    public TimeSpan? Step()
    {
        if (_final is null)
        {
            return FirstRepeat;
        }

        if (_isAcknowledged)
        {
            if (_waited == TimeSpan.MaxValue)
            {
                return null;
            }

            _waited = TimeSpan.MaxValue;
            return KeptAfterAck;
        }

        if (_waited >= UnacknowledgedFor)
        {
            return null;
        }

        if (connection.IsReliable)
        {
            _waited += LongestRepeat;
            return LongestRepeat;
        }

        if (_waited > TimeSpan.Zero)
        {
            _ = SendFinalAsync();
            _repeatAfter = _repeatAfter * 2 < LongestRepeat ? _repeatAfter * 2 : LongestRepeat;
        }

        _waited += _repeatAfter;
        return _repeatAfter;
    }

    private async Task SendFinalAsync()
    {
        byte[] message;
        lock (_lock)
        {
            if (_permit is { MayCall: false })
            {
                (_final, _permit) = (_withoutPermit, null);
            }

            message = _final!;
        }

        await connection.SendAsync(message, _to);
    }
}
