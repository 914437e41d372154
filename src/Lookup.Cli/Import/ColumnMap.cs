using Lookup.Cli.Options;
using Lookup.Core;
using SubscriberType = Lookup.V1.SubscriberType;

namespace Lookup.Cli.Import;

/// <summary>
/// Says which column holds which field: by the column's name, by --map field=column, with --set field=value where no
/// column holds it. A column that is neither a field nor left out with --ignore is an error: a misspelt "withdrawn"
/// must not turn a withdrawal into a consent.
/// </summary>
internal sealed class ColumnMap
{
    /// <summary>Begins what <see cref="Where"/> says of a fixed value.</summary>
    public const string FixedPrefix = "--set ";

    private readonly Dictionary<string, Field> _mapped = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<Field, string> _fixed = [];
    private readonly HashSet<string> _ignored = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<Field, string> _columns = [];
    private readonly bool _ignoreAll;

    public ColumnMap(IReadOnlyList<string> maps, IReadOnlyList<string> sets, IReadOnlyList<string> ignores)
    {
        foreach (var text in maps)
        {
            var (field, column) = Split("--map", text, "field=column");
            string[] parts = field == Field.Number ? column.Split('+', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) : [column];
            if (parts.Length > 1)
            {
                NumberParts = parts;
            }

            foreach (var part in parts)
            {
                if (!_mapped.TryAdd(part, field))
                {
                    throw CliException.Usage($"--map names the column '{part}' twice.");
                }
            }

            if (!_columns.TryAdd(field, column))
            {
                throw CliException.Usage($"--map gives the field '{field.Name()}' two columns, '{_columns[field]}' and '{column}'.");
            }
        }

        foreach (var text in sets)
        {
            var (field, value) = Split("--set", text, "field=value");
            if (!_fixed.TryAdd(field, value))
            {
                throw CliException.Usage($"--set names the field '{field.Name()}' twice.");
            }

            if (_columns.TryGetValue(field, out var column))
            {
                throw CliException.Usage(
                    $"The field '{field.Name()}' has both the column '{column}' (--map) and a fixed value (--set): drop one.");
            }
        }

        foreach (var name in ignores)
        {
            _ignoreAll |= name == "*";
            if (_mapped.ContainsKey(name))
            {
                throw CliException.Usage($"The column '{name}' is named by both --map and --ignore: drop one.");
            }

            _ignored.Add(name);
        }

        CheckKind();
    }

    /// <summary>The columns whose values make the number one behind the other, as area code and number do; none where one column holds it.</summary>
    public IReadOnlyList<string> NumberParts { get; } = [];

    /// <summary>The fixed values.</summary>
    public IReadOnlyDictionary<Field, string> Fixed => _fixed;

    /// <summary>Whether a column or a fixed value has been found for the field.</summary>
    public bool Has(Field field) => _columns.ContainsKey(field) || _fixed.ContainsKey(field);

    /// <summary>Where the field comes from, for messages: the column's name, the option, or the field's own name.</summary>
    public string Where(Field field) =>
        _columns.TryGetValue(field, out var column) ? column : _fixed.ContainsKey(field) ? FixedPrefix + field.Name() : field.Name();

    /// <summary>Finds the field of a column; false with an empty fault: the column is left out.</summary>
    public bool TryResolve(string column, out Field field, out string fault)
    {
        fault = "";
        if (_mapped.TryGetValue(column, out field))
        {
            return true;
        }

        if (_ignored.Contains(column))
        {
            return false;
        }

        if (!Fields.TryFind(column, out field))
        {
            if (!_ignoreAll)
            {
                fault = Fields.Closest(column) is { } closest
                    ? $"column '{column}' is no field; did you mean '{closest}'? Map it with --map {closest}={Quote(column)}, or leave it out with --ignore {Quote(column)}."
                    : $"column '{column}' is no field: map it with --map field={Quote(column)}, or leave it out with --ignore {Quote(column)}.";
            }

            return false;
        }

        if (_fixed.ContainsKey(field))
        {
            fault = $"the field '{field.Name()}' has both the column '{column}' and a fixed value (--set): leave the column out with --ignore {Quote(column)}, or drop --set.";
            return false;
        }

        _columns.TryAdd(field, column);
        return true;
    }

    /// <summary>What is said of a column whose field another one holds already.</summary>
    public static string Twice(Field field, string first, string second) => first.Equals(second, StringComparison.OrdinalIgnoreCase)
        ? $"two columns are called '{second}': rename one."
        : $"columns '{first}' and '{second}' both hold the field '{field.Name()}': leave one out with --ignore {Quote(second)}.";

    /// <summary>Every name given with --map must be a column of the file.</summary>
    public void CheckMapped(IReadOnlyCollection<string> columns, string file)
    {
        foreach (var column in _mapped.Keys.Concat(_ignored.Where(name => name != "*")))
        {
            if (!columns.Contains(column, StringComparer.OrdinalIgnoreCase))
            {
                throw CliException.Usage(
                    $"{file} has no column '{column}', which {(_mapped.ContainsKey(column) ? "--map" : "--ignore")} names; its columns are: {string.Join(", ", columns)}.");
            }
        }
    }

    /// <summary>With the kind fixed, a file in which no line could have what the kind needs is not begun.</summary>
    /// <param name="file">Its name.</param>
    public void CheckNeeds(string file)
    {
        if (!_fixed.TryGetValue(Field.Kind, out var text) || !KindNames.TryParse(text, out var kind))
        {
            return;
        }

        foreach (var needed in (ReadOnlySpan<Field>)[Field.Organisation, Field.Register])
        {
            if (needed.BelongsTo(kind) && !Has(needed))
            {
                throw CliException.Usage(
                    $"{file} has no {needed.Name()} in any column, and {KindNames.WithArticle(kind)} needs one: name the column with --map {needed.Name()}=COLUMN, or give every line the same with --set {needed.Name()}=NAME{(kind == FactKind.Objection ? "; '*' stands for all" : "")}.");
            }
        }

        bool? withdrawn = _fixed.TryGetValue(Field.Withdrawn, out var flag)
            ? flag.ToLowerInvariant() is "true" or "yes" or "1"
            : _columns.ContainsKey(Field.Withdrawn) ? null : false;
        var permits = kind switch
        {
            FactKind.Consent or FactKind.Relation or FactKind.PublishedForOffers => withdrawn == false,
            FactKind.Subscriber => withdrawn == true
                || (withdrawn == false && _fixed.TryGetValue(Field.Subscriber, out var type)
                    && Words.SubscriberTypes.TryParse(type, out var parsed) && parsed != SubscriberType.Consumer),
            _ => withdrawn == true,
        };
        var field = withdrawn != true && Field.Since.BelongsTo(kind) ? Field.Since : Field.Effective;
        if (permits && !Has(field) && !Has(Field.Effective))
        {
            throw CliException.Usage(
                $"{file} has no time in any column, and {KindNames.WithArticle(kind)}{(withdrawn == true ? " that is withdrawn" : "")} needs one, since it can permit calls: name the column with --map {field.Name()}=COLUMN, or give every line the same time with --set {field.Name()}=TIME.");
        }
    }

    /// <summary>A text that is the same for the same mapping.</summary>
    public string Fingerprint() =>
        string.Join('\n', _mapped.Select(pair => $"m{pair.Value}={pair.Key}").Order(StringComparer.Ordinal)
            .Concat(_fixed.Select(pair => $"s{pair.Key}={pair.Value}").Order(StringComparer.Ordinal))
            .Concat(_ignored.Select(name => "i" + name).Order(StringComparer.Ordinal)));

    /// <summary>With the kind fixed, a value for a field that the kind lacks is a mistake.</summary>
    private void CheckKind()
    {
        if (!_fixed.TryGetValue(Field.Kind, out var text))
        {
            return;
        }

        if (!KindNames.TryParse(text, out var kind))
        {
            throw CliException.Usage($"--set kind: '{text}' is no kind of fact: use one of {KindNames.List}.");
        }

        foreach (var field in _fixed.Keys.Where(field => !field.BelongsTo(kind)))
        {
            throw CliException.Usage($"--set {field.Name()}: {KindNames.WithArticle(kind)} has no {field.Name()}.");
        }
    }

    private static string Quote(string text) => text.Contains(' ', StringComparison.Ordinal) ? $"'{text}'" : text;

    private static (Field Field, string Value) Split(string option, string text, string form)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0 || equals == text.Length - 1)
        {
            throw CliException.Usage($"{option} '{text}' is not of the form {form}.");
        }

        if (!Fields.TryFind(text[..equals], out var field))
        {
            throw CliException.Usage(
                $"{option} names '{text[..equals]}', which is no field; the fields are: {string.Join(", ", Fields.Names)}.");
        }

        return (field, text[(equals + 1)..].Trim());
    }
}
