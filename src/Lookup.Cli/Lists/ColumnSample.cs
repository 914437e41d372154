using System.Text;
using Lookup.Core.Numbers;

namespace Lookup.Cli.Lists;

/// <summary>The beginning of one column: does it hold numbers, and is it called so?</summary>
internal sealed class ColumnSample
{
    private static readonly string[] Parts = ["phone", "telef", "mobil", "mobiel", "msisdn", "e164", "telnr", "telno"];
    private static readonly string[] Wholes =
        ["number", "nummer", "numero", "numéro", "nr", "tel", "tel1", "cell", "gsm", "handy", "fon", "to", "dnis", "called", "callednumber"];

    // Amounts and dates have fewer.
    private const int MinChangedDigits = 9;

    private readonly string? _region;

    public ColumnSample(string name, IEnumerable<string> values, string? region)
    {
        Name = name;
        _region = region;
        foreach (var value in values.Where(value => value.Length > 0))
        {
            Filled++;
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

    /// <summary>Values that could be numbers if the region were known.</summary>
    public int National { get; }

    private bool HoldsNumbers => Numbers > 0 && Numbers * 2 >= Filled;

    private bool IsCalledSo
    {
        get
        {
            var name = string.Concat(Name.ToLowerInvariant().Where(char.IsLetterOrDigit));
            return Wholes.Contains(name) || Parts.Any(part => name.Contains(part, StringComparison.Ordinal));
        }
    }

    /// <summary>The one column that holds the numbers; its name decides between several.</summary>
    /// <exception cref="CliException">It is not clear.</exception>
    public static int Choose(string file, IReadOnlyList<ColumnSample> columns, string list)
    {
        const string Hint = "name it with --column";
        // The first line may be a header or not; its own value counts where nothing else is there.
        var holding = Enumerable.Range(0, columns.Count).Where(i => columns[i].HoldsNumbers || columns[i].IsOnlyNumber()).ToList();
        var called = Enumerable.Range(0, columns.Count).Where(i => columns[i].IsCalledSo && !columns[i].IsOnlyNumber()).ToList();
        var both = holding.Intersect(called).ToList();
        var chosen = both.Count > 0 ? both : holding;
        if (chosen.Count == 1)
        {
            return chosen[0];
        }

        if (chosen.Count > 1)
        {
            throw CliException.Usage(
                $"{file}: the columns {string.Join(" and ", chosen.Select(i => $"{i + 1} '{columns[i].Name}'"))} hold numbers: name the one to ask about with --column.");
        }

        if (columns.Any(column => column.National > 0 && column.National * 2 >= column.Filled) && columns[0]._region is null)
        {
            throw CliException.Usage(
                $"{file}: no column holds numbers in international form: name the country of national ones with --region, and the column with --column; the columns are {list}.");
        }

        // A list that holds nothing but its header.
        return called.Count == 1 && columns.All(column => column.Filled == 0)
            ? called[0]
            : throw CliException.Usage($"{file}: it cannot be seen which column holds the number: {Hint}; the columns are {list}.");
    }

    /// <summary>A cell that names a column rather than holding a number.</summary>
    public static bool LooksLikeName(string cell, string? region) =>
        cell.Length > 0 && (char.IsLetter(cell[0]) || cell[0] == '_') && cell.Count(char.IsDigit) < 5 && !IsNumber(cell, region, out _);

    private bool IsOnlyNumber() => Filled == 0 && IsNumber(Name, _region, out _);

    // A number that a spreadsheet or a form has changed shows which column holds them; its line is refused with that reason.
    private static bool IsChangedNumber(string text, ListFault fault) =>
        (NumberFault)fault is NumberFault.Fraction or NumberFault.ForeignWithoutPlus or NumberFault.RepeatedCallingCode
        && text.Count(char.IsDigit) >= MinChangedDigits;

    private static bool IsNumber(string text, string? region, out ListFault fault)
    {
        NumberReader.Read(Encoding.UTF8.GetBytes(text), region, out fault);
        return fault == ListFault.None;
    }
}
