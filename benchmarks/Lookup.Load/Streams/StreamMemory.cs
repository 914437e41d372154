using System.Globalization;
using Lookup.Load.Commands;
using Lookup.Load.Processes;
using Lookup.Load.Results;
using Lookup.V1;

namespace Lookup.Load.Streams;

/// <summary>Memory of service and client while much is streamed, and while a client does not read what it asked for.</summary>
internal static class StreamMemory
{
    private const int SleepingStreams = 8;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private static readonly ExpectedAnswer NoConsent = new(Verdict.Deny, ReasonCode.NoConsent);

    /// <summary>A list of many numbers without facts.</summary>
    internal static async Task LongListAsync(TestBed bed, StreamSettings settings, Report report, CancellationToken ct)
    {
        using var channel = bed.Channel();
        var driver = new StreamDriver(channel, settings.Window, settings.ChunkSize, NoConsent);
        var (server, client, heap) = (new MemorySamples(() => bed.Service.ResidentBytes), new MemorySamples(() => Environment.WorkingSet), new MemorySamples(() => GC.GetTotalMemory(false)));
        var running = driver.RunAsync(
            StreamDriver.Open(TestBed.Organisation), StreamRates.Free(settings), _ => driver.Numbers >= settings.MemoryNumbers, ct);
        await SampleAsync([server, client, heap], () => running.IsCompleted, static () => { }, ct);
        var run = await running;
        report.Wrong($"memory: {run.FirstWrong}", run.Wrong);
        report.Undecided("memory", run.Undecided, run.Numbers);
        var what = string.Create(CultureInfo.InvariantCulture, $"over {run.Numbers:N0} streamed numbers");
        Add(report, "stream_memory_server", server, "Resident memory of the service " + what);
        Add(report, "stream_memory_client", client, "Resident memory of the client " + what);
        Add(report, "stream_memory_client_heap", heap, "Managed heap of the client, garbage included, " + what);
    }

    /// <summary>Clients that go on sending and do not read: the service must stop taking.</summary>
    internal static async Task SleepingReaderAsync(TestBed bed, StreamSettings settings, Report report, CancellationToken ct)
    {
        using var channel = bed.Channel();
        var driver = new StreamDriver(channel, settings.Window, settings.ChunkSize, NoConsent);
        var sources = StreamRates.Free(settings with { Streams = SleepingStreams });
        var taken = new long[SleepingStreams];
        using var awake = new CancellationTokenSource();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var woken = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var client = new LookupService.LookupServiceClient(channel);
        var server = new MemorySamples(() => bed.Service.ResidentBytes);
        var running = Task.WhenAll(Enumerable.Range(0, SleepingStreams).Select(SleeperAsync));
        var accepted = new List<long>();
        try
        {
            var started = DateTime.UtcNow;
            await SampleAsync([server], () => DateTime.UtcNow - started >= settings.Sleep, () => accepted.Add(taken.Sum()), ct);
            await awake.CancelAsync();
            woken.SetResult();
            await running;
        }
        finally
        {
            await stop.CancelAsync();
            woken.TrySetCanceled(CancellationToken.None);
            await running.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }

        report.Wrong($"sleep: {driver.FirstWrong}", driver.Wrong);
        var (half, end) = (accepted[accepted.Count / 2], accepted[^1]);
        if (end > half)
        {
            report.Wrong($"sleep: the service went on taking chunks that nobody read the answers of: {half} after half of the sleep, {end} at its end.");
        }

        Add(report, "stream_sleep_server", server, $"Resident memory of the service while the readers of {SleepingStreams} streams slept {settings.Sleep.TotalSeconds} s");
        report.Add(new Metric("stream_sleep_taken", "chunks", new Series(end / (double)SleepingStreams))
        {
            Note = $"Chunks that the client could send on each of {SleepingStreams} streams before it was made to wait, buffers of both sides included.",
        });

        async Task SleeperAsync(int index)
        {
            using var call = client.CheckStream(cancellationToken: stop.Token);
            var sending = Task.Run(SendAsync, ct);
            await woken.Task;
            ulong answered = 0;
            while (await call.ResponseStream.MoveNext(stop.Token))
            {
                driver.Look(call.ResponseStream.Current, ++answered);
            }

            await sending;
            if ((long)answered != taken[index])
            {
                report.Wrong($"sleep: {taken[index]} chunks were sent and {answered} answered.");
            }

            async Task SendAsync()
            {
                await call.RequestStream.WriteAsync(new CheckStreamRequest { Open = StreamDriver.Open(TestBed.Organisation) }, stop.Token);
                while (!awake.IsCancellationRequested)
                {
                    await call.RequestStream.WriteAsync(sources[index].Next((ulong)taken[index] + 1)!, stop.Token);
                    Interlocked.Increment(ref taken[index]);
                }

                await call.RequestStream.CompleteAsync();
            }
        }
    }

    private static async Task SampleAsync(MemorySamples[] samples, Func<bool> isOver, Action each, CancellationToken ct)
    {
        while (!isOver())
        {
            foreach (var sample in samples)
            {
                sample.Sample();
            }

            each();
            await Task.Delay(Pause, ct);
        }
    }

    private static void Add(Report report, string name, MemorySamples samples, string what)
    {
        var grown = samples.HasGrown;
        report.Add(new Metric(name, "MB", new Series(samples.MegaBytes))
        {
            Note = string.Create(
                CultureInfo.InvariantCulture,
                $"{what}: first {samples.First:F0}, last {samples.Last:F0}, greatest {samples.Max:F0} MB; {(grown ? "grown" : "flat")}."),
        });
        if (grown)
        {
            report.Wrong($"{name} grew.");
        }
    }
}
