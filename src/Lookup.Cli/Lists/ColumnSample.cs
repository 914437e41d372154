using System.Text;
using Lookup.Cli.Files;
using Lookup.Core.Numbers;

namespace Lookup.Cli.Lists;

/// <summary>A sample of one column, to decide from its values and its name whether it holds phone numbers.</summary>
internal sealed class ColumnSample
{
    private static readonly string[] Parts = ["phone", "telef", "mobil", "mobiel", "msisdn", "e164", "telnr", "telno"];
    private static readonly string[] Wholes =
        ["number", "nummer", "numero", "numéro", "nr", "tel", "tel1", "cell", "gsm", "handy", "fon", "to", "dnis", "called", "callednumber"];

    // Amounts and dates have fewer digits.
    private const int MinChangedDigits = 9;

    private readonly string? _region;
    private readonly int _dates;

    public ColumnSample(string name, IEnumerable<string> values, string? region)
    {
        Name = name;
        _region = region;
        foreach (var value in values.Where(value => value.Length > 0))
        {
            Filled++;
            if (DateText.IsBare(value))
            {
                FirstDate = FirstDate.Length == 0 ? value : FirstDate;
                _dates++;
            }

            if (IsNumber(value, region, out var fault) || IsChangedNumber(value, fault))
            {
                Numbers++;
            }
            else if (fault == ListFaults.From(NumberFault.NationalWithoutRegion))
            {
                National++;
            }
        }
    }

    public string Name { get; }

    public int Filled { get; }

    public int Numbers { get; }

    /// <summary>Values that would be valid numbers with a region.</summary>
    public int National { get; }

    /// <summary>Whether every value is a date without separators. One such value alone may be a number of eight digits.</summary>
    public bool HoldsDates => Filled > 1 && _dates == Filled;

    /// <summary>The first date, for messages.</summary>
    public string FirstDate { get; } = "";

    private bool HoldsNumbers => Numbers > 0 && Numbers * 2 >= Filled && !HoldsDates;

    private bool HasPhoneName
    {
        get
        {
            var name = string.Concat(Name.ToLowerInvariant().Where(char.IsLetterOrDigit));
            return Wholes.Contains(name) || Parts.Any(part => name.Contains(part, StringComparison.Ordinal));
        }
    }

    /// <summary>Returns the column that holds the numbers; if several do, the name decides.</summary>
    /// <exception cref="CliException">The column is ambiguous.</exception>
    public static int Choose(string file, IReadOnlyList<ColumnSample> columns, string list)
    {
        const string Hint = "select it with --column";
        // The first line may be a header; its value counts only if the column has no other.
        var holding = Enumerable.Range(0, columns.Count).Where(i => columns[i].HoldsNumbers || columns[i].IsOnlyNumber()).ToList();
        var called = Enumerable.Range(0, columns.Count).Where(i => columns[i].HasPhoneName && !columns[i].IsOnlyNumber()).ToList();
        var both = holding.Intersect(called).ToList();
        var chosen = both.Count > 0 ? both : holding;
        if (both.Count == 0 && holding.Count > 0 && called.Count > 0)
        {
            throw CliException.Usage(
                $"{file}: column {holding[0] + 1} '{columns[holding[0]].Name}' holds what could be numbers, but column {called[0] + 1} '{columns[called[0]].Name}' is named like numbers: select one with --column.");
        }

        if (chosen.Count == 1)
        {
            return chosen[0];
        }

        if (chosen.Count > 1)
        {
            throw CliException.Usage(
                $"{file}: the columns {string.Join(" and ", chosen.Select(i => $"{i + 1} '{columns[i].Name}'"))} hold numbers: select one with --column.");
        }

        if (columns.Any(column => column.National > 0 && column.National * 2 >= column.Filled) && columns[0]._region is null)
        {
            throw CliException.Usage(
                $"{file}: no column holds numbers in international form; for national numbers set --region, and select the column with --column; the columns are {list}.");
        }

        // A list with only a header.
        return called.Count == 1 && columns.All(column => column.Filled == 0)
            ? called[0]
            : throw CliException.Usage($"{file}: no column clearly holds the number: {Hint}; the columns are {list}.");
    }

    /// <summary>Whether a cell looks like a column name rather than a number.</summary>
    public static bool LooksLikeName(string cell, string? region) =>
        cell.Length > 0 && (char.IsLetter(cell[0]) || cell[0] == '_') && cell.Count(char.IsDigit) < 5 && !IsNumber(cell, region, out _);

    private bool IsOnlyNumber() => Filled == 0 && IsNumber(Name, _region, out _);

    // A number mangled by a spreadsheet still identifies the column; its line is rejected later with that reason.
    private static bool IsChangedNumber(string text, ListFault fault) =>
        (NumberFault)fault is NumberFault.Fraction or NumberFault.ForeignWithoutPlus or NumberFault.RepeatedCallingCode
        && text.Count(char.IsDigit) >= MinChangedDigits;

    private static bool IsNumber(string text, string? region, out ListFault fault)
    {
        NumberReader.Read(Encoding.UTF8.GetBytes(text), region, out fault);
        return fault == ListFault.None;
    }
}
