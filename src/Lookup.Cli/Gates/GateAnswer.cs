using Grpc.Core;
using Lookup.Cli.Options;
using Lookup.Client;
using Lookup.V1;

namespace Lookup.Cli.Gates;

/// <summary>The answer of a gate about one call. Only <see cref="MayCall"/> permits the call.</summary>
internal sealed class GateAnswer
{
    /// <summary>An ALLOW that is older than it may be used.</summary>
    public const string Expired = "EXPIRED";

    private readonly CheckResult _result;
    private readonly string _fault;
    private readonly string _message;

    private GateAnswer(CheckResult result, string fault, string message)
    {
        _result = result;
        _fault = fault;
        _message = message;
    }

    /// <summary>Whether the number may be called now. It becomes false when the answer expires, so read it last.</summary>
    public bool MayCall => _fault.Length == 0 && _result.MayCall;

    /// <summary>How long the call is permitted, from before the question was asked, in whole milliseconds; 0 if it is not permitted now.</summary>
    public long ReusableMs => _fault.Length == 0 ? (long)_result.ReusableFor.TotalMilliseconds : 0;

    /// <summary>The verdict without ALLOW: an ALLOW that permits no call is UNKNOWN.</summary>
    public Verdict WhyNot => _fault.Length == 0 && _result.Verdict is Verdict.Deny or Verdict.NotCovered ? _result.Verdict : Verdict.Unknown;

    /// <summary>The reason code of the contract, such as OBJECTION; without an answer what failed, such as TIMEDOUT; never empty.</summary>
    public string Reason => _fault.Length > 0 ? _fault
        : State != CheckState.Answered ? State.ToString().ToUpperInvariant()
        : _result.Verdict == Verdict.Allow && !_result.MayCall ? Expired
        : Words.Reasons.WordFor(_result.Reason).ToUpperInvariant();

    /// <summary>Whether the service answered, and if not, why. A request that was never sent is Refused.</summary>
    public CheckState State => _fault.Length > 0 ? CheckState.Refused : _result.State;

    /// <summary>Article of the most binding rule; empty without an answer.</summary>
    public string Article => _result.Decision is { Reasons.Count: > 0 } decision ? decision.Reasons[0].Article : "";

    /// <summary>The number that was decided, in E.164.</summary>
    public string Number => _result.Number;

    /// <summary>The codes of what an ALLOW does not take into account, such as ORGANISATION_NOT_KNOWN, separated by commas; else empty.</summary>
    public string Warning => _fault.Length > 0 || _result.Verdict != Verdict.Allow || _result.Decision is not { Reasons.Count: > 1 } decision
        ? ""
        : string.Join(',', decision.Reasons.Skip(1).Select(reason => Words.Reasons.WordFor(reason.Code).ToUpperInvariant()));

    /// <summary>Id of the receipt; empty if the service wrote none.</summary>
    public string ReceiptId => _result.ReceiptId ?? "";

    /// <summary>Whether the denial ends by itself: calling hours and attempt limits.</summary>
    public bool IsTemporary => _result.Decision is { NextPermittedTime: not null };

    /// <summary>Pause before a retry in whole seconds, at least 1.</summary>
    public int RetryAfterSeconds => Math.Clamp((int)Math.Ceiling((_result.RetryAfter ?? TimeSpan.FromSeconds(5)).TotalSeconds), 1, 3600);

    /// <summary>The reason in words.</summary>
    public string Message => _fault.Length > 0 ? _message : _result.Message;

    /// <summary>The invalid fields of the request, as the service names them.</summary>
    public IReadOnlyList<FieldError> Fields => _result.Fields;

    /// <summary>Whether the service rejected the number, and nothing else.</summary>
    public bool IsNumberRejected => Fields.Count > 0 && Fields.All(one => one.Field == "number");

    /// <summary>Whether the service rejected the credential or the question: it rejects every call of the kind until someone mends that.</summary>
    public bool IsQuestionRejected => _fault.Length == 0 && State == CheckState.Refused && !IsNumberRejected;

    /// <summary>What the service rejected, and how to mend it if that is known.</summary>
    public string Rejection =>
        (Fields.Count > 0 ? string.Join("; ", Fields.Select(one => $"{one.Field}: {one.Description.TrimEnd('.')}")) : Message.TrimEnd('.')) + "."
        + ((_result.Exception as LookupException)?.Status == StatusCode.Unauthenticated ? " Set LOOKUP_API_KEY, or use --api-key." : "");

    public static GateAnswer From(in CheckResult result) => new(result, "", "");

    /// <summary>Creates the answer to a request that was not sent to the service.</summary>
    /// <param name="fault">What is wrong, as a code such as INVALID_REQUEST.</param>
    /// <param name="message">The same in words.</param>
    public static GateAnswer Invalid(string fault, string message) => new(default, fault, message);
}
