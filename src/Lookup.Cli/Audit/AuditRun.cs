using Google.Protobuf.WellKnownTypes;
using Lookup.Client;
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
internal sealed record AuditedCall(CallLine Call, Decision Then, Decision Now)
{
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

/// <summary>Decides each call of a file twice: on what was on record at its time, and on what is on record now.</summary>
internal sealed class AuditRun(LookupClient client, CheckRequest template, AuditSettings settings, TimeProvider clock)
{
    // Calls decided before their findings are written.
    private const int Batch = 2_000;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);

    private readonly List<CallLine> _calls = new(Batch);

    /// <summary>Lines processed so far.</summary>
    public long Lines { get; private set; }

    /// <summary>Whether a request is being retried.</summary>
    public bool IsWaiting { get; private set; }

    /// <summary>Audits every line.</summary>
    /// <param name="reader">The call records.</param>
    /// <param name="sink">Receives each line in the order of the file.</param>
    /// <param name="ct">Stops between two batches.</param>
    /// <exception cref="LookupException">The service rejected the question, or did not answer for as long as --wait says.</exception>
    public async Task RunAsync(CallReader reader, AuditTally sink, CancellationToken ct)
    {
        var decided = new AuditedCall?[Batch];
        while (Fill(reader))
        {
            await Parallel.ForAsync(0, _calls.Count, new ParallelOptions { MaxDegreeOfParallelism = settings.InFlight, CancellationToken = ct }, async (i, stop) =>
                decided[i] = _calls[i].Number == 0 ? null : await DecideAsync(_calls[i], stop));
            foreach (var (call, i) in _calls.Select((call, i) => (call, i)))
            {
                sink.Add(call, decided[i]);
            }

            Lines += _calls.Count;
        }
    }

    private bool Fill(CallReader reader)
    {
        _calls.Clear();
        while (_calls.Count < Batch && reader.Read() is { } call)
        {
            _calls.Add(call);
        }

        return _calls.Count > 0;
    }

    private async ValueTask<AuditedCall> DecideAsync(CallLine call, CancellationToken ct)
    {
        var at = Timestamp.FromDateTimeOffset(call.At);
        var then = template.Clone();
        then.Number = $"+{call.Number}";
        then.WhatIf ??= new WhatIf();
        then.WhatIf.CallTime = at;
        then.WhatIf.KnownAt = at;
        var now = then.Clone();
        now.WhatIf.KnownAt = null;
        return new AuditedCall(call, await AskAsync(then, ct), await AskAsync(now, ct));
    }

    private async Task<Decision> AskAsync(CheckRequest request, CancellationToken ct)
    {
        var began = clock.GetTimestamp();
        for (var pause = FirstPause; ; pause *= 2)
        {
            try
            {
                var decision = (await client.CheckAsync(request, ct)).Decision;
                if (decision.Verdict != Verdict.Unknown || decision.RetryAfter is null || clock.GetElapsedTime(began) >= settings.Wait)
                {
                    IsWaiting = false;
                    return decision;
                }
            }
            catch (LookupException exception) when (exception.IsTransient && clock.GetElapsedTime(began) < settings.Wait)
            {
                // Again below.
            }

            IsWaiting = true;
            await Task.Delay(pause, clock, ct);
        }
    }
}

/// <summary>Limits of an audit.</summary>
/// <param name="InFlight">Calls decided at a time.</param>
/// <param name="Wait">How long to retry a request.</param>
internal readonly record struct AuditSettings(int InFlight, TimeSpan Wait);
