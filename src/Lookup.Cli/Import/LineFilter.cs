using Lookup.Core.Numbers;

namespace Lookup.Cli.Import;

/// <summary>Decides which lines of an answer count: a keeper marks or removes the listed numbers in the file that a caller sent.</summary>
internal sealed class LineFilter
{
    private readonly Dictionary<string, long> _skipped = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>The column that says whether a line counts; null: none does.</summary>
    public string? Column { get; init; }

    /// <summary>The words of the column.</summary>
    public YesNo Words { get; init; } = YesNo.Any;

    /// <summary>The numbers that the keeper left in its answer; null: the answer is the file itself.</summary>
    public AnswerNumbers? Cleaned { get; init; }

    /// <summary>Lines that do not count.</summary>
    public long Skipped { get; private set; }

    /// <summary>What was skipped, one sentence each.</summary>
    public IEnumerable<string> Notes =>
        _skipped.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{Lines(pair.Value)} with '{pair.Key}' in the column '{Column}': not listed, skipped")
            .Concat(Cleaned is { Matched: > 0 } ? [$"{Lines(Cleaned.Matched)} also in {Cleaned.FileName}: not listed, skipped"] : []);

    /// <summary>Whether a line with this answer counts; false with an empty fault: it is skipped.</summary>
    public bool Counts(string answer, out string fault)
    {
        fault = answer.Length == 0 ? "the answer is missing" : "";
        if (fault.Length > 0 || !Words.TryParse(answer, out var isListed))
        {
            fault = fault.Length > 0 ? fault : $"'{answer}' is not an answer; use yes or no";
            return false;
        }

        if (!isListed)
        {
            Skipped++;
            _skipped[answer] = _skipped.GetValueOrDefault(answer) + 1;
        }

        return isListed;
    }

    /// <summary>Whether a number counts, because the keeper removed it.</summary>
    public bool Counts(string number, string? region)
    {
        if (Cleaned is null || !NumberParser.Instance.TryParse(number, region, out var parsed, out _) || !Cleaned.Contains(parsed.Value))
        {
            return true;
        }

        Skipped++;
        return false;
    }

    private static string Lines(long count) => count == 1 ? "1 line" : $"{count:N0} lines";
}

/// <summary>The numbers in the file that a keeper returned.</summary>
internal sealed class AnswerNumbers(string fileName)
{
    /// <summary>Maximum numbers, which take some 24 bytes each.</summary>
    private const int Max = 50_000_000;

    private readonly HashSet<ulong> _numbers = [];

    public string FileName => fileName;

    /// <summary>Numbers that were looked for and are in the file.</summary>
    public long Matched { get; private set; }

    /// <summary>Reads the numbers; a line without one is left out, so its number counts as removed.</summary>
    /// <exception cref="CliException">The file has no number, or too many.</exception>
    public static AnswerNumbers Read(string fileName, IRecordReader reader, string? region)
    {
        var numbers = new AnswerNumbers(fileName);
        var record = new ImportRecord();
        while (reader.Read(record))
        {
            if (NumberParser.Instance.TryParse(record[Field.Number] ?? "", record[Field.Region] ?? region, out var number, out _))
            {
                numbers._numbers.Add(number.Value);
            }

            if (numbers._numbers.Count > Max)
            {
                throw new CliException($"{fileName} has more than {Max:N0} numbers: split the two files.");
            }
        }

        return numbers._numbers.Count > 0 ? numbers
            : throw new CliException($"{fileName} has no valid number: every number would count as listed. Check --cleaned, and set region= if the numbers are national.");
    }

    public bool Contains(ulong number)
    {
        var isIn = _numbers.Contains(number);
        Matched += isIn ? 1 : 0;
        return isIn;
    }
}
