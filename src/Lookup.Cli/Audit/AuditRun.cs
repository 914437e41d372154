using Google.Protobuf.WellKnownTypes;
using Lookup.Client;
using Lookup.V1;

namespace Lookup.Cli.Audit;

/// <summary>Decides each call of a file twice: on what was on record at its time, and on what is on record now.</summary>
/// <param name="client">The service.</param>
/// <param name="template">The question without number and times.</param>
/// <param name="receipts">The receipts; null: checks are not audited.</param>
/// <param name="placed">The calls of the file, to count attempts; null: only attempts on record count.</param>
/// <param name="settings">Limits.</param>
/// <param name="clock">Measures how long a request is retried.</param>
internal sealed class AuditRun(
    LookupClient client, CheckRequest template, ReceiptIndex? receipts, CallIndex? placed, AuditSettings settings, TimeProvider clock)
{
    // Calls decided before their findings are written.
    private const int Batch = 2_000;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    private readonly List<CallLine> _calls = new(Batch);

    /// <summary>Whether a request is being retried.</summary>
    public bool IsWaiting { get; private set; }

    /// <summary>Audits every line.</summary>
    /// <param name="reader">The call records.</param>
    /// <param name="sink">Receives each line in the order of the file.</param>
    /// <param name="save">Called when the lines so far are counted.</param>
    /// <param name="ct">Stops between two batches.</param>
    /// <exception cref="LookupException">The service rejected the question, or did not answer for as long as --wait says.</exception>
    public async Task RunAsync(CallReader reader, AuditTally sink, Action save, CancellationToken ct)
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

            save();
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
        if (placed is not null)
        {
            then.WhatIf.PlacedCalls = new PlacedCalls();
            then.WhatIf.PlacedCalls.Times.Add(placed.Before(call.Number, call.At.ToUnixTimeMilliseconds()).Select(time => Timestamp.FromDateTimeOffset(DateTimeOffset.FromUnixTimeMilliseconds(time))));
        }

        var now = then.Clone();
        now.WhatIf.KnownAt = null;
        var both = await Task.WhenAll(AskAsync(then, ct), AskAsync(now, ct));
        return new AuditedCall(call, both[0], both[1], receipts?.Find(call.Number, call.At.ToUnixTimeMilliseconds()));
    }

    private async Task<Decision> AskAsync(CheckRequest request, CancellationToken ct)
    {
        var began = clock.GetTimestamp();
        for (var pause = FirstPause; ; pause = pause < LongestPause ? pause * 2 : LongestPause)
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
