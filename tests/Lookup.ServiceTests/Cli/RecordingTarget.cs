using Lookup.Cli.Files;
using Lookup.Cli.Import;
using Lookup.V1;

namespace Lookup.ServiceTests.Cli;

/// <summary>Keeps what is imported; may refuse or break.</summary>
internal sealed class RecordingTarget : IImportTarget
{
    public List<Fact> Facts { get; } = [];

    public Func<Fact, FieldError?> Refuse { get; init; } = static _ => null;

    /// <summary>Breaks when so many facts have been taken.</summary>
    public int BreakAfter { get; set; } = int.MaxValue;

    public string Name => "test";

    public bool CanResume { get; init; } = true;

    public async Task RunAsync(
        ImportDescription import, IAsyncEnumerable<ImportBatch> batches, Action<ImportBatch, BatchOutcome> recorded, CancellationToken ct)
    {
        await foreach (var batch in batches.WithCancellation(ct))
        {
            if (Facts.Count + batch.Facts.Count > BreakAfter)
            {
                throw new InvalidOperationException("broken on purpose");
            }

            var refused = new List<RefusedFact>();
            for (var i = 0; i < batch.Facts.Count; i++)
            {
                if (Refuse(batch.Facts[i]) is { } error)
                {
                    refused.Add(new RefusedFact { Index = (uint)i, Errors = { error } });
                }
                else
                {
                    Facts.Add(batch.Facts[i]);
                }
            }

            recorded(batch, new BatchOutcome(batch.Facts.Count - refused.Count, 0, refused));
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>Imports a text without a service.</summary>
internal sealed class ImportBench(TempFolder folder, string name, params string[] options)
{
    public RecordingTarget Target { get; init; } = new();

    public ImportSettings Settings { get; init; } = new();

    public Importer? Importer { get; private set; }

    public string RejectPath => folder.PathOf(name + ".rejects.csv");

    public async Task<ImportTotals> RunAsync()
    {
        var map = new ColumnMap(Values("--map"), Values("--set"), Values("--ignore"));
        var zone = Values("--timezone") is [var id] ? TimeZoneInfo.FindSystemTimeZoneById(id) : null;
        using var input = InputFile.Open(folder.PathOf(name), Stream.Null);
        using IRecordReader reader = input.DetectFormat() == ImportFormat.Csv
            ? new CsvRecordReader(input, map, null, options.Contains("--no-header"))
            : new NdjsonRecordReader(input, map);
        using var rejects = new RejectFile(RejectPath);
        var importer = new Importer(reader, new FactMapper(map.Where, map.Fixed, zone, "test file"), map, rejects, Settings, TimeProvider.System);
        Importer = importer;
        await importer.RunAsync(Target, new ImportDescription(), Checkpoint.IdentityOf(input.Fingerprint(), map.Fingerprint(), Target.Name), TestContext.Current.CancellationToken);
        return importer.Totals;
    }

    private string[] Values(string option) =>
        [.. options.Zip(options.Skip(1)).Where(pair => pair.First == option).Select(pair => pair.Second)];
}
