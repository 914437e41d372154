// For: the only byte form of a receipt, which the log hashes. Every other form is rejected, so two different byte strings never read as
// the same receipt.
//
// Big-endian. 4 "LRC1", 1 kind, 1 flags (1 hypothetical, 2 no human takes part, 4 caller's number withheld; 8 and 16: dialling mode, 0 if
// it was not stated or no human takes part; 32 and 64: type of the called line), 1 verdict, 1 purpose,
// 1 kind of call, 1 subscriber, 1 sector, 8 time, 8 call time, 4 age, 2 partition + 1, 8 version, 16 pseudonym, 32 digest, 8 count; then
// five texts, each a byte of length and UTF-8: credential, organisation, product group, regime, its version; then a byte of count and a
// byte per reason. "LRC2" marks a receipt with a sixth and a seventh text, the caller's number and the called region; if both are empty
// it is "LRC1". "LRC3" marks a receipt with these two texts and an eighth one, the registers with the dates of their snapshots; if it is
// empty, it is one of the others.
using System.Buffers.Binary;
using System.Text;
using Lookup.Core.Decisions;
using Lookup.Core.Numbers;

namespace Lookup.Core.Receipts;

/// <summary>Reads and writes receipts.</summary>
public static class ReceiptFormat
{
    /// <summary>Bytes before the texts.</summary>
    public const int FixedSize = 97;

    /// <summary>The number of texts.</summary>
    public const int Texts = 5;

    /// <summary>Longest text in bytes of UTF-8.</summary>
    public const int MaxText = byte.MaxValue;

    /// <summary>Longest receipt in bytes.</summary>
    public const int MaxSize = FixedSize + ((Texts + MoreTexts) * (1 + MaxText)) + 1 + Decision.MaxReasons;

    private const int MoreTexts = 3;

    private const byte HypotheticalFlag = 1;
    private const byte NoHumanFlag = 2;
    private const byte WithheldFlag = 4;
    private const int ModeShift = 3;
    private const byte ModeMask = 3 << ModeShift;
    private const int LineShift = 5;
    private const byte LineMask = 3 << LineShift;

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private static ReadOnlySpan<byte> Magic => "LRC1"u8;

    private static ReadOnlySpan<byte> MagicOfMore => "LRC2"u8;

    private static ReadOnlySpan<byte> MagicOfRegisters => "LRC3"u8;

    /// <summary>Writes a receipt.</summary>
    /// <exception cref="ArgumentException">A text is too long, or there are too many reasons.</exception>
    public static byte[] Write(Receipt receipt)
    {
        Span<byte> to = stackalloc byte[MaxSize];
        return to[..Write(receipt, to)].ToArray();
    }

    /// <summary>Writes a receipt to a buffer of at least <see cref="MaxSize"/> bytes.</summary>
    /// <returns>Bytes written.</returns>
    /// <exception cref="ArgumentException">A text is too long, or there are too many reasons.</exception>
    public static int Write(Receipt receipt, Span<byte> to)
    {
        ArgumentNullException.ThrowIfNull(receipt);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(receipt.Reasons.Length, Decision.MaxReasons, nameof(receipt));
        ArgumentOutOfRangeException.ThrowIfNotEqual(receipt.Digest.Length, FactsDigest.Size, nameof(receipt));
        var hasMore = receipt.CallerNumber.Length + receipt.CalledRegion.Length > 0;
        var hasRegisters = receipt.Registers.Length > 0;
        (hasRegisters ? MagicOfRegisters : hasMore ? MagicOfMore : Magic).CopyTo(to);
        to[4] = (byte)receipt.Kind;
        to[5] = (byte)((receipt.Hypothetical ? HypotheticalFlag : 0) | (receipt.CallerNumberWithheld ? WithheldFlag : 0)
            | (receipt.Mode == DiallingMode.NoHuman ? NoHumanFlag : (int)receipt.Mode << ModeShift)
            | ((int)receipt.Line << LineShift));
        to[6] = (byte)receipt.Verdict;
        to[7] = (byte)receipt.Purpose;
        to[8] = (byte)receipt.CallKind;
        to[9] = (byte)receipt.Subscriber;
        to[10] = (byte)receipt.Sector;
        BinaryPrimitives.WriteInt64BigEndian(to[11..], receipt.Time);
        BinaryPrimitives.WriteInt64BigEndian(to[19..], receipt.CallTime);
        BinaryPrimitives.WriteUInt32BigEndian(to[27..], receipt.AgeMs);
        BinaryPrimitives.WriteUInt16BigEndian(to[31..], checked((ushort)(receipt.Partition + 1)));
        BinaryPrimitives.WriteUInt64BigEndian(to[33..], receipt.Version);
        receipt.Number.WriteTo(to[41..]);
        receipt.Digest.Span.CopyTo(to[57..]);
        BinaryPrimitives.WriteUInt64BigEndian(to[89..], receipt.Count);
        var at = FixedSize;
        WriteText(to, ref at, receipt.AskedBy);
        WriteText(to, ref at, receipt.Organisation);
        WriteText(to, ref at, receipt.ProductGroup);
        WriteText(to, ref at, receipt.Regime);
        WriteText(to, ref at, receipt.RegimeVersion);
        if (hasMore || hasRegisters)
        {
            WriteText(to, ref at, receipt.CallerNumber);
            WriteText(to, ref at, receipt.CalledRegion);
        }

        if (hasRegisters)
        {
            WriteText(to, ref at, receipt.Registers);
        }

        to[at++] = (byte)receipt.Reasons.Length;
        foreach (var reason in receipt.Reasons.Span)
        {
            to[at++] = (byte)reason;
        }

        return at;
    }

    /// <summary>Returns whether a receipt is about a number (an answer or an erasure), without reading all of it.</summary>
    public static bool IsAbout(ReadOnlySpan<byte> receipt, NumberPseudonym number) => TryReadNumber(receipt, out var own) && own == number;

    /// <summary>Reads the number of an answer or erasure; returns false for other receipts.</summary>
    public static bool TryReadNumber(ReadOnlySpan<byte> receipt, out NumberPseudonym number)
    {
        var has = receipt.Length > FixedSize && IsReceipt(receipt) && receipt[4] is (byte)ReceiptKind.Check or (byte)ReceiptKind.Erasure;
        number = has ? NumberPseudonym.Read(receipt[41..]) : default;
        return has;
    }

    /// <summary>Reads a receipt that takes up all bytes.</summary>
    /// <exception cref="ReceiptException">It is not a receipt; the message names the byte.</exception>
    public static Receipt Read(ReadOnlySpan<byte> from)
    {
        if (from.Length < FixedSize + Texts + 1 || !IsReceipt(from))
        {
            throw Invalid(0, "not a receipt of version 1 to 3");
        }

        var flags = from[5];
        if ((flags & ~(HypotheticalFlag | NoHumanFlag | WithheldFlag | ModeMask | LineMask)) != 0)
        {
            throw Invalid(5, "unknown flag");
        }

        if ((flags & NoHumanFlag) != 0 && (flags & ModeMask) != 0)
        {
            throw Invalid(5, "contradicting dialling modes");
        }

        var partition = BinaryPrimitives.ReadUInt16BigEndian(from[31..]) - 1;
        if (partition >= NumberPseudonym.MaxPartitions)
        {
            throw Invalid(31, "unknown partition");
        }

        var at = FixedSize;
        var texts = new string[Texts];
        for (var i = 0; i < texts.Length; i++)
        {
            texts[i] = ReadText(from, ref at);
        }

        var (caller, region, registers) = ("", "", "");
        if (from.StartsWith(MagicOfMore))
        {
            (caller, region) = (ReadText(from, ref at), ReadText(from, ref at));
            if (caller.Length + region.Length == 0)
            {
                throw Invalid(at, "a receipt of version 2 must have a caller's number or a region");
            }
        }

        if (from.StartsWith(MagicOfRegisters))
        {
            (caller, region, registers) = (ReadText(from, ref at), ReadText(from, ref at), ReadText(from, ref at));
            if (registers.Length == 0)
            {
                throw Invalid(at, "a receipt of version 3 must have registers");
            }
        }

        var reasons = ReadReasons(from, at);
        return new Receipt
        {
            Kind = Defined((ReceiptKind)from[4], 4),
            Hypothetical = (flags & HypotheticalFlag) != 0,
            Mode = (flags & NoHumanFlag) != 0 ? DiallingMode.NoHuman : (DiallingMode)((flags & ModeMask) >> ModeShift),
            Line = Defined((LineType)((flags & LineMask) >> LineShift), 5),
            CallerNumberWithheld = (flags & WithheldFlag) != 0,
            Verdict = Defined((Verdict)from[6], 6),
            Purpose = Defined((Purpose)from[7], 7),
            CallKind = Defined((CallKind)from[8], 8),
            Subscriber = Defined((SubscriberType)from[9], 9),
            Sector = Defined((Sector)from[10], 10),
            Time = BinaryPrimitives.ReadInt64BigEndian(from[11..]),
            CallTime = BinaryPrimitives.ReadInt64BigEndian(from[19..]),
            AgeMs = BinaryPrimitives.ReadUInt32BigEndian(from[27..]),
            Partition = partition,
            Version = BinaryPrimitives.ReadUInt64BigEndian(from[33..]),
            Number = NumberPseudonym.Read(from[41..]),
            Digest = from.Slice(57, FactsDigest.Size).ToArray(),
            Count = BinaryPrimitives.ReadUInt64BigEndian(from[89..]),
            AskedBy = texts[0],
            Organisation = texts[1],
            ProductGroup = texts[2],
            Regime = texts[3],
            RegimeVersion = texts[4],
            CallerNumber = caller,
            CalledRegion = region,
            Registers = registers,
            Reasons = reasons,
        };
    }

    private static bool IsReceipt(ReadOnlySpan<byte> bytes) => bytes.StartsWith(Magic) || bytes.StartsWith(MagicOfMore) || bytes.StartsWith(MagicOfRegisters);

    private static void WriteText(Span<byte> to, ref int at, string text)
    {
        if (text.Length > MaxText || !Utf8.TryGetBytes(text, to.Slice(at + 1, MaxText), out var length))
        {
            throw new ArgumentException($"Must have at most {MaxText} bytes of UTF-8.", nameof(text));
        }

        to[at] = (byte)length;
        at += 1 + length;
    }

    private static string ReadText(ReadOnlySpan<byte> from, ref int at)
    {
        if (at >= from.Length || at + 1 + from[at] > from.Length)
        {
            throw Invalid(at, "a text extends beyond the end");
        }

        var text = from.Slice(at + 1, from[at]);
        try
        {
            var result = Utf8.GetString(text);
            at += 1 + text.Length;
            return result;
        }
        catch (DecoderFallbackException)
        {
            throw Invalid(at, "a text is not UTF-8");
        }
    }

    private static ReasonCode[] ReadReasons(ReadOnlySpan<byte> from, int at)
    {
        if (at >= from.Length || from[at] > Decision.MaxReasons || at + 1 + from[at] != from.Length)
        {
            throw Invalid(at, "the reasons do not end at the end of the receipt");
        }

        var reasons = new ReasonCode[from[at]];
        for (var i = 0; i < reasons.Length; i++)
        {
            reasons[i] = Defined((ReasonCode)from[at + 1 + i], at + 1 + i);
        }

        return reasons;
    }

    private static T Defined<T>(T value, int at)
        where T : struct, Enum =>
        Enum.IsDefined(value) ? value : throw Invalid(at, $"unknown {typeof(T).Name}");

    private static ReceiptException Invalid(int at, string what) => new($"Receipt, byte {at}: {what}.");
}
