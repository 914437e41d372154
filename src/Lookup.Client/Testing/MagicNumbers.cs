using System.Globalization;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.Client.Testing;

/// <summary>
/// Numbers that a <see cref="FakeLookup"/> and <c>lookup serve --fake</c> answer in a set way.
/// </summary>
/// <remarks>
/// All are +44 7700 900000 to 900999, which the British regulator Ofcom keeps free for use in drama: they are well formed, a
/// dialer takes them for mobile numbers, and nobody can ever be called on them. The last three digits say what comes: the number
/// of a reason (<see cref="ReasonCode"/>), 900 and the number of a gRPC status, or one of the special cases.
/// </remarks>
public static class MagicNumbers
{
    /// <summary>What all of them begin with.</summary>
    public const string Prefix = "+447700900";

    /// <summary>ALLOW: nothing forbids the call.</summary>
    public const string Allow = Prefix + "001";

    /// <summary>ALLOW: there is a consent.</summary>
    public const string AllowByConsent = Prefix + "002";

    /// <summary>DENY: the subscriber objected.</summary>
    public const string DenyByObjection = Prefix + "021";

    /// <summary>DENY: the number is on a register.</summary>
    public const string DenyByRegister = Prefix + "023";

    /// <summary>DENY: consent is needed and there is none.</summary>
    public const string DenyWithoutConsent = Prefix + "025";

    /// <summary>DENY: outside the calling hours.</summary>
    public const string DenyOutsideHours = Prefix + "037";

    /// <summary>NOT_COVERED: no regime.</summary>
    public const string NotCovered = Prefix + "060";

    /// <summary>UNKNOWN: the store cannot be asked.</summary>
    public const string Unknown = Prefix + "080";

    /// <summary>ALLOW, after 3 seconds.</summary>
    public const string Slow = Prefix + "530";

    /// <summary>ALLOW, but to a "what if": it permits nothing.</summary>
    public const string Hypothetical = Prefix + "700";

    /// <summary>ALLOW, but over when it arrives: it permits nothing.</summary>
    public const string Expired = Prefix + "701";

    /// <summary>A verdict of a newer service, which nobody knows yet.</summary>
    public const string UnheardOf = Prefix + "702";

    /// <summary>The call fails with UNAVAILABLE.</summary>
    public const string Unavailable = Prefix + "914";

    /// <summary>The call is not answered within its deadline.</summary>
    public const string TimesOut = Prefix + "904";

    /// <summary>The call fails with RESOURCE_EXHAUSTED and the advice to wait 2 seconds.</summary>
    public const string Overloaded = Prefix + "908";

    /// <summary>The call is refused with INVALID_ARGUMENT.</summary>
    public const string Refused = Prefix + "903";

    /// <summary>The call fails with INTERNAL.</summary>
    public const string Broken = Prefix + "913";

    private const int SlowFirst = 500;
    private const int SlowLast = 599;
    private const int StatusFirst = 900;

    private static readonly Verdict NewerVerdict = (Verdict)99;

    /// <summary>The number that is answered with a reason.</summary>
    public static string For(ReasonCode reason) => Number((int)reason);

    /// <summary>The number that fails with a status.</summary>
    public static string For(StatusCode status) => Number(StatusFirst + (int)status);

    /// <summary>ALLOW after so many tenths of a second, 0 to 99.</summary>
    public static string AllowAfterTenths(int tenths)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tenths);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tenths, SlowLast - SlowFirst);
        return Number(SlowFirst + tenths);
    }

    /// <summary>Every magic number with its answer, ascending; the delays only by their first.</summary>
    public static IReadOnlyList<(string Number, FakeAnswer Answer)> All { get; } =
    [
        .. Enumerable.Range(0, 1_000).Where(n => n is <= SlowFirst or > SlowLast)
            .Select(n => (Number: Number(n), Answer: Answer(Number(n)))).Where(m => m.Answer is not null).Select(m => (m.Number, m.Answer!)),
    ];

    /// <summary>What is answered about a number; null if it is not magic.</summary>
    public static FakeAnswer? Answer(string number)
    {
        ArgumentNullException.ThrowIfNull(number);
        if (!number.StartsWith(Prefix, StringComparison.Ordinal) || number.Length != Prefix.Length + 3 ||
            !int.TryParse(number.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var code))
        {
            return null;
        }

        return code switch
        {
            >= SlowFirst and <= SlowLast => FakeAnswer.Allow().After(TimeSpan.FromMilliseconds(100 * (code - SlowFirst))),
            700 => FakeAnswer.Allow() with { Hypothetical = true },
            701 => FakeAnswer.Allow() with { ReusableFor = TimeSpan.Zero },
            702 => FakeAnswer.Allow() with { Verdict = NewerVerdict },
            StatusFirst + (int)StatusCode.ResourceExhausted => FakeAnswer.Fail(StatusCode.ResourceExhausted, TimeSpan.FromSeconds(2)),
            > StatusFirst when Enum.IsDefined((StatusCode)(code - StatusFirst)) => FakeAnswer.Fail((StatusCode)(code - StatusFirst)),
            > 0 when Enum.IsDefined((ReasonCode)code) => FakeAnswer.For((ReasonCode)code),
            _ => null,
        };
    }

    private static string Number(int code) => Prefix + code.ToString("000", CultureInfo.InvariantCulture);
}
