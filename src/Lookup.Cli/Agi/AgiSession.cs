using System.Globalization;
using System.Text;
using Lookup.Cli.Gates;
using Lookup.V1;

namespace Lookup.Cli.Agi;

/// <summary>
/// One FastAGI connection: reads the call, asks the service, and sets the channel variables.
/// </summary>
/// <remarks>
/// The session sets LOOKUP_VERDICT to UNKNOWN first, because an earlier check on the channel may have left an ALLOW, and to ALLOW last,
/// because a session can end at any point. It waits for the reply to each command: Asterisk does not read ahead. If no reply to the ALLOW
/// arrives in time, it sends UNKNOWN without waiting. A session that stops for good after the ALLOW cannot take it back, so LOOKUP_REUSABLE_MS,
/// set before it, tells the dialplan how long it may use the ALLOW.
/// </remarks>
internal sealed class AgiSession(Stream stream, CallGate gate)
{
    private const int MaxValue = 200;
    private const string VerdictVariable = "LOOKUP_VERDICT";

    // Q.850: call rejected, and switching equipment congestion, after which dialers retry.
    private const int Rejected = 21;
    private const int Congestion = 42;

    private static readonly TimeSpan TakeBackLimit = TimeSpan.FromSeconds(1);

    private readonly AgiLines _lines = new(stream);

    /// <summary>Serves the connection to its end.</summary>
    /// <exception cref="AgiFault">The other side broke the protocol or a limit.</exception>
    public async Task RunAsync(CancellationToken ct)
    {
        var request = await AgiRequest.ReadAsync(_lines, ct);
        var deciding = request.Fault.Length == 0
            ? gate.DecideAsync(request.Number, request.Fields.Question, request.Fields.Region, ct)
            : Task.FromResult(Invalid(request.Fault));
        await SetAsync(VerdictVariable, "UNKNOWN", ct);
        var answer = await deciding;
        foreach (var (name, value) in Details(answer))
        {
            await SetAsync(name, value, ct);
        }

        if (!answer.MayCall)
        {
            await ForbidAsync(answer, ct);
            return;
        }

        await SetAsync("LOOKUP_REASON", answer.Reason, ct);
        await SetAsync("LOOKUP_REUSABLE_MS", answer.ReusableMs.ToString(CultureInfo.InvariantCulture), ct);
        try
        {
            await SetAsync(VerdictVariable, "ALLOW", ct);
            if (!answer.MayCall)
            {
                // The reply took longer than the answer lasts. The dialplan continues only when this connection closes.
                await ForbidAsync(answer, ct);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or AgiFault)
        {
            await TakeBackAsync();
            throw;
        }
    }

    // Nobody may wait for the reply any more: the command follows the ALLOW on the connection, which then closes.
    private async Task TakeBackAsync()
    {
        try
        {
            using var limit = new CancellationTokenSource(TakeBackLimit);
            await stream.WriteAsync(SetCommand(VerdictVariable, "UNKNOWN"), limit.Token);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The call has hung up.
        }
    }

    private GateAnswer Invalid(string fault)
    {
        var answer = GateAnswer.Invalid("INVALID_REQUEST", fault);
        gate.Tally.AddMalformed();
        gate.Tally.Add(answer, TimeSpan.Zero);
        return answer;
    }

    private static IEnumerable<(string Name, string Value)> Details(GateAnswer answer) =>
    [
        ("LOOKUP_NUMBER", answer.Number),
        ("LOOKUP_ARTICLE", answer.Article),
        ("LOOKUP_WARNING", answer.Warning),
        ("LOOKUP_RECEIPT", answer.ReceiptId),
        ("LOOKUP_MESSAGE", answer.Message),
    ];

    // DNC makes VICIdial close the lead, so only a denial that time does not end gets it.
    private async Task ForbidAsync(GateAnswer answer, CancellationToken ct)
    {
        var verdict = answer.WhyNot;
        var isFinal = verdict == Verdict.Deny && !answer.IsTemporary;
        await SetAsync(VerdictVariable, verdict switch { Verdict.Deny => "DENY", Verdict.NotCovered => "NOT_COVERED", _ => "UNKNOWN" }, ct);
        await SetAsync("LOOKUP_REASON", answer.Reason, ct);
        await SetAsync("LOOKUP_CAUSE", (isFinal ? Rejected : Congestion).ToString(CultureInfo.InvariantCulture), ct);
        await SetAsync("DIALSTATUS", isFinal ? "DNC" : "CONGESTION", ct);
    }

    private async Task SetAsync(string name, string value, CancellationToken ct)
    {
        await stream.WriteAsync(SetCommand(name, value), ct);
        var reply = await _lines.ReadAsync(ct);
        if (!reply.StartsWith("200 ", StringComparison.Ordinal))
        {
            // HANGUP, or an error: the channel is gone, or the variable is not set.
            throw new AgiFault("The reply to SET VARIABLE is not 200.");
        }
    }

    private static byte[] SetCommand(string name, string value) => Encoding.ASCII.GetBytes($"SET VARIABLE {name} \"{Clean(value)}\"\n");

    // A value must not end its quotes, and must not be read as an expression by the dialplan.
    private static string Clean(string text) =>
        new([.. text.Where(c => c is >= ' ' and <= '~' and not ('"' or '\\' or '$' or '{' or '}' or '[' or ']')).Take(MaxValue)]);
}
