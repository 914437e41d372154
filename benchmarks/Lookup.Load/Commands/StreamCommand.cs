using System.CommandLine;
using Lookup.Load.Processes;
using Lookup.Load.Results;
using Lookup.Load.Streams;

namespace Lookup.Load.Commands;

/// <summary>What a run over streams is to do.</summary>
internal sealed record StreamSettings
{
    internal required int Rounds { get; init; }

    internal TimeSpan RoundTime { get; init; }

    internal TimeSpan WarmUp { get; init; }

    internal required int Streams { get; init; }

    internal required int Window { get; init; }

    internal required int ChunkSize { get; init; }

    internal required long Consented { get; init; }

    internal int FieldsRead { get; init; }

    internal long Cached { get; init; }

    internal int ChecksPerSecond { get; init; }

    internal long MemoryNumbers { get; init; }

    internal TimeSpan Sleep { get; init; }
}

/// <summary>Measures CheckStream: numbers a second beside a bare echo and beside redis-benchmark, and memory.</summary>
internal sealed class StreamCommand : LoadCommand
{
    private static readonly string[] AllParts = ["filter", "consent", "cached", "memory", "sleep"];
    private const string Self = "self";

    private readonly Option<string[]> _parts = new("--part")
    {
        Description = $"What to measure: {string.Join(", ", AllParts)}; default: all of them. Or '{Self}': the echo beside itself. Repeatable.",
        HelpName = "PART",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<int> _rounds;
    private readonly Option<double> _seconds;
    private readonly Option<double> _warmUp;
    private readonly Option<int> _streams;
    private readonly Option<int> _window;
    private readonly Option<int> _chunk;
    private readonly Option<long> _numbers;
    private readonly Option<int> _fields;
    private readonly Option<long> _cached;
    private readonly Option<int> _rate;
    private readonly Option<long> _memoryNumbers;
    private readonly Option<double> _sleep;

    public StreamCommand()
        : base("stream", "Streams lists of numbers, beside a bare gRPC echo and redis-benchmark; memory over long lists and a sleeping reader.", "redis-server")
    {
        _parts.AcceptOnlyFromAmong([.. AllParts, Self]);
        Options.Add(_parts);
        _rounds = Number("--rounds", "Rounds of each", 5, 1, 50);
        _seconds = Number("--seconds", "Seconds of a round of 'filter' and 'cached'", 5.0, 0.1, 600);
        _warmUp = Number("--warm-up", "Seconds before the first round", 5.0, 0.1, 600);
        _streams = Number("--streams", "Streams at a time", 2, 1, 64);
        _window = Number("--window", "Chunks unanswered on a stream", 8, 1, 64);
        _chunk = Number("--chunk", "Numbers in a chunk", 8_000, 1, 8_192);
        _numbers = Number("--numbers", "Numbers with a consent in the store; 'consent' asks each once", 10_000_000L, 1_000, 35_000_000);
        _fields = Number("--fields", "Fields that redis-benchmark reads, as many as a check of a consented number", 3, 1, 16);
        _cached = Number("--cached-numbers", "Numbers with a consent that 'cached' asks again and again; the cache of the service takes about 250,000", 200_000L, 1_000, 35_000_000);
        _rate = Number("--rate", "Single checks a second of 'cached'", 1_000, 10, 100_000);
        _memoryNumbers = Number("--memory-numbers", "Numbers streamed by 'memory'", 100_000_000L, 1_000_000, 10_000_000_000);
        _sleep = Number("--sleep", "Seconds that the reader of 'sleep' sleeps", 10.0, 1, 600);
    }

    protected override async Task MeasureAsync(ParseResult parsed, Report report, CancellationToken ct)
    {
        var settings = new StreamSettings
        {
            Rounds = parsed.GetValue(_rounds),
            RoundTime = TimeSpan.FromSeconds(parsed.GetValue(_seconds)),
            WarmUp = TimeSpan.FromSeconds(parsed.GetValue(_warmUp)),
            Streams = parsed.GetValue(_streams),
            Window = parsed.GetValue(_window),
            ChunkSize = parsed.GetValue(_chunk),
            Consented = parsed.GetValue(_numbers),
            FieldsRead = parsed.GetValue(_fields),
            Cached = parsed.GetValue(_cached),
            ChecksPerSecond = parsed.GetValue(_rate),
            MemoryNumbers = parsed.GetValue(_memoryNumbers),
            Sleep = TimeSpan.FromSeconds(parsed.GetValue(_sleep)),
        };
        var parts = parsed.GetValue(_parts) is { Length: > 0 } named ? named : AllParts;
        await using var bed = await TestBed.StartWithConsentsAsync(settings.Consented, ct);
        await bed.ServeAsync(ct);
        foreach (var part in parts)
        {
            Report.Say($"{part} ...");
            await (part switch
            {
                "filter" => StreamRates.FilterAsync(bed, settings, report, ct),
                "consent" => StreamRates.ConsentAsync(bed, settings, report, ct),
                "cached" => CachedRates.MeasureAsync(bed, settings, report, ct),
                Self => StreamRates.SelfAsync(settings, report, ct),
                "memory" => StreamMemory.LongListAsync(bed, settings, report, ct),
                _ => StreamMemory.SleepingReaderAsync(bed, settings, report, ct),
            });
        }
    }
}
