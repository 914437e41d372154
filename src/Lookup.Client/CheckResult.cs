using Grpc.Core;
using Lookup.V1;

namespace Lookup.Client;

/// <summary>
/// What came of a check. Only <see cref="MayCall"/> permits a call; it is false for everything that went wrong, for a verdict
/// that this version does not know, and for <c>default(CheckResult)</c>.
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
    /// The number may be called now, on this answer: ALLOW, about the present, and not older than the service lets it be reused.
    /// It turns false while you wait, so ask for it just before dialling.
    /// </summary>
    public bool MayCall => State == CheckState.Answered && _verdict == Verdict.Allow && _validity is { IsOver: false };

    /// <summary>
    /// What was decided. UNKNOWN where there is no answer, and for a verdict of a newer service that this version does not know.
    /// ALLOW alone does not permit a call: see <see cref="MayCall"/>.
    /// </summary>
    public Verdict Verdict => _verdict is Verdict.Allow or Verdict.Deny or Verdict.NotCovered ? _verdict : Verdict.Unknown;

    /// <summary>The most binding reason; unspecified where there is no answer.</summary>
    public ReasonCode Reason { get; }

    /// <summary>Whether there is an answer, and if not, why.</summary>
    public CheckState State { get; }

    /// <summary>The number as it was decided, in E.164; as it was given where there is no answer.</summary>
    public string Number => _number ?? "";

    /// <summary>
    /// The whole decision; null where there is none. For an item of a list only what its chunk shares: token, age, times. Not to be
    /// changed.
    /// </summary>
    public Decision? Decision { get; }

    /// <summary>
    /// Id of the receipt that the service wrote for this answer, to be kept with the call; null where it wrote none. An answer that is
    /// used again has that of the first time.
    /// </summary>
    public string? ReceiptId { get; private init; }

    /// <summary>The call as it is counted already; null where none was reserved.</summary>
    public Reservation? Reservation { get; private init; }

    /// <summary>How long to wait before asking again, 0 to 1 hour; null where asking again does not help.</summary>
    public TimeSpan? RetryAfter => State switch
    {
        CheckState.Answered when Verdict == Verdict.Unknown => Durations.Pause(Decision?.RetryAfter) ?? (Reason == ReasonCode.StoreUnavailable ? UsualPause : null),
        CheckState.Unavailable or CheckState.TimedOut or CheckState.Overloaded => _failure?.RetryAfter ?? UsualPause,
        _ => null,
    };

    /// <summary>Each field of the request that was refused, and why; empty unless <see cref="State"/> is Refused.</summary>
    public IReadOnlyList<FieldError> Fields => _failure?.Fields ?? [];

    /// <summary>The reason in words.</summary>
    public string Message =>
        _failure?.Message ?? (Decision is { Reasons.Count: > 0 } decision ? decision.Reasons[0].Text : State == CheckState.NotAsked ? "Nobody asked." : Reason.ToString());

    /// <summary>What the call to the service threw, for logs; null where it answered.</summary>
    public Exception? Exception => _failure;

    /// <summary>Number, verdict and reason, on one line; for an ALLOW that permits no call also why it does not.</summary>
    public override string ToString() => State != CheckState.Answered ? $"{Number} {Verdict} {State}: {Message}"
        : WhyNot is { } why ? $"{Number} {Verdict} {Reason} (permits no call: {why})"
        : $"{Number} {Verdict} {Reason}";

    /// <summary>Why an ALLOW permits no call; null for one that does, and for every other verdict.</summary>
    internal string? WhyNot => _verdict != Verdict.Allow || MayCall ? null
        : Decision is { Hypothetical: true } ? "an answer to \"what if\""
        : "expired";

    internal static CheckResult Answered(CheckResponse response, in Moment sent)
    {
        var decision = response.Decision;
        return new(
            response.Number, CheckState.Answered, decision.Verdict, decision.Reasons.Count > 0 ? decision.Reasons[0].Code : ReasonCode.Unspecified,
            decision, Validity.Of(decision, decision.Verdict, sent), null)
        {
            ReceiptId = response.Receipt?.Id,
            Reservation = response.Reservation,
        };
    }

    /// <param name="number">In E.164, or as given where it is no number.</param>
    /// <param name="verdict">The item's.</param>
    /// <param name="reason">The item's.</param>
    /// <param name="common">What the chunk shares.</param>
    /// <param name="validity">How long an ALLOW of the chunk may be used.</param>
    internal static CheckResult OfList(string number, Verdict verdict, ReasonCode reason, Decision? common, Validity? validity) =>
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
