using System.Diagnostics;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.Load.Streams;

/// <summary>What a run over streams gave.</summary>
/// <param name="Numbers">Numbers decided.</param>
/// <param name="Undecided">Numbers of lists that the store was too slow for.</param>
/// <param name="Wrong">Answers that were not the expected one, lists of a wrong length included.</param>
/// <param name="FirstWrong">The first of them, or empty.</param>
/// <param name="Elapsed">From the first chunk to the last answer.</param>
internal sealed record StreamRun(long Numbers, long Undecided, long Wrong, string FirstWrong, TimeSpan Elapsed)
{
    internal double PerSecond => Numbers / Elapsed.TotalSeconds;
}

/// <summary>The answer that every number of a run must get.</summary>
internal sealed record ExpectedAnswer(Verdict Verdict, ReasonCode Reason);

/// <summary>Sends chunks over streams, several unanswered on each, and looks at every answer.</summary>
internal sealed class StreamDriver(ChannelBase channel, int window, int chunkSize, ExpectedAnswer expected)
{
    private readonly LookupService.LookupServiceClient _client = new(channel);
    private long _numbers;
    private long _undecided;
    private long _wrong;
    private string _firstWrong = "";

    /// <summary>Answers so far that were not the expected one.</summary>
    internal long Wrong => Interlocked.Read(ref _wrong);

    /// <summary>The first of them, or empty.</summary>
    internal string FirstWrong => _firstWrong;

    /// <summary>Numbers decided so far.</summary>
    internal long Numbers => Interlocked.Read(ref _numbers);

    /// <summary>The question of every stream.</summary>
    internal static CheckStreamOpen Open(string organisation) => new()
    {
        Question = new Question
        {
            Organisation = organisation,
            Purpose = Purpose.Commercial,
            Kind = CallKind.Marketing,
            Subscriber = SubscriberType.Consumer,
        },
    };

    /// <summary>Sends until the sources are empty or it is over, and waits for every answer.</summary>
    /// <param name="open">The question.</param>
    /// <param name="sources">The chunks of each stream.</param>
    /// <param name="isOver">Told the time since the start.</param>
    /// <param name="ct">Breaks the streams off.</param>
    internal async Task<StreamRun> RunAsync(CheckStreamOpen open, ChunkSource[] sources, Func<TimeSpan, bool> isOver, CancellationToken ct)
    {
        _numbers = 0;
        _undecided = 0;
        _wrong = 0;
        _firstWrong = "";
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(sources.Select(source => Task.Run(() => StreamAsync(open, source, () => isOver(clock.Elapsed), ct), ct)));
        return new StreamRun(_numbers, _undecided, _wrong, _firstWrong, clock.Elapsed);
    }

    private async Task StreamAsync(CheckStreamOpen open, ChunkSource source, Func<bool> isOver, CancellationToken ct)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        using var free = new SemaphoreSlim(window);
        using var call = _client.CheckStream(cancellationToken: stop.Token);
        ulong sent = 0;
        var sending = Task.Run(SendAsync, ct);
        try
        {
            ulong answered = 0;
            while (await call.ResponseStream.MoveNext(stop.Token))
            {
                Look(call.ResponseStream.Current, ++answered);
                free.Release();
            }

            await sending;
            if (answered != sent)
            {
                throw new InvalidOperationException($"{sent} chunks were sent and {answered} answered.");
            }
        }
        finally
        {
            await stop.CancelAsync();
            await sending.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }

        async Task SendAsync()
        {
            try
            {
                await call.RequestStream.WriteAsync(new CheckStreamRequest { Open = open }, stop.Token);
                while (!isOver() && source.Next(sent + 1) is { } request)
                {
                    await free.WaitAsync(stop.Token);
                    await call.RequestStream.WriteAsync(request, stop.Token);
                    sent++;
                }

                await call.RequestStream.CompleteAsync();
            }
            catch (Exception e) when (e is RpcException or InvalidOperationException)
            {
                // The call has ended: the reader gets the status.
            }
        }
    }

    internal void Look(CheckStreamResponse response, ulong sequence)
    {
        var wrong = 0;
        var verdicts = response.Verdicts;
        var reasons = response.Reasons;
        for (var i = 0; i < verdicts.Count; i++)
        {
            if (verdicts[i] != expected.Verdict || reasons.Count <= i || reasons[i] != expected.Reason)
            {
                wrong++;
            }
        }

        if (response.Sequence != sequence || verdicts.Count != chunkSize || reasons.Count != chunkSize)
        {
            wrong = chunkSize;
        }

        if (wrong == chunkSize && response.Sequence == sequence && verdicts.Count == chunkSize
            && verdicts.All(verdict => verdict == Verdict.Unknown) && reasons.All(reason => reason is ReasonCode.StoreUnavailable or ReasonCode.NotFresh))
        {
            Interlocked.Add(ref _undecided, verdicts.Count);
            return;
        }

        Interlocked.Add(ref _numbers, verdicts.Count);
        if (wrong == 0)
        {
            return;
        }

        Interlocked.Add(ref _wrong, wrong);
        if (_firstWrong.Length == 0)
        {
            _firstWrong = $"chunk {response.Sequence} of {verdicts.Count} verdicts and {reasons.Count} reasons: "
                + $"{verdicts.FirstOrDefault(v => v != expected.Verdict)} {reasons.FirstOrDefault(r => r != expected.Reason)}";
        }
    }
}
