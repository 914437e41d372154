using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Server.Mapping;

namespace Lookup.Cli.Import;

/// <summary>Numbers with the same categories.</summary>
internal sealed record SnapshotChunk(List<ulong> Numbers, IReadOnlyList<string> Categories);

/// <summary>Reads the numbers of a register's file; rejects lines without a valid number.</summary>
internal sealed class SnapshotSource(IRecordReader reader, ColumnMap map, RegisterDefinition register, RejectFile rejects, long maxRejects)
{
    /// <summary>Numbers in a chunk.</summary>
    public const int ChunkSize = Client.SnapshotUpload.MaxChunk;

    /// <summary>Maximum open chunks, one per set of categories; beyond it all are flushed.</summary>
    private const int MaxOpen = 256;

    private readonly Dictionary<string, SnapshotChunk> _open = new(StringComparer.Ordinal);
    private readonly List<Reject> _samples = [];

    /// <summary>Lines with a valid number.</summary>
    public long Numbers { get; private set; }

    /// <summary>Lines without a valid number.</summary>
    public long Invalid { get; private set; }

    /// <summary>The first invalid lines, for the summary.</summary>
    public IReadOnlyList<Reject> Samples => _samples;

    /// <summary>Reads the file to its end.</summary>
    /// <exception cref="CliException">The file is damaged, or too many lines were rejected.</exception>
    public IEnumerable<SnapshotChunk> Read()
    {
        rejects.Open(0);
        var record = new ImportRecord();
        while (reader.Read(record))
        {
            if (!TryNumber(record, out var number) || !TryChunk(record, out var chunk))
            {
                AddReject(record);
                continue;
            }

            Numbers++;
            chunk.Numbers.Add(number);
            if (chunk.Numbers.Count == ChunkSize)
            {
                _open.Remove(record[Field.Categories] ?? "");
                yield return chunk;
            }

            if (_open.Count > MaxOpen)
            {
                foreach (var open in _open.Values)
                {
                    yield return open;
                }

                _open.Clear();
            }
        }

        foreach (var open in _open.Values)
        {
            yield return open;
        }

        if (Invalid > maxRejects)
        {
            throw new CliException(
                $"{Invalid} lines have no valid number; --max-rejects allows {maxRejects}. The subscribers on these lines would no longer be protected, so nothing was changed. The rejected lines are in {rejects.Path}.");
        }
    }

    private bool TryNumber(ImportRecord record, out ulong number)
    {
        number = 0;
        if (record.Faults.Count > 0)
        {
            return false;
        }

        var region = record[Field.Region] ?? map.Fixed.GetValueOrDefault(Field.Region);
        if (!NumberParser.Instance.TryParse(record[Field.Number] ?? "", region, out var parsed, out var fault))
        {
            record.Faults.Add(new LineFault(map.Where(fault == NumberFault.UnknownRegion ? Field.Region : Field.Number), fault.Describe().TrimEnd('.')));
            return false;
        }

        number = parsed.Value;
        return true;
    }

    private bool TryChunk(ImportRecord record, out SnapshotChunk chunk)
    {
        var text = record[Field.Categories] ?? "";
        if (_open.TryGetValue(text, out chunk!))
        {
            return true;
        }

        var categories = text.Split(['|', ',', ';'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (!RegisterMapping.TryBits(register, categories, out _, out var unknown))
        {
            record.Faults.Add(new LineFault(map.Where(Field.Categories), $"the register has no category '{unknown}'"));
            return false;
        }

        _open.Add(text, chunk = new SnapshotChunk(new List<ulong>(ChunkSize), categories));
        return true;
    }

    private void AddReject(ImportRecord record)
    {
        Invalid++;
        var content = System.Text.Encoding.UTF8.GetString(record.Raw.Span[..Math.Min(record.Raw.Length, ImportRecord.MaxLine)]);
        var rejected = record.Faults.Select(fault => new Reject(record.Line, fault.Column, fault.Reason, content)).ToList();
        rejects.Write(rejected);
        _samples.AddRange(rejected.Take(10 - _samples.Count));
    }
}
