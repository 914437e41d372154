// For: checking and counting a call in one step.
//
// A reservation reads everything from the store, decides as of a time later than every stored attempt, and writes its attempt only if
// the stored attempts are still those that the decision used. Of several concurrent reservations, one writes; the others read and
// decide again. If a response, connection or server is lost, the attempt counts until it expires: it may cost a call but never
// permits one.
using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Writing;
using Lookup.Server.Errors;
using Lookup.Server.Mapping;
using Lookup.Server.Reading;
using Lookup.Server.Store;

namespace Lookup.Server.Checks;

/// <summary>Decides checks with reserve, which count the call if it is allowed.</summary>
internal sealed class Reservations(
    SingleChecks checks,
    FactReader reader,
    FactExpander expander,
    FilterReplica replica,
    IFactWriter store,
    INameStore names,
    TimeProvider clock)
{
    private const string Source = "reservation";

    private const string Unreadable = "A stored attempt is damaged, so no further attempt can be counted.";

    /// <summary>Reads the duration of a reservation in milliseconds; 0 for none. The result is valid only if no fault was added.</summary>
    internal static long Read(V1.CheckRequest request, ref List<FieldFault>? faults)
    {
        if (request.Reserve is null)
        {
            return 0;
        }

        if (request.WhatIf is not null)
        {
            FieldFaults.Add(ref faults, "reserve", "Cannot be combined with what_if.");
        }

        if (request.Reserve.Duration is not { } duration)
        {
            return Reservation.DefaultMs;
        }

        var length = (duration.Seconds * 1_000) + (duration.Nanos / 1_000_000);
        if (duration.Seconds is < 0 or > Reservation.MaxMs / 1_000 || length is < Reservation.MinMs or > Reservation.MaxMs)
        {
            FieldFaults.Add(ref faults, "reserve.duration", "Must be 1 second to 1 hour.");
        }

        return length;
    }

    /// <summary>Decides the check and counts the call if it is allowed.</summary>
    /// <param name="request">The request.</param>
    /// <param name="asked">The parsed request.</param>
    /// <param name="length">Duration of the reservation in milliseconds.</param>
    /// <param name="call">The deadline.</param>
    /// <exception cref="StoreUnavailableException">The store cannot answer or rejects writes.</exception>
    internal async Task<V1.CheckResponse> AnswerAsync(V1.CheckRequest request, NumberQuestion asked, long length, StoreDeadline call)
    {
        // Exact: the write replaces exactly the values that were read.
        asked = asked with { Exact = true, Asked = asked.Asked with { Question = asked.Asked.Question with { Reserves = true } } };
        try
        {
            var source = await names.SourceIdAsync(Source, asked.AskedBy, call.Token);
            while (true)
            {
                var facts = await reader.ReadAsync(asked, null, call);
                var at = asked.Asked.Question.CallTime;
                if (!TryTimeAfter(facts, at, out var later))
                {
                    return checks.BuildResponse(request, asked, facts, Decision.Without(Verdict.Unknown, ReasonCode.RecordUnreadable, Unreadable, facts.Rules));
                }

                if (later > at)
                {
                    facts.Dispose();
                    asked = At(asked, later);
                    continue;
                }

                var decision = SingleChecks.Decide(asked, facts);
                if (decision.Verdict != Verdict.Allow)
                {
                    return checks.BuildResponse(request, asked, facts, decision);
                }

                var until = at + length;
                var changes = Changes(asked, facts, until, source);
                if (await store.TryReplaceAsync(changes, call.Token) is not { } token)
                {
                    facts.Dispose();
                    asked = At(asked, clock.GetUtcNow().ToUnixTimeMilliseconds());
                    continue;
                }

                foreach (var change in changes)
                {
                    replica.Add(change.Fact.Key, change.Fact.Id, token);
                }

                // The ALLOW may expire before the reservation.
                var expires = decision.ValidUntil > 0 ? Math.Min(decision.ValidUntil, until) : until;
                var response = checks.BuildResponse(request, asked, facts, decision);
                response.Decision.ConsistencyToken = token.ToString();
                response.Reservation = new V1.Reservation { Called = FieldFaults.ToTimestamp(at), Expires = FieldFaults.ToTimestamp(expires) };
                return response;
            }
        }
        catch (NameCollisionException)
        {
            var question = asked.Asked.Question;
            throw RpcErrors.Invalid(
                question.GroupName.Length == 0 ? "question.organisation" : "question.product_group",
                ScopeNames.Collision(Scope.NameOf(question.OrganisationName, question.GroupName), null));
        }
        catch (OperationCanceledException) when (call.Expired)
        {
            throw StoreDeadline.TooSlow();
        }
    }

    private static NumberQuestion At(in NumberQuestion asked, long at) =>
        asked with { Asked = asked.Asked with { Question = asked.Asked.Question with { CallTime = at } } };

    private static bool TryTimeAfter(FactSet facts, long now, out long later)
    {
        later = now;
        for (var i = 0; i < facts.Ids.Length; i++)
        {
            if (facts.Ids.Span[i].Kind == FactKind.Attempt && facts.ValueAt(i) is { } value && !Reservation.TryTimeAfter(value, later, out later))
            {
                return false;
            }
        }

        return true;
    }

    private List<TimelineChange> Changes(in NumberQuestion asked, FactSet facts, long until, uint source)
    {
        var question = asked.Asked.Question;
        var stored = new List<StoredFact>(2);
        var faults = new List<FieldFault>();
        var attempt = new Fact
        {
            Number = asked.Number,
            Kind = FactKind.Attempt,
            Effective = DateTimeOffset.FromUnixTimeMilliseconds(question.CallTime),
            Source = Source,
            Organisation = asked.Asked.Organisation,
            ProductGroup = question.GroupName,
        };
        if (question.CallTime > clock.GetUtcNow().ToUnixTimeMilliseconds() + VersionsInEffect.MaxLateMs
            || !expander.TryExpand(attempt, source, stored, faults))
        {
            throw RpcErrors.Precondition(
                "An attempt at this number has a future time, so no other can be counted; check the clocks of the callers.", "ATTEMPT_AHEAD");
        }

        return stored.ConvertAll(fact =>
        {
            var reserved = fact with { Entry = fact.Entry with { Until = until } };
            var expected = facts.ValueOf(fact.Id) ?? [];
            return new TimelineChange(reserved, expected, Reservation.Add(expected, reserved.Entry));
        });
    }
}
