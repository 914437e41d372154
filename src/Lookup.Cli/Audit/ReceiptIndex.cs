// For: finding the last answer about a number before a call, among millions of receipts.
//
// An audit asks one question about every number: one organisation, purpose and kind. Receipts of other questions are left out, and each
// of the rest takes 24 bytes: the first half of the number's pseudonym, the time with the age of the facts and the verdict, and the place
// of the receipt. A pseudonym is a block of AES, so its half is as good as a hash: with ten million receipts, the chance that any two
// numbers share it is one in 300,000.
//
// A receipt does not contain the end of its answer. That is computed as the service does: the time of the facts and the freshness bound.
// The service starts from the arrival of the request, which is earlier than the time of the receipt, so the computed end is never too
// early. An answer may also end with a consent or with the permitted hours; then the decision for the call's time forbids the call.
using System.Globalization;
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Receipts;
using Lookup.Server.Receipts;

namespace Lookup.Cli.Audit;

/// <summary>Finds the answers that preceded calls.</summary>
/// <param name="question">The audited question; receipts of other purposes, kinds and product groups, and of other organisations if it names one, are left out.</param>
/// <param name="cipher">The encryption keys under which the receipts were written; kept until the process ends.</param>
/// <param name="settings">How receipts and calls are matched.</param>
internal sealed class ReceiptIndex(V1.Question question, NumberCipher cipher, ReceiptMatching settings)
{
    private readonly SortedRuns<Entry> _answers = new();
    private readonly List<string> _logs = [];

    // The last erasure of each number. Erasures are rare.
    private readonly Dictionary<ulong, long> _erased = [];

    /// <summary>Receipts of answers to the audited question.</summary>
    public long Answers => _answers.Count;

    /// <summary>Receipts of lists for the organisation. They contain no numbers, so they match no call.</summary>
    public long Lists { get; private set; }

    /// <summary>Receipts that no signed head proves. They match no call.</summary>
    public long Unproven { get; private set; }

    /// <summary>Whether the logs were verified with the public key.</summary>
    public bool IsVerified { get; init; }

    /// <summary>Time of the first receipt, in Unix milliseconds; the greatest value if there is none.</summary>
    public long First { get; private set; } = long.MaxValue;

    /// <summary>Reads the receipts of a log; call <see cref="Complete"/> after the last one.</summary>
    /// <param name="folder">The log.</param>
    /// <param name="proven">The number of receipts that are proven, from the first; the greatest value if none need be.</param>
    /// <param name="progress">Receives the number of receipts read.</param>
    /// <exception cref="ReceiptException">A receipt cannot be read.</exception>
    public void Add(ReceiptFolder folder, ulong proven, Action<ulong> progress, CancellationToken ct)
    {
        foreach (var segment in folder.Segments())
        {
            var log = Convert.ToHexStringLower(segment.LogId);
            var instance = _logs.IndexOf(log) is >= 0 and var known ? known : _logs.Count;
            if (instance == _logs.Count)
            {
                _logs.Add(log);
            }

            foreach (var receipt in segment.Receipts())
            {
                ct.ThrowIfCancellationRequested();
                if (receipt.Index >= proven)
                {
                    Unproven++;
                }
                else if (!ErasedReceipt.IsErased(receipt.Content, out _))
                {
                    Add(ReceiptFormat.Read(receipt.Content), instance, receipt.Index);
                }

                if (receipt.Index % 65_536 == 0)
                {
                    progress(receipt.Index);
                }
            }
        }
    }

    /// <summary>Ends the reading.</summary>
    public void Complete() => _answers.Complete();

    /// <summary>Finds the check before a call. Thread-safe.</summary>
    /// <param name="organisation">The organisation that the call was made for.</param>
    /// <param name="number">The number as an integer in E.164.</param>
    /// <param name="at">The start of the call, in Unix milliseconds.</param>
    public CallCheck Find(string organisation, ulong number, long at)
    {
        if (at + settings.SkewMs < First)
        {
            return new CallCheck(CheckState.BeforeReceipts);
        }

        Entry? last = null;
        var erased = long.MinValue;
        foreach (var pseudonym in cipher.EncryptWithAllKeys(new PhoneNumber(number)))
        {
            var key = KeyOf(pseudonym, organisation);
            erased = Math.Max(erased, _erased.GetValueOrDefault(pseudonym.High, long.MinValue));
            if (FindLast(key, at) is { } found && (last is null || IsBetter(found, last.Value, at)))
            {
                last = found;
            }
        }

        if (last is not { } entry)
        {
            return new CallCheck(erased >= at ? CheckState.Erased : CheckState.NeverChecked);
        }

        var state = entry.Verdict != Verdict.Allow ? CheckState.AgainstAnswer
            : at > entry.Time - entry.AgeMs + settings.FreshnessBoundMs + settings.SkewMs ? CheckState.AnswerExpired
            : CheckState.Checked;
        return new CallCheck(state, entry.Id(_logs), entry.Time, (V1.Verdict)entry.Verdict);
    }

    private Entry? FindLast(ulong key, long at)
    {
        Entry? last = null;
        foreach (var entry in _answers.Descending(Entry.LastOf(key, at + settings.SkewMs)))
        {
            if (entry.Key != key || entry.Time < at - settings.WindowMs)
            {
                break;
            }

            if (last is null || IsBetter(entry, last.Value, at))
            {
                last = entry;
            }

            if (last.Value.Verdict == Verdict.Allow || entry.Time < at - settings.SkewMs)
            {
                break;
            }
        }

        return last;
    }

    // The call was placed at any time within the skew, so an ALLOW in it counts although a later answer in it was another one.
    private bool IsBetter(in Entry one, in Entry other, long at)
    {
        var (isAllow, isOtherAllow) = (IsAllowAround(one, at), IsAllowAround(other, at));
        return isAllow == isOtherAllow ? one.Time > other.Time : isAllow;
    }

    private bool IsAllowAround(in Entry entry, long at) => entry.Verdict == Verdict.Allow && entry.Time >= at - settings.SkewMs;

    private void Add(Receipt receipt, int log, ulong index)
    {
        // One of the trail shows that receipts were kept, for example since the start of the service.
        First = Math.Min(First, receipt.Time);
        if (receipt.Kind == ReceiptKind.Trail)
        {
            return;
        }

        if (receipt.Kind == ReceiptKind.Erasure)
        {
            _erased[receipt.Number.High] = receipt.Time;
            return;
        }

        if (receipt.Hypothetical || (question.Organisation.Length > 0 && receipt.Organisation != question.Organisation))
        {
            return;
        }

        if (receipt.Kind == ReceiptKind.List)
        {
            Lists++;
            return;
        }

        var kind = question.Kind == V1.CallKind.Unspecified ? CallKind.Marketing : (CallKind)question.Kind;
        if (receipt.CallKind == kind
            && (question.Purpose == V1.Purpose.Unspecified || receipt.Purpose == (Purpose)question.Purpose)
            && (question.ProductGroup.Length == 0 || receipt.ProductGroup == question.ProductGroup))
        {
            _answers.Add(Entry.Of(KeyOf(receipt.Number, receipt.Organisation), receipt, log, index));
        }
    }

    private static ulong KeyOf(NumberPseudonym pseudonym, string organisation) => pseudonym.High ^ Scope.FromName(organisation);

    // Ordered by number and time, and in one millisecond as they were written.
    private readonly record struct Entry(ulong Key, ulong When, ulong Place) : IComparable<Entry>
    {
        private const int VerdictBits = 3;
        private const int AgeBits = 17;
        private const int IndexBits = 48;
        private const uint MaxAge = (1u << AgeBits) - 1;

        internal long Time => (long)(When >> (AgeBits + VerdictBits));

        internal uint AgeMs => (uint)(When >> VerdictBits) & MaxAge;

        internal Verdict Verdict => (Verdict)(When & ((1u << VerdictBits) - 1));

        internal static Entry Of(ulong key, Receipt receipt, int log, ulong index) => new(
            key,
            ((ulong)receipt.Time << (AgeBits + VerdictBits)) | ((ulong)Math.Min(receipt.AgeMs, MaxAge) << VerdictBits) | (byte)receipt.Verdict,
            ((ulong)log << IndexBits) | index);

        internal static Entry LastOf(ulong key, long at) => new(key, ((ulong)(at + 1) << (AgeBits + VerdictBits)) - 1, ulong.MaxValue);

        internal string Id(List<string> logs) => string.Create(
            CultureInfo.InvariantCulture, $"{logs[(int)(Place >> IndexBits)]}-{Place & ((1UL << IndexBits) - 1)}");

        public int CompareTo(Entry other) =>
            Key != other.Key ? Key.CompareTo(other.Key) : Time != other.Time ? Time.CompareTo(other.Time) : Place.CompareTo(other.Place);
    }
}

/// <summary>How receipts and calls are matched.</summary>
/// <param name="WindowMs">An older answer is not the check of a call.</param>
/// <param name="SkewMs">How far the clocks of dialer and service may differ.</param>
/// <param name="FreshnessBoundMs">The freshness bound of the service when it answered.</param>
internal readonly record struct ReceiptMatching(long WindowMs, long SkewMs, long FreshnessBoundMs);
