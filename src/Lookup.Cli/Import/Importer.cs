using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Lookup.V1;

namespace Lookup.Cli.Import;

/// <summary>Settings of an import.</summary>
internal sealed record ImportSettings
{
    /// <summary>Facts in a batch. With <see cref="BatchBytes"/> it keeps a message below 85 kB.</summary>
    public int BatchFacts { get; init; } = 1000;

    public int BatchBytes { get; init; } = 80_000;

    /// <summary>Batches to read ahead.</summary>
    public int ReadAhead { get; init; } = 8;

    /// <summary>More rejected lines than this stop the import: the mapping is probably wrong.</summary>
    public long MaxRejects { get; init; } = 10_000;

    /// <summary>File of the checkpoint; null: none.</summary>
    public string? CheckpointPath { get; init; }

    /// <summary>Maximum work that a kill can lose.</summary>
    public TimeSpan CheckpointInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Ignore a checkpoint and start over.</summary>
    public bool Restart { get; init; }
}

/// <summary>A warning that applies to some recorded lines.</summary>
internal readonly record struct LineWarning(string Column, string Text, long Count, long FirstLine);

/// <summary>Progress of an import.</summary>
internal readonly record struct ImportTotals(long Lines, long Recorded, long Unchanged, long Rejected, long ResumedAfter);

/// <summary>
/// Reads a file, maps its lines to facts and records them; lists rejected lines and writes checkpoints. One thread reads
/// ahead, bounded; the target reports durable batches in order.
/// </summary>
internal sealed class Importer(
    IRecordReader reader, FactMapper mapper, ColumnMap map, RejectFile rejects, ImportSettings settings, TimeProvider clock)
{
    private readonly List<Reject> _samples = [];
    private readonly List<LineWarning> _warnings = [];
    private long _rejectedOptOuts;
    private Checkpoint _state = new();
    private string? _checkpointPath;
    private long? _written;
    private long _lines;

    /// <summary>The first rejected lines, for the summary.</summary>
    public IReadOnlyList<Reject> Samples => _samples;

    /// <summary>Warnings of this run.</summary>
    public IReadOnlyList<LineWarning> Warnings =>
    [
        .. map.Suspects.Select(column => new LineWarning(
            column, $"the column may say that a fact is withdrawn, but --ignore '*' skips it: use --map withdrawn={column}, or name it with --ignore", Totals.Lines, 1)),
        .. _warnings,
    ];

    /// <summary>Lines rejected in this run that should have forbidden calls.</summary>
    public long RejectedOptOutCount => _rejectedOptOuts;

    public ImportTotals Totals => new(Volatile.Read(ref _lines), _state.Recorded, _state.Unchanged, _state.Rejected, ResumedAfter);

    /// <summary>The last line that is durably recorded or listed as rejected.</summary>
    public long Line => _state.Line;

    /// <summary>Lines that earlier runs processed.</summary>
    public long LinesBefore { get; private set; }

    /// <summary>Line after which this run resumed; 0: it started at the beginning.</summary>
    public long ResumedAfter { get; private set; }

    /// <summary>Id of the import; empty until something is recorded.</summary>
    public string ImportId => _state.ImportId;

    /// <summary>Imports the whole file.</summary>
    /// <param name="target">The destination.</param>
    /// <param name="import">Describes the import.</param>
    /// <param name="identity">Hash of file, mapping and target.</param>
    /// <param name="ct">Stops after the batches in flight; the checkpoint marks the position.</param>
    /// <exception cref="CliException">The file is damaged, or too many lines were rejected.</exception>
    public async Task RunAsync(IImportTarget target, ImportDescription import, string identity, CancellationToken ct)
    {
        Resume(target, identity);
        rejects.Open(_state.RejectBytes);
        var batches = Channel.CreateBounded<ImportBatch>(new BoundedChannelOptions(settings.ReadAhead) { SingleReader = true, SingleWriter = true });
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var reading = Task.Run(() => ReadAsync(batches.Writer, stop.Token), CancellationToken.None);
        try
        {
            var description = new ImportDescription(import) { ImportId = _state.ImportId };
            await target.RunAsync(description, ReadAllAsync(batches.Reader, stop.Token), (batch, outcome) => Recorded(batch, outcome), stop.Token);
            await reading;
        }
        catch
        {
            await stop.CancelAsync();
            await reading.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            Save();
            throw;
        }

        if (_checkpointPath is not null)
        {
            File.Delete(_checkpointPath);
        }
    }

    private void Resume(IImportTarget target, string identity)
    {
        _state = new Checkpoint { Identity = identity };
        _checkpointPath = target.CanResume ? settings.CheckpointPath : null;
        if (settings.Restart || _checkpointPath is null || Checkpoint.Read(_checkpointPath) is not { } found ||
            found.Identity != identity || !rejects.Reaches(found.RejectBytes))
        {
            return;
        }

        _state = found;
        ResumedAfter = found.Line;
        LinesBefore = found.Recorded + found.Unchanged + found.Rejected;
        _lines = LinesBefore;
    }

    private async Task ReadAsync(ChannelWriter<ImportBatch> writer, CancellationToken ct)
    {
        var batch = new ImportBatch(1);
        try
        {
            var record = new ImportRecord();
            while (reader.Read(record))
            {
                ct.ThrowIfCancellationRequested();
                if (record.Line <= ResumedAfter)
                {
                    continue;
                }

                var isBlock = mapper.IsBlock(record);
                if (isBlock && mapper.MapBlock(record) is { } block)
                {
                    batch.Add(record, block);
                }
                else if (!isBlock && mapper.Map(record) is { } fact)
                {
                    batch.Add(record, fact);
                }
                else
                {
                    ThrowIfFixed(record);
                    batch.AddRejected(record, mapper.IsOptOut);
                }

                if (batch.LineCount >= settings.BatchFacts || batch.Bytes >= settings.BatchBytes)
                {
                    await writer.WriteAsync(batch, ct);
                    batch = new ImportBatch(batch.Sequence + 1);
                }
            }

            if (batch.LineCount > 0)
            {
                await writer.WriteAsync(batch, ct);
            }

            writer.Complete();
        }
        catch (Exception exception)
        {
            if (exception is CliException { ExitCode: ExitCodes.Error } && batch.LineCount > 0)
            {
                try
                {
                    // The file is damaged here; the lines before it count.
                    await writer.WriteAsync(batch, ct);
                }
                finally
                {
                    writer.Complete(exception);
                }

                return;
            }

            writer.Complete(exception);
        }
    }

    /// <summary>Throws if a fixed value (--set) is wrong, because it is wrong on every line.</summary>
    private static void ThrowIfFixed(ImportRecord record)
    {
        foreach (var fault in record.Faults)
        {
            if (fault.Column.StartsWith(ColumnMap.FixedPrefix, StringComparison.Ordinal))
            {
                throw CliException.Usage($"{fault.Column}: {fault.Reason}.");
            }
        }
    }

    private static async IAsyncEnumerable<ImportBatch> ReadAllAsync(ChannelReader<ImportBatch> batches, [EnumeratorCancellation] CancellationToken ct)
    {
        await foreach (var batch in batches.ReadAllAsync(ct))
        {
            yield return batch;
        }
    }

    private void Recorded(ImportBatch batch, BatchOutcome outcome)
    {
        var rejected = batch.Rejects.Concat(outcome.Refused.SelectMany(fact => Describe(batch, fact)))
            .Concat(outcome.RefusedBlocks.SelectMany(block => DescribeBlock(batch, block))).OrderBy(reject => reject.Line).ToList();
        rejects.Write(rejected);
        _rejectedOptOuts += batch.RejectedOptOuts + outcome.Refused.Count(fact => IsOptOut(batch.Facts[(int)fact.Index])) + outcome.RefusedBlocks.Count;
        var warnings = outcome.Warnings.Select(warning => (Warning: warning, Line: batch.LineOf((int)warning.FirstIndex)))
            .Concat(outcome.BlockWarnings.Select(warning => (Warning: warning, Line: batch.LineOfBlock((int)warning.FirstIndex))));
        foreach (var (warning, line) in warnings)
        {
            var (field, text) = (warning.Warning.Field, warning.Warning.Description);
            var known = _warnings.FindIndex(one => one.Text == text);
            if (known >= 0)
            {
                _warnings[known] = _warnings[known] with { Count = _warnings[known].Count + warning.Count };
            }
            else
            {
                _warnings.Add(new LineWarning(ColumnOf(field), text, warning.Count, line));
            }
        }

        _samples.AddRange(rejected.Take(10 - _samples.Count));
        _state = _state with
        {
            ImportId = outcome.ImportId.Length > 0 ? outcome.ImportId : _state.ImportId,
            Line = batch.LastLine,
            Recorded = _state.Recorded + outcome.Recorded,
            Unchanged = _state.Unchanged + outcome.Unchanged,
            Rejected = _state.Rejected + batch.RejectedLines + outcome.Refused.Count + outcome.RefusedBlocks.Count,
            RejectBytes = rejects.Length,
        };
        Volatile.Write(ref _lines, _lines + batch.LineCount);
        if (_written is not { } written || clock.GetElapsedTime(written) >= settings.CheckpointInterval)
        {
            Save();
            _written = clock.GetTimestamp();
        }

        if (_state.Rejected > settings.MaxRejects)
        {
            throw new CliException(
                $"Stopped at line {batch.LastLine}: more than {settings.MaxRejects} lines were rejected (--max-rejects). Correct the mapping or the file by {rejects.Path}, and run the command again.");
        }
    }

    private IEnumerable<Reject> Describe(ImportBatch batch, RefusedFact refused)
    {
        foreach (var error in refused.Errors)
        {
            yield return batch.RejectOf((int)refused.Index, ColumnOf(error.Field), error.Description);
        }
    }

    private IEnumerable<Reject> DescribeBlock(ImportBatch batch, RefusedFact refused)
    {
        foreach (var error in refused.Errors)
        {
            yield return batch.RejectOfBlock((int)refused.Index, ColumnOf(error.Field is "pattern" ? "number" : error.Field), error.Description);
        }
    }

    private string ColumnOf(string path) => Fields.TryFind(path, out var field) ? map.Where(field) : path;

    private static bool IsOptOut(Fact fact) => fact.KindCase switch
    {
        Fact.KindOneofCase.Objection or Fact.KindOneofCase.Refusal or Fact.KindOneofCase.Registration => !fact.Withdrawn,
        Fact.KindOneofCase.Consent => fact.Withdrawn,
        _ => false,
    };

    private void Save()
    {
        if (_checkpointPath is not null && _state.Line > 0)
        {
            _state.Write(_checkpointPath);
        }
    }
}
