using Grpc.Core;
using Lookup.V1;

namespace Lookup.Client;

/// <summary>
/// The result of a check. Only <see cref="MayCall"/> permits a call; it is false after any failure, for a verdict that this
/// version does not know, and for <c>default(CheckResult)</c>.
/// </summary>
public readonly struct CheckResult
{
    private static readonly TimeSpan UsualPause = TimeSpan.FromSeconds(1);

    private readonly string? _number;
    private readonly Verdict _verdict;
    private readonly Validity? _validity;
    private readonly LookupException? _failure;

    private CheckResult(string number, CheckState state, Verdict verdict, ReasonCode reason, Decision? decision, Validity? validity, LookupException? failure)
    {
        _number = number;
        State = state;
        _verdict = verdict;
        Reason = reason;
        Decision = decision;
        _validity = validity;
        _failure = failure;
    }

    /// <summary>
    /// Whether the number may be called now: the verdict is ALLOW, it is not hypothetical, and it has not expired. It becomes false
    /// when the answer expires, so read it just before dialling.
    /// </summary>
    public bool MayCall => State == CheckState.Answered && _verdict == Verdict.Allow && _validity is { HasEnded: false };

    /// <summary>
    /// The verdict; UNKNOWN if there is no answer, or if this version does not know the verdict. ALLOW alone does not permit a call:
    /// see <see cref="MayCall"/>.
    /// </summary>
    public Verdict Verdict => _verdict is Verdict.Allow or Verdict.Deny or Verdict.NotCovered ? _verdict : Verdict.Unknown;

    /// <summary>The most binding reason; unspecified if there is no answer.</summary>
    public ReasonCode Reason { get; }

    /// <summary>Whether there is an answer, and if not, why.</summary>
    public CheckState State { get; }

    /// <summary>The decided number in E.164; the input if there is no answer.</summary>
    public string Number => _number ?? "";

    /// <summary>
    /// The whole decision; null if there is none. In a list, only the part that a chunk shares: token, age, times. Do not modify it.
    /// </summary>
    public Decision? Decision { get; }

    /// <summary>
    /// Id of the receipt of this answer, to store with the call; null if the service wrote none. A reused answer has the id of the
    /// original one.
    /// </summary>
    public string? ReceiptId { get; private init; }

    /// <summary>The reserved call; null if none was reserved.</summary>
    public Reservation? Reservation { get; private init; }

    /// <summary>Pause before a retry, 0 to 1 hour; null if a retry does not help.</summary>
    public TimeSpan? RetryAfter => State switch
    {
        CheckState.Answered when Verdict == Verdict.Unknown => Durations.Pause(Decision?.RetryAfter) ?? (Reason == ReasonCode.StoreUnavailable ? UsualPause : null),
        CheckState.Unavailable or CheckState.TimedOut or CheckState.Overloaded => _failure?.RetryAfter ?? UsualPause,
        _ => null,
    };

    /// <summary>The invalid fields of the request; empty unless <see cref="State"/> is Refused.</summary>
    public IReadOnlyList<FieldError> Fields => _failure?.Fields ?? [];

    /// <summary>The reason in words.</summary>
    public string Message =>
        _failure?.Message ?? (Decision is { Reasons.Count: > 0 } decision ? decision.Reasons[0].Text : State == CheckState.NotAsked ? "The number was not checked." : Reason.ToString());

    /// <summary>The exception of the failed call, for logs; null if the service answered.</summary>
    public Exception? Exception => _failure;

    /// <summary>Formats number, verdict and reason on one line; for an ALLOW that permits no call also the cause.</summary>
    public override string ToString() => State != CheckState.Answered ? $"{Number} {Verdict} {State}: {Message}"
        : WhyNot is { } why ? $"{Number} {Verdict} {Reason} (permits no call: {why})"
        : $"{Number} {Verdict} {Reason}";

    /// <summary>How long an ALLOW permits the call, from before the request was sent; zero if it permits none.</summary>
    internal TimeSpan ReusableFor => MayCall ? _validity!.Duration : TimeSpan.Zero;

    /// <summary>Why an ALLOW permits no call; null if it does, and for every other verdict.</summary>
    internal string? WhyNot => _verdict != Verdict.Allow || MayCall ? null
        : Decision is { Hypothetical: true } ? "what-if answer"
        : "expired";

    internal static CheckResult Answered(CheckResponse response, in Moment sent)
    {
        var decision = response.Decision;
        return new(
            response.Number, CheckState.Answered, decision.Verdict, decision.Reasons.Count > 0 ? decision.Reasons[0].Code : ReasonCode.Unspecified,
            decision, Validity.From(decision, decision.Verdict, sent), null)
        {
            ReceiptId = response.Receipt?.Id,
            Reservation = response.Reservation,
        };
    }

    /// <summary>Creates the result of a number in a list.</summary>
    /// <param name="number">The number in E.164, or the input if it is not a number.</param>
    /// <param name="verdict">The verdict.</param>
    /// <param name="reason">The reason.</param>
    /// <param name="common">The part of the decision that the chunk shares.</param>
    /// <param name="validity">How long an ALLOW of the chunk may be used.</param>
    internal static CheckResult InList(string number, Verdict verdict, ReasonCode reason, Decision? common, Validity? validity) =>
        new(number, CheckState.Answered, verdict, reason, common, validity, null);

    internal static CheckResult Failed(string number, LookupException failure) => new(
        number, StateOf(failure.Status), Verdict.Unknown, ReasonCode.Unspecified, null, null, failure);

    private static CheckState StateOf(StatusCode status) => status switch
    {
        StatusCode.Unavailable => CheckState.Unavailable,
        StatusCode.DeadlineExceeded => CheckState.TimedOut,
        StatusCode.ResourceExhausted => CheckState.Overloaded,
        StatusCode.InvalidArgument or StatusCode.NotFound or StatusCode.PermissionDenied or StatusCode.Unauthenticated
            or StatusCode.FailedPrecondition or StatusCode.OutOfRange or StatusCode.AlreadyExists or StatusCode.Unimplemented => CheckState.Refused,
        _ => CheckState.Broken,
    };
}
