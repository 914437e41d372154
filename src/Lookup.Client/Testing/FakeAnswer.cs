using Grpc.Core;
using Lookup.V1;

namespace Lookup.Client.Testing;

/// <summary>A scripted answer of a <see cref="FakeLookup"/>: a verdict or a failure, with an optional delay.</summary>
public sealed record FakeAnswer
{
    private FakeAnswer()
    {
    }

    /// <summary>The verdict; may be one that no version knows, to test how a dialer handles it.</summary>
    public Verdict Verdict { get; init; }

    /// <summary>The reason.</summary>
    public ReasonCode Reason { get; init; }

    /// <summary>Status with which the call fails; null: it is answered.</summary>
    public StatusCode? Failure { get; init; }

    /// <summary>Retry pause that the failure or UNKNOWN advises; null: none.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Delay of the answer; default: none.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>Time for which an ALLOW may be reused; zero: it is expired when it arrives. Default: 500 ms.</summary>
    public TimeSpan ReusableFor { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Whether the answer is a what-if answer, which permits no call.</summary>
    public bool Hypothetical { get; init; }

    /// <summary>The call is permitted.</summary>
    public static FakeAnswer Allow(ReasonCode reason = ReasonCode.NothingForbids) => new() { Verdict = Verdict.Allow, Reason = reason };

    /// <summary>The call is forbidden.</summary>
    public static FakeAnswer Deny(ReasonCode reason = ReasonCode.Objection) => new() { Verdict = Verdict.Deny, Reason = reason };

    /// <summary>The service cannot decide.</summary>
    public static FakeAnswer Unknown(ReasonCode reason = ReasonCode.StoreUnavailable) =>
        new() { Verdict = Verdict.Unknown, Reason = reason, RetryAfter = TimeSpan.FromSeconds(1) };

    /// <summary>There are no rules, or a register is not loaded.</summary>
    public static FakeAnswer NotCovered(ReasonCode reason = ReasonCode.NoRegime) => new() { Verdict = Verdict.NotCovered, Reason = reason };

    /// <summary>The call fails.</summary>
    /// <param name="status">The status.</param>
    /// <param name="retryAfter">The advised retry pause; null: none.</param>
    public static FakeAnswer Fail(StatusCode status = StatusCode.Unavailable, TimeSpan? retryAfter = null) =>
        new() { Failure = status, RetryAfter = retryAfter };

    /// <summary>Returns the same answer with a delay.</summary>
    public FakeAnswer After(TimeSpan delay) => this with { Delay = delay };

    /// <summary>Returns the verdict of a reason.</summary>
    internal static FakeAnswer For(ReasonCode reason) => (int)reason switch
    {
        < 20 => Allow(reason),
        < 60 => Deny(reason),
        < 80 => NotCovered(reason),
        _ => Unknown(reason),
    };
}
