using System.Net;

namespace Lookup.Cli.Sip;

/// <summary>The way by which a request came and its responses go.</summary>
internal interface ISipConnection
{
    /// <summary>Whether the transport delivers by itself: TCP does, UDP does not.</summary>
    public bool IsReliable { get; }

    /// <summary>Sends a message. A failure is not reported: the other side repeats its request, or gives up.</summary>
    /// <param name="message">The message.</param>
    /// <param name="to">Where it goes over UDP; TCP answers on its connection.</param>
    public ValueTask SendAsync(ReadOnlyMemory<byte> message, IPEndPoint to);
}
