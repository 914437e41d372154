using System.Globalization;
using System.Text.Json;
using Lookup.Load.Commands;
using Lookup.Load.Numbers;
using Lookup.Load.Processes;
using Lookup.V1;

namespace Lookup.Load.Streams;

/// <summary>What a saturating client did.</summary>
internal sealed record SaturatorResult(long Numbers, long Wrong, string FirstWrong, double Seconds);

/// <summary>Streams lists as fast as the service takes them, in a process of its own.</summary>
internal static class Saturator
{
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(60);

    /// <summary>Starts it; it runs until <see cref="EndAsync"/>.</summary>
    /// <param name="address">The service.</param>
    /// <param name="settings">Streams, window, size of chunks, consented numbers.</param>
    /// <param name="nice">Priority as of nice(1): it stands for clients on other machines.</param>
    internal static ChildProcess Start(Uri address, StreamSettings settings, int nice) => new(
        "nice",
        [
            "-n", Text(nice), Environment.ProcessPath!, "saturate", address.ToString(), Text(settings.Streams), Text(settings.Window),
            Text(settings.ChunkSize), Text(settings.Consented),
        ]);

    internal static async Task<SaturatorResult> EndAsync(ChildProcess process, CancellationToken ct)
    {
        process.CloseInput();
        return JsonSerializer.Deserialize<SaturatorResult>(await process.ReadLineAsync(EndLimit, ct))!;
    }

    /// <summary>The process itself: half the streams ask for consented numbers, half for others.</summary>
    internal static async Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        var values = arguments.Skip(1).Select(text => long.Parse(text, CultureInfo.InvariantCulture)).ToArray();
        var (streams, window, chunk, consented) = ((int)values[0], (int)values[1], (int)values[2], values[3]);
        using var channel = TestBed.Connect(new Uri(arguments[0]));
        var over = false;
        var runs = new List<Task<StreamRun>>();
        foreach (var isConsented in (bool[])[true, false])
        {
            var expected = isConsented ? new ExpectedAnswer(Verdict.Allow, ReasonCode.Consent) : new ExpectedAnswer(Verdict.Deny, ReasonCode.NoConsent);
            var half = Math.Max(1, isConsented ? streams / 2 : streams - (streams / 2));
            var count = Math.Max(Math.Min(consented, 1_000_000), chunk * half);
            var sources = ChunkSource.Deal(NumberBlock.Dutch, isConsented ? 0 : consented, count, chunk, half, repeat: true);
            runs.Add(new StreamDriver(channel, window, chunk, expected).RunAsync(
                StreamDriver.Open(TestBed.Organisation), sources, _ => Volatile.Read(ref over), CancellationToken.None));
        }

        await Console.In.ReadToEndAsync();
        Volatile.Write(ref over, true);
        var done = await Task.WhenAll(runs);
        Console.WriteLine(JsonSerializer.Serialize(new SaturatorResult(
            done.Sum(run => run.Numbers), done.Sum(run => run.Wrong), string.Concat(done.Select(run => run.FirstWrong)), done.Max(run => run.Elapsed.TotalSeconds))));
        return 0;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
