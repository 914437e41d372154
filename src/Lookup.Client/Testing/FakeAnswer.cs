using Grpc.Core;
using Lookup.V1;

namespace Lookup.Client.Testing;

/// <summary>What a <see cref="FakeLookup"/> answers about a number: a verdict, or a failure; at once, or later.</summary>
public sealed record FakeAnswer
{
    private FakeAnswer()
    {
    }

    /// <summary>The verdict; also one that no version knows, to see what a dialer makes of it.</summary>
    public Verdict Verdict { get; init; }

    /// <summary>The reason.</summary>
    public ReasonCode Reason { get; init; }

    /// <summary>The call fails with this status instead; null: it is answered.</summary>
    public StatusCode? Failure { get; init; }

    /// <summary>Pause that the failure or UNKNOWN advises; null: none.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>How long the answer takes; default: no time.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>How long an ALLOW may be reused; zero: it has expired when it arrives. Default: 500 ms.</summary>
    public TimeSpan ReusableFor { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>The answer is to a "what if" and permits nothing.</summary>
    public bool Hypothetical { get; init; }

    /// <summary>The call is permitted.</summary>
    public static FakeAnswer Allow(ReasonCode reason = ReasonCode.NothingForbids) => new() { Verdict = Verdict.Allow, Reason = reason };

    /// <summary>The call is forbidden.</summary>
    public static FakeAnswer Deny(ReasonCode reason = ReasonCode.Objection) => new() { Verdict = Verdict.Deny, Reason = reason };

    /// <summary>The service cannot tell.</summary>
    public static FakeAnswer Unknown(ReasonCode reason = ReasonCode.StoreUnavailable) =>
        new() { Verdict = Verdict.Unknown, Reason = reason, RetryAfter = TimeSpan.FromSeconds(1) };

    /// <summary>There is no regime, or its register is not loaded.</summary>
    public static FakeAnswer NotCovered(ReasonCode reason = ReasonCode.NoRegime) => new() { Verdict = Verdict.NotCovered, Reason = reason };

    /// <summary>The call fails.</summary>
    /// <param name="status">With this.</param>
    /// <param name="retryAfter">And this advice.</param>
    public static FakeAnswer Fail(StatusCode status = StatusCode.Unavailable, TimeSpan? retryAfter = null) =>
        new() { Failure = status, RetryAfter = retryAfter };

    /// <summary>The same, later.</summary>
    public FakeAnswer After(TimeSpan delay) => this with { Delay = delay };

    /// <summary>As the verdict of a reason is.</summary>
    internal static FakeAnswer For(ReasonCode reason) => (int)reason switch
    {
        < 20 => Allow(reason),
        < 60 => Deny(reason),
        < 80 => NotCovered(reason),
        _ => Unknown(reason),
    };
}
