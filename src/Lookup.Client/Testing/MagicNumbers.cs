using System.Globalization;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.Client.Testing;

/// <summary>
/// Numbers with fixed answers of <see cref="FakeLookup"/> and <c>lookup serve --fake</c>.
/// </summary>
/// <remarks>
/// All are +44 7700 900000 to 900999, which the British regulator Ofcom reserves for drama: they are well formed, look like mobile
/// numbers to a dialer, and are never assigned. The last three digits select the answer: the number of a reason
/// (<see cref="ReasonCode"/>), 900 plus the number of a gRPC status, or a special case.
/// </remarks>
public static class MagicNumbers
{
    /// <summary>Common prefix of all magic numbers.</summary>
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

    /// <summary>UNKNOWN: the store is unavailable.</summary>
    public const string Unknown = Prefix + "080";

    /// <summary>ALLOW, after 3 seconds.</summary>
    public const string Slow = Prefix + "530";

    /// <summary>ALLOW as a what-if answer: it permits no call.</summary>
    public const string Hypothetical = Prefix + "700";

    /// <summary>ALLOW that is expired when it arrives: it permits no call.</summary>
    public const string Expired = Prefix + "701";

    /// <summary>A verdict that no version knows.</summary>
    public const string UnheardOf = Prefix + "702";

    /// <summary>The call fails with UNAVAILABLE.</summary>
    public const string Unavailable = Prefix + "914";

    /// <summary>The call is not answered within its deadline.</summary>
    public const string TimesOut = Prefix + "904";

    /// <summary>The call fails with RESOURCE_EXHAUSTED and the advice to wait 2 seconds.</summary>
    public const string Overloaded = Prefix + "908";

    /// <summary>The call fails with INVALID_ARGUMENT.</summary>
    public const string Refused = Prefix + "903";

    /// <summary>The call fails with INTERNAL.</summary>
    public const string Broken = Prefix + "913";

    private const int SlowFirst = 500;
    private const int SlowLast = 599;
    private const int StatusFirst = 900;

    private static readonly Verdict NewerVerdict = (Verdict)99;

    /// <summary>Returns the number that is answered with a reason.</summary>
    public static string For(ReasonCode reason) => Number((int)reason);

    /// <summary>Returns the number that fails with a status.</summary>
    public static string For(StatusCode status) => Number(StatusFirst + (int)status);

    /// <summary>Returns the number that is answered with ALLOW after this many tenths of a second, 0 to 99.</summary>
    public static string AllowAfterTenths(int tenths)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tenths);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tenths, SlowLast - SlowFirst);
        return Number(SlowFirst + tenths);
    }

    /// <summary>Lists every magic number with its answer, ascending; of the delays only the first.</summary>
    public static IReadOnlyList<(string Number, FakeAnswer Answer)> All { get; } =
    [
        .. Enumerable.Range(0, 1_000).Where(n => n is <= SlowFirst or > SlowLast)
            .Select(n => (Number: Number(n), Answer: Answer(Number(n)))).Where(m => m.Answer is not null).Select(m => (m.Number, m.Answer!)),
    ];

    /// <summary>Returns the answer for a number; null if it is not a magic number.</summary>
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
