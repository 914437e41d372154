using Lookup.V1;

namespace Lookup.Cli.Audit;

/// <summary>What the audit of a placed call found.</summary>
internal enum Finding
{
    /// <summary>Permitted on what was on record at the call, and on what is on record now.</summary>
    Permitted,
    /// <summary>Not permitted on either.</summary>
    NotPermitted,
    /// <summary>Not permitted on what was on record at the call; what was recorded later permits it.</summary>
    PermittedByLaterRecord,
    /// <summary>Permitted on what was on record at the call; what was recorded later forbids it.</summary>
    ForbiddenByLaterRecord,
    /// <summary>It cannot be decided.</summary>
    Undecided,
}

/// <summary>A call with its decisions.</summary>
/// <param name="Call">The call.</param>
/// <param name="Then">The decision on what was on record at the call.</param>
/// <param name="Now">The decision on what is on record now.</param>
/// <param name="Check">What the receipts say; null without receipts.</param>
internal sealed record AuditedCall(CallLine Call, Decision Then, Decision Now, CallCheck? Check)
{
    /// <summary>What was recorded too late; null if nothing was, or it cannot be told.</summary>
    public LateRecord? Late { get; init; }

    /// <summary>Whether the call is permitted in both views, and checked as far as receipts can say.</summary>
    public bool IsClean => Finding == Finding.Permitted
        && Check?.State is not (CheckState.NeverChecked or CheckState.AgainstAnswer or CheckState.AnswerExpired);

    public Finding Finding => (Then.Verdict, Now.Verdict) switch
    {
        (Verdict.Unknown, _) or (_, Verdict.Unknown) => Finding.Undecided,
        (Verdict.Allow, Verdict.Allow) => Finding.Permitted,
        (Verdict.Allow, _) => Finding.ForbiddenByLaterRecord,
        (_, Verdict.Allow) => Finding.PermittedByLaterRecord,
        _ => Finding.NotPermitted,
    };

    /// <summary>The decision that the finding rests on.</summary>
    public Decision Ground => Finding is Finding.ForbiddenByLaterRecord || (Finding == Finding.Undecided && Then.Verdict != Verdict.Unknown) ? Now : Then;
}

/// <summary>What the receipts say about the check before a call.</summary>
internal enum CheckState
{
    /// <summary>The last answer before the call was ALLOW and had not expired.</summary>
    Checked,
    /// <summary>There is no answer within the window before the call.</summary>
    NeverChecked,
    /// <summary>The last answer before the call was not ALLOW.</summary>
    AgainstAnswer,
    /// <summary>The last answer before the call was ALLOW and had expired.</summary>
    AnswerExpired,
    /// <summary>The call is older than the first receipt.</summary>
    BeforeReceipts,
    /// <summary>The number's receipts were erased after the call.</summary>
    Erased,
}

/// <summary>The check before a call.</summary>
/// <param name="State">What the receipts say.</param>
/// <param name="Receipt">Id of the last receipt before the call; empty if there is none.</param>
/// <param name="Answered">Time of that answer, in Unix milliseconds; 0 if there is none.</param>
/// <param name="Verdict">The verdict of that answer.</param>
internal sealed record CallCheck(CheckState State, string Receipt = "", long Answered = 0, Verdict Verdict = Verdict.Unspecified);
