using System.Globalization;
using System.Runtime.CompilerServices;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.Client.Testing;

/// <summary>The change feed of a fake. A token is the count of earlier changes.</summary>
internal sealed class FakeWatch(TimeProvider clock)
{
    private const string Prefix = FakeLookup.Mark + "-";

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly List<Change> _changes = [];
    private TaskCompletionSource _more = NewMore();
    private long _dropped;

    public void Add(string number, Fact fact)
    {
        var known = new KnownFact { Fact = fact.Clone(), Current = true, Recorded = Timestamp.FromDateTimeOffset(clock.GetUtcNow()) };
        known.Fact.Number = "";
        TaskCompletionSource more;
        lock (_gate)
        {
            _changes.Add(new Change { Number = number, Fact = known, Id = Token(_dropped + _changes.Count + 1) });
            if (_changes.Count > FakeLookup.MaxRemembered)
            {
                _changes.RemoveAt(0);
                _dropped++;
            }

            (more, _more) = (_more, NewMore());
        }

        more.TrySetResult();
    }

    public async IAsyncEnumerable<WatchResponse> RunAsync(WatchRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var at = Begin(request.ResumeToken);
        var beat = clock.GetTimestamp();
        yield return Heartbeat(at);
        while (true)
        {
            Task more;
            Change? change;
            lock (_gate)
            {
                if (at < _dropped)
                {
                    throw Lost("CHANGES_LOST");
                }

                more = _more.Task;
                change = at - _dropped < _changes.Count ? _changes[(int)(at++ - _dropped)] : null;
            }

            if (change is not null && Concerns(change.Fact.Fact, request.Organisations))
            {
                yield return new WatchResponse { Change = change.Clone(), ResumeToken = Token(at) };
            }

            var pause = Interval - clock.GetElapsedTime(beat);
            if (change is null && pause > TimeSpan.Zero)
            {
                await more.WaitAsync(pause, clock, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            cancellationToken.ThrowIfCancellationRequested();
            if (clock.GetElapsedTime(beat) >= Interval)
            {
                beat = clock.GetTimestamp();
                yield return Heartbeat(at);
            }
        }
    }

    private long Begin(string token)
    {
        lock (_gate)
        {
            var end = _dropped + _changes.Count;
            if (token.Length == 0)
            {
                return end;
            }

            return token.StartsWith(Prefix, StringComparison.Ordinal)
                && long.TryParse(token.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var at)
                && at >= _dropped && at <= end
                    ? at
                    : throw Lost(token == FakeLookup.OldToken ? "RESUME_TOKEN_TOO_OLD" : "RESUME_TOKEN_OF_ANOTHER_STORE");
        }
    }

    // Like the service: no freshness until all earlier changes have been delivered.
    private WatchResponse Heartbeat(long at)
    {
        lock (_gate)
        {
            return new()
            {
                Heartbeat = new Heartbeat
                {
                    Time = Timestamp.FromDateTimeOffset(clock.GetUtcNow()),
                    Freshness = at == _dropped + _changes.Count ? new Duration() : null,
                    Interval = Duration.FromTimeSpan(Interval),
                },
                ResumeToken = Token(at),
            };
        }
    }

    private static bool Concerns(Fact fact, RepeatedField<string> organisations)
    {
        var organisation = fact.KindCase switch
        {
            Fact.KindOneofCase.Objection => fact.Objection.Organisation,
            Fact.KindOneofCase.Consent => fact.Consent.Organisation,
            Fact.KindOneofCase.Relation => fact.Relation.Organisation,
            Fact.KindOneofCase.Attempt => fact.Attempt.Organisation,
            Fact.KindOneofCase.Refusal => fact.Refusal.Organisation,
            _ => "*",
        };
        return organisations.Count == 0 || organisation == "*" || organisations.Contains(organisation);
    }

    private static ChangesLostException Lost(string reason) => new(
        LookupException.Because(StatusCode.FailedPrecondition, "Fake: changes since the token are lost; scrub again, then watch without a token."), reason);

    private static string Token(long at) => Prefix + at.ToString(CultureInfo.InvariantCulture);

    private static TaskCompletionSource NewMore() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
