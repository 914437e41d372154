using Google.Protobuf.WellKnownTypes;
using Lookup.V1;

namespace Lookup.Cli.Audit;

/// <summary>A record that forbids a call and was made after it.</summary>
/// <param name="Effective">When it took effect.</param>
/// <param name="Recorded">When it was recorded.</param>
internal sealed record LateRecord(DateTimeOffset Effective, DateTimeOffset Recorded)
{
    /// <summary>How long after its effect it was recorded.</summary>
    public TimeSpan Delay => Recorded > Effective ? Recorded - Effective : TimeSpan.Zero;

    /// <summary>Finds the first record since which the call is not permitted. Asks the service on what was known at each later record.</summary>
    /// <param name="questions">Asks the service.</param>
    /// <param name="call">The call, forbidden only by later records.</param>
    /// <param name="now">The assumptions about the call, on all that is on record.</param>
    /// <param name="ct">Ends the wait.</param>
    /// <returns>Null if the caller may not see the record, or it no longer exists.</returns>
    public static async Task<LateRecord?> FindAsync(AuditQuestions questions, CallLine call, WhatIf now, CancellationToken ct)
    {
        var explained = await questions.ExplainAsync(call.Organisation, call.Number, now, ct);
        var later = explained.Facts.Select(fact => Of(fact.Fact.Effective, fact.Recorded))
            .Concat(explained.Blocks.SelectMany(block => block.Versions).Select(version => Of(version.Effective, version.Recorded)))
            .Where(record => record.Recorded > call.At && record.Effective <= call.At)
            .OrderBy(record => record.Recorded).ThenBy(record => record.Effective)
            .DistinctBy(record => record.Recorded)
            .ToList();
        if (later.Count == 0)
        {
            return null;
        }

        var decisions = await questions.AskAsync(
            call.Organisation, [.. later.Select(record => (call.Number, new WhatIf(now) { KnownAt = Timestamp.FromDateTimeOffset(record.Recorded) }))], ct);
        return later.Where((_, i) => decisions[i].Verdict != Verdict.Allow).FirstOrDefault();
    }

    private static LateRecord Of(Timestamp effective, Timestamp recorded) => new(effective.ToDateTimeOffset(), recorded.ToDateTimeOffset());
}
