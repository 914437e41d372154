using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Lookup.V1;

namespace Lookup.Cli.Import;

/// <summary>How an import is done.</summary>
internal sealed record ImportSettings
{
    /// <summary>Facts in a batch. With <see cref="BatchBytes"/> it keeps a message below 85 kB.</summary>
    public int BatchFacts { get; init; } = 1000;

    public int BatchBytes { get; init; } = 80_000;

    /// <summary>Batches read ahead of what is being recorded.</summary>
    public int ReadAhead { get; init; } = 8;

    /// <summary>More refused lines than this end the import: the mapping is probably wrong.</summary>
    public long MaxRejects { get; init; } = 10_000;

    /// <summary>Where the checkpoint is kept; null: none.</summary>
    public string? CheckpointPath { get; init; }

    /// <summary>How long work may be lost by a kill.</summary>
    public TimeSpan CheckpointInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Leave a checkpoint aside and begin anew.</summary>
    public bool Restart { get; init; }
}

/// <summary>What some recorded lines have in common that may not be meant like this.</summary>
internal readonly record struct LineWarning(string Column, string Text, long Count, long FirstLine);

/// <summary>What an import has done so far.</summary>
internal readonly record struct ImportTotals(long Lines, long Recorded, long Unchanged, long Rejected, long ResumedAfter);

/// <summary>
/// Reads a file, maps its lines, and has them recorded; lists what is refused and remembers how far it has come. One
/// thread reads ahead, bounded; the target reports what is durable, in order.
/// </summary>
internal sealed class Importer(
    string name, IRecordReader reader, FactMapper mapper, ColumnMap map, RejectFile rejects, ImportSettings settings, TimeProvider clock)
{
    private readonly List<Reject> _samples = [];
    private readonly List<LineWarning> _warnings = [];
    private long _refusedOptOuts;
    private Checkpoint _state = new();
    private string? _checkpointPath;
    private long? _written;
    private long _lines;

    /// <summary>The first refused lines, for the summary.</summary>
    public IReadOnlyList<Reject> Samples => _samples;

    /// <summary>What may not be meant like this, in this run.</summary>
    public IReadOnlyList<LineWarning> Warnings => _warnings;

    /// <summary>Lines refused in this run that should have forbidden calls.</summary>
    public long RefusedOptOuts => _refusedOptOuts;

    public ImportTotals Totals => new(Volatile.Read(ref _lines), _state.Recorded, _state.Unchanged, _state.Rejected, ResumedAfter);

    /// <summary>The last line that is recorded and durable, or listed as refused.</summary>
    public long Line => _state.Line;

    /// <summary>Lines that an earlier run has done.</summary>
    public long LinesBefore { get; private set; }

    /// <summary>Line after which an earlier run is continued; 0: from the beginning.</summary>
    public long ResumedAfter { get; private set; }

    /// <summary>Id of the import, once something is recorded; empty where nothing is.</summary>
    public string ImportId => _state.ImportId;

    /// <summary>Imports the whole file.</summary>
    /// <param name="target">Where it goes.</param>
    /// <param name="import">What is to be known of the import.</param>
    /// <param name="identity">Hash of file, mapping and target.</param>
    /// <param name="ct">Stops after what is under way; the checkpoint tells where.</param>
    /// <exception cref="CliException">The file cannot be read on, or too many lines are refused.</exception>
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
        var line = 0L;
        try
        {
            var record = new ImportRecord();
            var batch = new ImportBatch(1);
            while (reader.Read(record))
            {
                ct.ThrowIfCancellationRequested();
                line = record.Line;
                if (record.Line <= ResumedAfter)
                {
                    continue;
                }

                if (mapper.Map(record) is { } fact)
                {
                    batch.Add(record, fact);
                }
                else
                {
                    RefuseFixed(record);
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
        catch (Exception exception) when (exception is InvalidDataException or EndOfStreamException)
        {
            writer.Complete(new CliException($"{name} ends or is damaged after line {line}: what was before is recorded; get the file anew.", inner: exception));
        }
        catch (Exception exception)
        {
            writer.Complete(exception);
        }
    }

    /// <summary>A value that is the same on every line is wrong on every line.</summary>
    private static void RefuseFixed(ImportRecord record)
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
        var refused = batch.Rejects.Concat(outcome.Refused.SelectMany(fact => Describe(batch, fact))).OrderBy(reject => reject.Line).ToList();
        rejects.Write(refused);
        _refusedOptOuts += batch.RejectedOptOuts + outcome.Refused.Count(fact => IsOptOut(batch.Facts[(int)fact.Index]));
        foreach (var warning in outcome.Warnings)
        {
            var (field, text) = (warning.Warning.Field, warning.Warning.Description);
            var known = _warnings.FindIndex(one => one.Text == text);
            if (known >= 0)
            {
                _warnings[known] = _warnings[known] with { Count = _warnings[known].Count + warning.Count };
            }
            else
            {
                _warnings.Add(new LineWarning(ColumnOf(field), text, warning.Count, batch.LineOf((int)warning.FirstIndex)));
            }
        }

        _samples.AddRange(refused.Take(10 - _samples.Count));
        _state = _state with
        {
            ImportId = outcome.ImportId.Length > 0 ? outcome.ImportId : _state.ImportId,
            Line = batch.LastLine,
            Recorded = _state.Recorded + outcome.Recorded,
            Unchanged = _state.Unchanged + outcome.Unchanged,
            Rejected = _state.Rejected + batch.RejectedLines + outcome.Refused.Count,
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
                $"More than {settings.MaxRejects} lines were refused, so the import was stopped at line {batch.LastLine}: look at {rejects.Path}, correct the mapping or the file, and run it again (--max-rejects raises the limit).");
        }
    }

    private IEnumerable<Reject> Describe(ImportBatch batch, RefusedFact refused)
    {
        foreach (var error in refused.Errors)
        {
            yield return batch.RejectOf((int)refused.Index, ColumnOf(error.Field), error.Description);
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
