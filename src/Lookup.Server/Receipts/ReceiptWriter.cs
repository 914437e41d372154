using System.Globalization;
using System.Security.Cryptography;
using Google.Protobuf;
using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Numbers;
using Lookup.Core.Receipts;
using Lookup.Redis.Trail;
using Lookup.Server.Errors;
using Lookup.Server.Mapping;
using Lookup.Server.Reading;

namespace Lookup.Server.Receipts;

/// <summary>Writes the receipts of answers before they are sent.</summary>
internal sealed class ReceiptWriter(LookupServerOptions options, TimeProvider clock, ReceiptLog? log = null)
{
    /// <summary>The error for a request for receipts if none are kept.</summary>
    internal const string NoneKept = "This service keeps no receipts; start it with --receipts.";

    private readonly string _idBegin = log is null ? "" : Convert.ToHexStringLower(log.LogId) + "-";

    /// <summary>The log; null if no receipts are kept.</summary>
    internal ReceiptLog? Log => log;

    /// <summary>Whether answers must be withheld because receipts cannot be written.</summary>
    internal bool StopsAnswers => log?.Fault is not null && options.ReceiptsFor == ReceiptsFor.All;

    /// <summary>Returns whether an answer gets a receipt.</summary>
    /// <param name="asked">Whether the request asks for a receipt.</param>
    /// <param name="hypothetical">Whether the request has what_if.</param>
    internal bool Wants(bool asked, bool hypothetical) => log is not null && (asked || (options.ReceiptsFor == ReceiptsFor.All && !hypothetical));

    /// <summary>Writes the receipt of a single answer.</summary>
    /// <exception cref="ReceiptsUnavailableException">The receipt could not be written, so the answer must be withheld.</exception>
    internal V1.Receipt Write(in NumberQuestion asked, bool wantsContent, bool hypothetical, FactSet facts, in Decision decision)
    {
        var question = facts.Question;
        var reasons = new ReasonCode[decision.ReasonCount];
        for (var i = 0; i < reasons.Length; i++)
        {
            reasons[i] = decision.ReasonAt(i).Code;
        }

        return Append(wantsContent, new Receipt
        {
            Hypothetical = hypothetical,
            Mode = question.Mode,
            CallerNumber = CallerText(question),
            CalledRegion = question.Region,
            Line = question.Line,
            CallerNumberWithheld = question.CallerNumberWithheld,
            Verdict = decision.Verdict,
            Purpose = question.Purpose,
            CallKind = question.Kind,
            Subscriber = question.Subscriber,
            Sector = question.Sector,
            Time = Now(),
            CallTime = question.CallTime,
            AgeMs = Milliseconds(facts.Age),
            Partition = facts.Position?.Partition ?? -1,
            Version = facts.Position?.Version ?? 0,
            Number = facts.Key,
            Digest = facts.Digest(),
            AskedBy = asked.AskedBy,
            Organisation = asked.Asked.Organisation,
            ProductGroup = question.GroupName,
            Regime = decision.Rules?.Id ?? "",
            RegimeVersion = decision.Rules?.Version ?? "",
            Registers = decision.Rules is { } rules ? facts.Registers.DatesFor(rules, question.CallTime) : "",
            Reasons = reasons,
        });
    }

    /// <summary>Writes the receipt of a list so far.</summary>
    /// <exception cref="ReceiptsUnavailableException">The receipt could not be written, so the answers must be withheld.</exception>
    internal V1.Receipt Write(in ListReceipt list, bool wantsContent)
    {
        var question = list.Question;
        return Append(wantsContent, new Receipt
        {
            Kind = ReceiptKind.List,
            Hypothetical = list.Hypothetical,
            Mode = question.Mode,
            CallerNumber = CallerText(question),
            CalledRegion = question.Region,
            Line = question.Line,
            CallerNumberWithheld = question.CallerNumberWithheld,
            Purpose = question.Purpose,
            CallKind = question.Kind,
            Subscriber = question.Subscriber,
            Sector = question.Sector,
            Time = Now(),
            CallTime = question.CallTime,
            AgeMs = Milliseconds(list.Age),
            Version = list.Before,
            Digest = list.Chain,
            Count = list.Count,
            AskedBy = list.AskedBy,
            Organisation = list.Organisation,
            ProductGroup = question.GroupName,
        });
    }

    /// <summary>Erases the receipts about a number, see <see cref="ReceiptLog.Erase"/>.</summary>
    /// <exception cref="ReceiptsUnavailableException">The erasure failed and may be retried.</exception>
    internal (V1.Receipt Receipt, int Erased) Erase(NumberPseudonym number, NumberPseudonym[] before, string askedBy)
    {
        var (index, erased) = log!.Erase(number, before, new Receipt { AskedBy = askedBy, Time = Now() });
        return (new V1.Receipt { Id = IdOf(index) }, erased);
    }

    /// <summary>Records the newest entry of the admin trail.</summary>
    /// <exception cref="ReceiptsUnavailableException">The receipt could not be written.</exception>
    internal void WriteTrail(AppendedEntry newest) => Append(wantsContent: false, new Receipt
    {
        Kind = ReceiptKind.Trail,
        Time = Now(),
        Digest = Convert.FromHexString(newest.Hash),
        Count = (ulong)newest.Number + 1,
    });

    /// <summary>Creates a salt for the chain of a list.</summary>
    internal static byte[] NewSalt() => RandomNumberGenerator.GetBytes(ListChain.SaltSize);

    /// <summary>Returns the id of a receipt of this log.</summary>
    internal string IdOf(ulong index) => string.Create(CultureInfo.InvariantCulture, $"{_idBegin}{index}");

    /// <summary>Finds the number of a receipt of this log by its id.</summary>
    internal bool TryIndex(string id, out ulong index)
    {
        index = 0;
        return log is not null && id.StartsWith(_idBegin, StringComparison.Ordinal)
            && ulong.TryParse(id.AsSpan(_idBegin.Length), NumberStyles.None, CultureInfo.InvariantCulture, out index)
            && index < log.Count;
    }

    private V1.Receipt Append(bool wantsContent, Receipt receipt)
    {
        Span<byte> bytes = stackalloc byte[ReceiptFormat.MaxSize];
        bytes = bytes[..ReceiptFormat.Write(receipt, bytes)];
        var index = log!.Append(bytes);
        return new V1.Receipt
        {
            Id = IdOf(index),
            Content = wantsContent ? ByteString.CopyFrom(bytes) : ByteString.Empty,
        };
    }

    private static string CallerText(in Question question) =>
        question.CallerNumber == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"+{question.CallerNumber}");

    private long Now() => clock.GetUtcNow().ToUnixTimeMilliseconds();

    private static uint Milliseconds(TimeSpan age) => (uint)Math.Min(Math.Ceiling(age.TotalMilliseconds), uint.MaxValue);
}

/// <summary>The content of a list's receipt.</summary>
/// <param name="Organisation">The organisation.</param>
/// <param name="Question">The question, resolved for the latest chunk.</param>
/// <param name="Hypothetical">Whether the request has what_if.</param>
/// <param name="AskedBy">The credential.</param>
/// <param name="Age">Age of the facts of the latest chunk.</param>
/// <param name="Chain">The chain over all answers.</param>
/// <param name="Before">Numbers answered before the latest chunk.</param>
/// <param name="Count">Numbers answered.</param>
internal readonly record struct ListReceipt(
    string Organisation, Question Question, bool Hypothetical, string AskedBy, TimeSpan Age, byte[] Chain, ulong Before, ulong Count);
