using System.Collections.Concurrent;
using System.Diagnostics;
using Grpc.Core;
using Grpc.Net.Client;
using Lookup.Load.Numbers;
using Lookup.Load.Processes;
using Lookup.Load.Results;
using Lookup.Load.Streams;
using Lookup.V1;

namespace Lookup.Load.Effect;

/// <summary>Writes objections at one instance after the other, and asks all of them until they deny.</summary>
internal sealed class EffectRun(GrpcChannel[] instances, Bell bell, int count, Report report)
{
    /// <summary>The service's own default.</summary>
    internal const int BoundMs = 500;

    private const string Source = "effect";
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(50);

    private readonly LookupService.LookupServiceClient[] _lookups = [.. instances.Select(channel => new LookupService.LookupServiceClient(channel))];
    private readonly Question _question = StreamDriver.Open(TestBed.Organisation).Question;
    private readonly ConcurrentDictionary<string, int> _places = new();

    internal Arrivals Checked { get; } = new(count, instances.Length);

    internal Arrivals Watched { get; } = new(count, instances.Length);

    /// <summary>The caller connects the bell with it.</summary>
    internal required Arrivals Rung { get; init; }

    /// <summary>Every other number had a consent, which was read before; of the others nothing is known.</summary>
    internal static bool HasConsent(int number) => number % 2 == 0;

    internal static string Text(int number) => HasConsent(number) ? NumberBlock.Dutch.Text(number / 2) : NumberBlock.British.Text(number / 2);

    /// <summary>One objection, from before it is written until all instances deny.</summary>
    internal async Task ObjectAsync(int number, CancellationToken ct)
    {
        foreach (var lookup in _lookups)
        {
            if (await CheckAsync(lookup, number, ct) is var before && before != Verdict.Allow)
            {
                report.Wrong($"A number was answered {before} before anyone objected.");
            }
        }

        _places[Text(number)] = number;
        var objection = new Fact { Number = Text(number), Source = Source, Objection = new Objection { Organisation = TestBed.Organisation } };
        await new FactService.FactServiceClient(instances[number % instances.Length]).RecordFactsAsync(
            new RecordFactsRequest { Facts = { objection } }, deadline: DateTime.UtcNow + Deadline, cancellationToken: ct);
        Checked.Begin(number);
        Watched.Begin(number);
        Rung.Begin(number);
        _ = bell.RingAsync(number);
        await Task.WhenAll(_lookups.Select((lookup, place) => DeniesAsync(lookup, number, place, ct)));
    }

    /// <summary>Takes note of the changes that an instance tells, until it is cancelled.</summary>
    internal async Task WatchAsync(int place, CancellationToken ct)
    {
        var token = "";
        while (!ct.IsCancellationRequested)
        {
            try
            {
                using var call = new WatchService.WatchServiceClient(instances[place]).Watch(
                    new WatchRequest { Organisations = { TestBed.Organisation }, ResumeToken = token }, cancellationToken: ct);
                while (await call.ResponseStream.MoveNext(ct))
                {
                    var told = call.ResponseStream.Current;
                    token = told.ResumeToken;
                    if (told.Change?.Fact.Fact.KindCase == Fact.KindOneofCase.Objection && _places.TryGetValue(told.Change.Number, out var number))
                    {
                        Watched.Come(number, place);
                    }
                }
            }
            catch (RpcException) when (ct.IsCancellationRequested)
            {
                return;
            }
            catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.ResourceExhausted)
            {
                await Task.Delay(Again, CancellationToken.None);
            }
        }
    }

    private async Task DeniesAsync(LookupService.LookupServiceClient lookup, int number, int place, CancellationToken ct)
    {
        for (var begin = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(begin) < Deadline;)
        {
            var since = Checked.Since(number);
            var verdict = await CheckAsync(lookup, number, ct);
            if (verdict == Verdict.Allow && since.TotalMilliseconds > BoundMs)
            {
                report.Wrong($"A check that began {since.TotalMilliseconds:N0} ms after an objection was answered ALLOW.");
            }

            if (verdict == Verdict.Deny)
            {
                Checked.Come(number, place);
                return;
            }

            if (verdict != Verdict.Allow)
            {
                report.Wrong($"A number was answered {verdict} after an objection.");
            }
        }

        report.Wrong($"An objection had no effect after {Deadline.TotalSeconds} s.");
    }

    private async Task<Verdict> CheckAsync(LookupService.LookupServiceClient lookup, int number, CancellationToken ct) =>
        (await lookup.CheckAsync(new CheckRequest { Number = Text(number), Question = _question }, deadline: DateTime.UtcNow + Deadline, cancellationToken: ct))
            .Decision.Verdict;
}
