using Lookup.Core.Numbers;

namespace Lookup.Core.Receipts;

/// <summary>The subject of a receipt.</summary>
public enum ReceiptKind : byte
{
    /// <summary>One answer.</summary>
    Check = 1,
    /// <summary>All answers of one stream.</summary>
    List = 2,
    /// <summary>The erasure of a number together with its receipts in the same log.</summary>
    Erasure = 3,
    /// <summary>The admin trail as of an entry that the instance wrote.</summary>
    Trail = 4,
}

/// <summary>
/// An answer and what it rests on. It contains the number only as its pseudonym, so without the encryption key a receipt reveals nothing
/// about a person.
/// </summary>
public sealed record Receipt
{
    /// <summary>One answer, a list or an erasure.</summary>
    public ReceiptKind Kind { get; init; } = ReceiptKind.Check;

    /// <summary>Whether the request assumed another time or other rules; not a permission to call.</summary>
    public bool Hypothetical { get; init; }

    /// <summary>The dialling mode in the question.</summary>
    public DiallingMode Mode { get; init; }

    /// <summary>Whether the question said that the call hides the caller's number.</summary>
    public bool CallerNumberWithheld { get; init; }

    /// <summary>The caller number in the question, "+" and digits; empty if not stated.</summary>
    public string CallerNumber { get; init; } = "";

    /// <summary>The region of the called person in the question; empty if not stated.</summary>
    public string CalledRegion { get; init; } = "";

    /// <summary>The type of the called line in the question.</summary>
    public LineType Line { get; init; }

    /// <summary>The verdict; only for one answer.</summary>
    public Verdict Verdict { get; init; }

    /// <summary>Purpose of the call.</summary>
    public Purpose Purpose { get; init; }

    /// <summary>Kind of the call.</summary>
    public CallKind CallKind { get; init; }

    /// <summary>Type of the subscriber in the question.</summary>
    public SubscriberType Subscriber { get; init; }

    /// <summary>Sector that the decision used.</summary>
    public Sector Sector { get; init; }

    /// <summary>Time of the answer, in Unix milliseconds. Of a list: time of its last chunk.</summary>
    public long Time { get; init; }

    /// <summary>Call time of the decision, in Unix milliseconds. Of a list: that of its first chunk.</summary>
    public long CallTime { get; init; }

    /// <summary>Age of the facts, in milliseconds, rounded up.</summary>
    public uint AgeMs { get; init; }

    /// <summary>Partition of the facts, 0 to 255; -1 if no facts were needed, and for a list.</summary>
    public int Partition { get; init; } = -1;

    /// <summary>Partition version. Of a list: the numbers that were answered before its last chunk, so receipts of lists can be added up.</summary>
    public ulong Version { get; init; }

    /// <summary>Pseudonym of the number; zero for a list.</summary>
    public NumberPseudonym Number { get; init; }

    /// <summary>
    /// Of an answer: the facts, see <see cref="FactsDigest"/>. Of a list: its chain, see <see cref="ListChain"/>. Of an erasure: see
    /// <see cref="ErasedReceipt"/>. Of the trail: the hash of its newest entry.
    /// </summary>
    public ReadOnlyMemory<byte> Digest { get; init; } = FactsDigest.Nothing;

    /// <summary>The count of answered numbers, 1 unless it is a list; of an erasure: the receipts erased with it; of the trail: its entries.</summary>
    public ulong Count { get; init; } = 1;

    /// <summary>Credential of the caller; empty if the service requires none. At most 255 bytes of UTF-8, like all texts.</summary>
    public string AskedBy { get; init; } = "";

    /// <summary>The organisation.</summary>
    public string Organisation { get; init; } = "";

    /// <summary>The product group; empty without one.</summary>
    public string ProductGroup { get; init; } = "";

    /// <summary>The regime, for example "NL-2"; empty if none applies, and for a list.</summary>
    public string Regime { get; init; } = "";

    /// <summary>Version of the regime file.</summary>
    public string RegimeVersion { get; init; } = "";

    /// <summary>
    /// The loaded registers of the rules with the dates of their snapshots, see <see cref="Regimes.RegisterSnapshots.DatesFor"/>; empty if
    /// there are none, for a list, and in receipts of earlier versions.
    /// </summary>
    public string Registers { get; init; } = "";

    /// <summary>All reasons, the most binding first; none for a list.</summary>
    public ReadOnlyMemory<ReasonCode> Reasons { get; init; }
}
