using System.Net;
using Lookup.Cli.Gates;
using Lookup.V1;

namespace Lookup.Cli.Sip;

/// <summary>What a call that matches may be asked as, and where it goes.</summary>
/// <param name="Name">Name for messages.</param>
/// <param name="From">Networks from which the calls come.</param>
/// <param name="Host">Host of the Request-URI that the calls have, as <see cref="SipUri.TryHost"/> returns it; null: any.</param>
/// <param name="Header">Header that the calls carry, by its full name in lower case, with its value; null: none is needed.</param>
/// <param name="Question">The question for each call. Do not modify it.</param>
/// <param name="Region">ISO 3166 region for national numbers; empty: only international numbers.</param>
/// <param name="Redirect">The Contact of a permitted call, with {number} or {digits} in place of the number.</param>
/// <param name="Unchecked">Numbers that pass without a check, as they are dialled: 112.</param>
/// <param name="MaxPending">Maximum calls of this trunk that wait for an answer, shared equally by the addresses that have some.</param>
internal sealed record Trunk(
    string Name,
    IReadOnlyList<IPNetwork> From,
    string? Host,
    (string Name, string Value)? Header,
    Question Question,
    string Region,
    string Redirect,
    IReadOnlySet<string> Unchecked,
    int MaxPending)
{
    private readonly PeerShares _pending = new(MaxPending);

    public bool IsFrom(IPAddress address)
    {
        var plain = GateRun.Plain(address);
        return From.Any(network => network.Contains(plain));
    }

    /// <summary>Whether a request from a peer of this trunk is for it.</summary>
    public bool Matches(SipRequest request) =>
        (Host is null || (SipUri.TryHost(SipUri.Host(request.Uri), out var host) && host == Host))
        && (Header is not { } header || request.Header(header.Name).Contains(header.Value, StringComparer.Ordinal));

    /// <summary>Returns the Contact for a number in E.164 or, for emergency calls, for the digits that were dialled.</summary>
    public string ContactFor(string number) => Redirect
        .Replace("{number}", number, StringComparison.Ordinal)
        .Replace("{digits}", number.TrimStart('+'), StringComparison.Ordinal);

    /// <summary>Starts a call that waits for an answer; false if too many of its address do.</summary>
    public bool TryEnter(IPAddress address) => _pending.TryEnter(GateRun.Plain(address));

    public void Leave(IPAddress address) => _pending.Leave(GateRun.Plain(address));

    /// <summary>Whether every call of another trunk, which stands behind this one, is a call of this one.</summary>
    public bool Hides(Trunk later) =>
        later.From.All(network => From.Any(own => own.BaseAddress.AddressFamily == network.BaseAddress.AddressFamily
            && own.PrefixLength <= network.PrefixLength && own.Contains(network.BaseAddress)))
        && (Host is null || Host == later.Host)
        && (Header is null || Header == later.Header);
}
