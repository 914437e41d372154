using Google.Protobuf.WellKnownTypes;
using Lookup.Client;
using Lookup.V1;

namespace Lookup.Cli.Audit;

/// <summary>
/// Decides each call of a file twice: on what was on record at its time, and on what is on record now. While the service decides some
/// calls, the next ones are read.
/// </summary>
/// <param name="questions">Asks the service.</param>
/// <param name="receipts">The receipts; null: checks are not audited.</param>
/// <param name="placed">The calls of the file, to count attempts; null: only attempts on record count.</param>
/// <param name="settings">Limits.</param>
internal sealed class AuditRun(AuditQuestions questions, ReceiptIndex? receipts, CallIndex? placed, AuditSettings settings)
{
    // Batches decided, or waiting to be counted, at a time.
    private const int Ahead = 3;

    /// <summary>Audits every line.</summary>
    /// <param name="reader">The call records.</param>
    /// <param name="sink">Receives each line in the order of the file.</param>
    /// <param name="save">Called when the lines so far are counted.</param>
    /// <param name="ct">Stops between two batches.</param>
    /// <exception cref="LookupException">The service rejected the question, or did not answer for as long as --wait says.</exception>
    public async Task RunAsync(CallReader reader, AuditTally sink, Action save, CancellationToken ct)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var started = new Queue<(List<CallLine> Calls, Task<AuditedCall?[]> Decided)>();
        try
        {
            while (true)
            {
                ct.ThrowIfCancellationRequested();
                if (started.Count < Ahead && Read(reader) is { Count: > 0 } calls)
                {
                    started.Enqueue((calls, Task.Run(() => DecideAsync(calls, stop.Token), CancellationToken.None)));
                }
                else if (started.TryPeek(out var first))
                {
                    var decided = await first.Decided;
                    started.Dequeue();
                    for (var i = 0; i < decided.Length; i++)
                    {
                        sink.Add(first.Calls[i], decided[i]);
                    }

                    save();
                }
                else
                {
                    return;
                }
            }
        }
        finally
        {
            await stop.CancelAsync();
            foreach (var (_, decided) in started)
            {
                await decided.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            }
        }
    }

    private List<CallLine> Read(CallReader reader)
    {
        var calls = new List<CallLine>(settings.InFlight);
        while (calls.Count < settings.InFlight && reader.Read() is { } call)
        {
            calls.Add(call);
        }

        return calls;
    }

    private async Task<AuditedCall?[]> DecideAsync(List<CallLine> calls, CancellationToken ct)
    {
        var audited = new AuditedCall?[calls.Count];
        foreach (var places in Enumerable.Range(0, calls.Count).Where(i => calls[i].Number != 0 && calls[i].IsSelected).GroupBy(i => calls[i].Organisation))
        {
            await DecideAsync(calls, [.. places], places.Key, audited, ct);
        }

        return audited;
    }

    private async Task DecideAsync(List<CallLine> calls, int[] places, string organisation, AuditedCall?[] audited, CancellationToken ct)
    {
        // A time that occurs twice is decided for both.
        List<(int Place, CallLine Call)> readings = [.. places.SelectMany(place => Readings(calls[place]).Select(call => (place, call)))];
        var asked = new List<(ulong Number, WhatIf WhatIf)>(2 * readings.Count);
        foreach (var (_, call) in readings)
        {
            var at = Timestamp.FromDateTimeOffset(call.At);
            var calledBefore = Before(call);
            asked.Add((call.Number, questions.WhatIf(at, at, calledBefore)));
            asked.Add((call.Number, questions.WhatIf(at, null, calledBefore)));
        }

        try
        {
            var decisions = new List<Decision>(asked.Count);
            foreach (var some in asked.Chunk(2 * settings.InFlight))
            {
                decisions.AddRange(await questions.AskAsync(organisation, some, ct));
            }

            for (var i = 0; i < readings.Count; i++)
            {
                var (place, call) = readings[i];
                var one = new AuditedCall(
                    call, decisions[2 * i], decisions[(2 * i) + 1], receipts?.Find(questions.Organisation(organisation), call.Number, call.At.ToUnixTimeMilliseconds()));
                if (audited[place] is { IsClean: false })
                {
                    continue;
                }

                audited[place] = one.Finding == Finding.ForbiddenByLaterRecord
                    ? one with { Late = await LateRecord.FindAsync(questions, call, asked[(2 * i) + 1].WhatIf, ct) }
                    : one;
            }
        }
        catch (LookupException exception) when (organisation.Length > 0 && !exception.IsTransient)
        {
            throw new CliException($"Line {calls[places[0]].Line}, organisation '{organisation}': {exception.Message}", inner: exception);
        }
    }

    private static CallLine[] Readings(CallLine call) => call.OtherAt is { } other ? [call, call with { At = other }] : [call];

    private PlacedCalls? Before(CallLine call)
    {
        if (placed is null)
        {
            return null;
        }

        var before = new PlacedCalls();
        foreach (var time in placed.Before(call))
        {
            before.Times.Add(Timestamp.FromDateTimeOffset(DateTimeOffset.FromUnixTimeMilliseconds(time)));
        }

        return before;
    }
}

/// <summary>Limits of an audit.</summary>
/// <param name="InFlight">Calls in a request.</param>
/// <param name="Wait">How long to retry a request.</param>
internal readonly record struct AuditSettings(int InFlight, TimeSpan Wait);
