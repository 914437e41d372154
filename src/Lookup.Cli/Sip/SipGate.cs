// For: a redirect server in front of a trunk (RFC 3261, 8.3). An INVITE is answered with the trunk's address if the call is permitted, and
// with a code that ends the attempt otherwise.
//
// The codes are chosen so that no switch reads one as "try the next route" and finds a way around the gate. A denial is 603, because
// switches go on to the next route after 4xx and 5xx, and because Asterisk maps 603 to "call rejected" and 608 to a technical fault. 480 is
// for one number that cannot be decided now. A question or a credential that the service rejects is 603 too: it concerns every call, and
// another route would take all of them. 503 makes a switch leave the whole gate for Retry-After, so it stands only for a service that
// does not answer. Every route must lead through the gate: no code can make a switch forget another route.
using System.Globalization;
using System.Net;
using Lookup.Cli.Gates;
using Lookup.Client;
using Lookup.Core.Numbers;
using Lookup.V1;

namespace Lookup.Cli.Sip;

/// <summary>Answers SIP requests: asks the service about each INVITE once.</summary>
internal sealed class SipGate : IAsyncDisposable
{
    // The other side repeats its request after 500 ms.
    private static readonly TimeSpan TryingAfter = TimeSpan.FromMilliseconds(200);

    private readonly IReadOnlyList<Trunk> _trunks;
    private readonly CallGate _gate;
    private readonly SipTransactions _transactions = new();
    private readonly CancellationTokenSource _stop = new();

    public SipGate(IReadOnlyList<Trunk> trunks, CallGate gate)
    {
        _trunks = trunks;
        _gate = gate;
    }

    public GateTally Tally => _gate.Tally;

    /// <summary>Whether requests from an address are read at all. Responses to others would help to attack third parties.</summary>
    public bool IsPeer(IPAddress address) => _trunks.Any(trunk => trunk.IsFrom(address));

    /// <summary>
    /// Answers a request from a peer. When it returns its task, the transaction of an INVITE is known, so that a CANCEL which follows finds
    /// it: call it in the order of the messages.
    /// </summary>
    public async Task HandleAsync(SipRequest request, IPEndPoint source, ISipConnection connection)
    {
        var key = $"{request.TopVia.Branch}|{request.TopVia.SentBy}|{request.CallId}|{request.Sequence}|{source.Address}";
        switch (request.Method)
        {
            case "INVITE":
                await InviteAsync(request, key, source, connection);
                break;
            case "ACK":
                _transactions.Find(key)?.Acknowledge();
                break;
            case "CANCEL":
                await CancelAsync(request, key, source, connection);
                break;
            case "OPTIONS":
                await ReplyAsync("200 OK", SipResponse.Allow, "Accept: application/sdp");
                break;
            default:
                await ReplyAsync("405 Method Not Allowed", SipResponse.Allow);
                break;
        }

        ValueTask ReplyAsync(string status, params ReadOnlySpan<string> headers) =>
            connection.SendAsync(SipResponse.Write(request, source, status, Tag(key), headers), request.TopVia.ReplyTo(source));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _transactions.DisposeAsync();
        _stop.Dispose();
    }

    private async Task InviteAsync(SipRequest request, string key, IPEndPoint source, ISipConnection connection)
    {
        if (_transactions.Find(key) is { } known)
        {
            await RepeatAsync(known);
            return;
        }

        if (Immediate(request, source.Address, out var trunk, out var number) is { } reply)
        {
            // Without a transaction: the same request gets the same response again.
            await connection.SendAsync(SipResponse.Write(request, source, reply.Status, Tag(key), reply.Headers), request.TopVia.ReplyTo(source));
            return;
        }

        var transaction = new SipTransaction(key, request, source, connection, trunk);
        if (!_transactions.TryAdd(transaction))
        {
            trunk.Leave(source.Address);
            await (_transactions.Find(key) is { } other ? RepeatAsync(other) : Task.CompletedTask);
            return;
        }

        await DecideAsync(transaction, number, source.Address);

        // A transaction is about one number on one trunk; the same identifiers with others are a fault or an attack.
        Task RepeatAsync(SipTransaction existing) => existing.Uri == request.Uri && TrunkOf(request, source.Address) == existing.Trunk
            ? existing.RepeatAsync()
            : connection.SendAsync(SipResponse.Write(request, source, "482 Loop Detected", Tag(key + request.Uri)), request.TopVia.ReplyTo(source)).AsTask();
    }

    // What needs no check; null: the call of the trunk is to be decided, and counts as pending.
    private (string Status, string[] Headers)? Immediate(SipRequest request, IPAddress source, out Trunk trunk, out string number)
    {
        (trunk, number) = (null!, "");
        if (request.IsInDialog)
        {
            return ("481 Call/Transaction Does Not Exist", []);
        }

        if (request.Header("require").FirstOrDefault() is { } required)
        {
            return ("420 Bad Extension", [$"Unsupported: {required}"]);
        }

        if (!SipUri.IsKnown(request.Uri))
        {
            return ("416 Unsupported URI Scheme", []);
        }

        if (FaultOf(request, source) is { } unclear)
        {
            Tally.AddMalformed();
            return ("603 Decline", [Warning(unclear), "X-Lookup-Reason: INVALID_REQUEST"]);
        }

        if (TrunkOf(request, source) is not { } found)
        {
            Tally.AddRefused();
            return ("603 Decline", [Warning("no trunk of the map matches this call"), "X-Lookup-Reason: NO_TRUNK"]);
        }

        trunk = found;
        if (SipUri.PlainDigits(request.Uri) is { Length: > 0 } digits && found.Unchecked.Contains(digits))
        {
            Tally.AddUnchecked();
            return ("302 Moved Temporarily", [$"Contact: <{found.ContactFor(digits)}>"]);
        }

        if (!NumberParser.Instance.TryParse(request.Uri, found.Region.Length > 0 ? found.Region : null, out var parsed, out var fault))
        {
            Tally.Add(GateAnswer.Invalid("INVALID_NUMBER", ""), TimeSpan.Zero);
            return ("484 Address Incomplete", [Warning(fault.Describe())]);
        }

        if (_transactions.Count >= SipTransactions.Max || !found.TryEnter(source))
        {
            Tally.AddRefused();
            return ("480 Temporarily Unavailable", ["Retry-After: 1", "X-Lookup-Reason: TOO_MANY_CALLS"]);
        }

        number = parsed.ToString();
        return null;
    }

    private Trunk? TrunkOf(SipRequest request, IPAddress source) => _trunks.FirstOrDefault(one => one.IsFrom(source) && one.Matches(request));

    // A request that only seems not to be for a trunk would be decided as a call of the next one, for another organisation.
    private string? FaultOf(SipRequest request, IPAddress source) =>
        SipUri.IsSip(request.Uri) && !SipUri.TryHost(SipUri.Host(request.Uri), out _) ? "the Request-URI has no valid host"
        : SipUri.HasParameter(request.Uri, "maddr") ? "maddr in the Request-URI is not accepted"
        : _trunks.FirstOrDefault(one => one.Header is { } header && one.IsFrom(source) && request.Header(header.Name).Skip(1).Any()) is { Header: { } twice }
            ? $"duplicate header {twice.Name}"
            : null;

    private async Task DecideAsync(SipTransaction transaction, string number, IPAddress source)
    {
        try
        {
            var trunk = transaction.Trunk;
            var deciding = _gate.DecideAsync(number, trunk.Question, trunk.Region, _stop.Token);
            if (!deciding.IsCompleted && await Task.WhenAny(deciding, Task.Delay(TryingAfter)) != deciding)
            {
                await transaction.SendTryingAsync();
            }

            var answer = await deciding;
            var tag = Tag(transaction.Key);
            if (answer.MayCall)
            {
                var contact = $"Contact: <{trunk.ContactFor(answer.Number)}>";
                await transaction.CompleteAsync(
                    (request, source) => SipResponse.Write(request, source, "302 Moved Temporarily", tag, [contact, .. Explained(answer, "ALLOW")]),
                    answer,
                    (request, source) => SipResponse.Write(request, source, "480 Temporarily Unavailable", tag, "Retry-After: 1", $"X-Lookup-Reason: {GateAnswer.Expired}"));
                return;
            }

            var (status, headers) = Refusal(answer);
            await transaction.CompleteAsync((request, source) => SipResponse.Write(request, source, status, tag, [.. headers]));
        }
        catch (Exception exception)
        {
            // Cancelled at the end of the gate, or a defect: the call is not permitted.
            var reason = exception is OperationCanceledException ? "STOPPING" : "BROKEN";
            await transaction.CompleteAsync((request, source) =>
                SipResponse.Write(request, source, "503 Service Unavailable", Tag(transaction.Key), "Retry-After: 5", $"X-Lookup-Reason: {reason}"));
        }
        finally
        {
            transaction.Trunk.Leave(source);
        }
    }

    private static (string Status, IEnumerable<string> Headers) Refusal(GateAnswer answer)
    {
        var retry = string.Create(CultureInfo.InvariantCulture, $"Retry-After: {answer.RetryAfterSeconds}");
        var verdict = answer.WhyNot switch { Verdict.Deny => "DENY", Verdict.NotCovered => "NOT_COVERED", _ => "UNKNOWN" };
        var headers = Explained(answer, verdict);
        return answer switch
        {
            { WhyNot: not Verdict.Unknown } => ("603 Decline", [Cause(), .. headers]),
            { State: CheckState.Answered } => ("480 Temporarily Unavailable", [retry, .. headers]),
            { IsNumberRejected: true } => ("484 Address Incomplete", headers),
            { State: CheckState.Refused } => ("603 Decline", [Cause(), Warning(answer.Message), .. headers]),
            _ => ("503 Service Unavailable", [retry, .. headers]),
        };

        string Cause() => $"Reason: SIP;cause=603;text=\"{SipResponse.Clean($"{verdict} {answer.Reason} {answer.Article}".TrimEnd())}\"";
    }

    private static IEnumerable<string> Explained(GateAnswer answer, string verdict) =>
    [
        $"X-Lookup-Verdict: {verdict}",
        $"X-Lookup-Reason: {answer.Reason}",
        answer.Warning.Length > 0 ? $"X-Lookup-Warning: {answer.Warning}" : "",
        answer.ReceiptId.Length > 0 ? $"X-Lookup-Receipt: {SipResponse.Clean(answer.ReceiptId)}" : "",
    ];

    private async Task CancelAsync(SipRequest request, string key, IPEndPoint source, ISipConnection connection)
    {
        var transaction = _transactions.Find(key);
        await connection.SendAsync(
            SipResponse.Write(request, source, transaction is null ? "481 Call/Transaction Does Not Exist" : "200 OK", Tag(key)), request.TopVia.ReplyTo(source));
        if (transaction is not null)
        {
            await transaction.CompleteAsync((invite, from) => SipResponse.Write(invite, from, "487 Request Terminated", Tag(key)));
        }
    }

    private static string Warning(string text) => $"Warning: 399 lookup \"{SipResponse.Clean(text)}\"";

    // Of the transaction, so that each response to a repeated request has the same; not to be guessed from outside.
    private static string Tag(string key) => string.Create(CultureInfo.InvariantCulture, $"lk{(uint)key.GetHashCode(StringComparison.Ordinal):x8}");
}
