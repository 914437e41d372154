using Lookup.Core.Numbers;

namespace Lookup.Core.Receipts;

/// <summary>What a receipt is for.</summary>
public enum ReceiptKind : byte
{
    /// <summary>One answer.</summary>
    Check = 1,
    /// <summary>All answers of one stream.</summary>
    List = 2,
    /// <summary>The erasure of a number, with that of its receipts in the same log.</summary>
    Erasure = 3,
}

/// <summary>
/// What was answered and on what it rested. The number stands in it only as the key under which it is stored, so a receipt
/// says nothing about anybody to those who have no number key.
/// </summary>
public sealed record Receipt
{
    /// <summary>One answer or a list.</summary>
    public ReceiptKind Kind { get; init; } = ReceiptKind.Check;

    /// <summary>The request supposed another time or other rules; no permission to call.</summary>
    public bool Hypothetical { get; init; }

    /// <summary>How the call would be dialled, as the question said.</summary>
    public DiallingMode Mode { get; init; }

    /// <summary>The question said that the caller's number is not shown.</summary>
    public bool CallerNumberWithheld { get; init; }

    /// <summary>The number that the call would show, "+" and digits; empty where the question stated none.</summary>
    public string CallerNumber { get; init; } = "";

    /// <summary>Where the called person is, as the question said; empty where it said nothing.</summary>
    public string CalledRegion { get; init; } = "";

    /// <summary>The verdict; only for one answer.</summary>
    public Verdict Verdict { get; init; }

    /// <summary>Purpose of the call.</summary>
    public Purpose Purpose { get; init; }

    /// <summary>Kind of the call.</summary>
    public CallKind CallKind { get; init; }

    /// <summary>Who is called, as far as the caller knew.</summary>
    public SubscriberType Subscriber { get; init; }

    /// <summary>Sector that was decided for.</summary>
    public Sector Sector { get; init; }

    /// <summary>When it was answered, in Unix milliseconds. Of a list: when its last chunk was.</summary>
    public long Time { get; init; }

    /// <summary>The call time decided for, in Unix milliseconds. Of a list: that of its first chunk.</summary>
    public long CallTime { get; init; }

    /// <summary>Age of the facts, in milliseconds, rounded up.</summary>
    public uint AgeMs { get; init; }

    /// <summary>Partition of the store that the facts are of, 0 to 255; -1 where no facts were needed, and for a list.</summary>
    public int Partition { get; init; } = -1;

    /// <summary>Version of that partition.</summary>
    public ulong Version { get; init; }

    /// <summary>Key of the number; zero for a list.</summary>
    public NumberPseudonym Number { get; init; }

    /// <summary>
    /// What was read, see <see cref="FactsDigest"/>; of a list its chain, see <see cref="ListChain"/>; of an erasure see
    /// <see cref="ErasedReceipt"/>.
    /// </summary>
    public ReadOnlyMemory<byte> Digest { get; init; } = FactsDigest.Nothing;

    /// <summary>How many numbers were answered, 1 unless it is a list; of an erasure: receipts erased with it.</summary>
    public ulong Count { get; init; } = 1;

    /// <summary>Credential that asked; empty where the service asks for none. At most 255 bytes of UTF-8, as all texts.</summary>
    public string AskedBy { get; init; } = "";

    /// <summary>The organisation.</summary>
    public string Organisation { get; init; } = "";

    /// <summary>The product group; empty without one.</summary>
    public string ProductGroup { get; init; } = "";

    /// <summary>The regime, for example "NL-2"; empty where none holds, and for a list.</summary>
    public string Regime { get; init; } = "";

    /// <summary>Version of the regime's text.</summary>
    public string RegimeVersion { get; init; } = "";

    /// <summary>All reasons, the most binding first; none for a list.</summary>
    public ReadOnlyMemory<ReasonCode> Reasons { get; init; }
}
