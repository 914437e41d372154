using Lookup.Cli.Options;
using Lookup.Core;
using Lookup.Core.Numbers;
using SubscriberType = Lookup.V1.SubscriberType;

namespace Lookup.Cli.Import;

/// <summary>
/// Maps columns to fields: by the column's name, by --map field=column, or by --set field=value for a field without a
/// column. A column that is neither a field nor ignored with --ignore is an error: a misspelt "withdrawn" must not turn
/// a withdrawal into a consent.
/// </summary>
internal sealed class ColumnMap
{
    /// <summary>Prefix of <see cref="Where"/> for a fixed value.</summary>
    public const string FixedPrefix = "--set ";

    // Parts of names without accents and spaces, in the languages of the supported countries; a word in several languages stands once.
    private static readonly string[] Withdrawals =
    [
        // English.
        "withdr", "unsub", "optout", "optedout", "revok", "rescind", "donotcall", "donotcontact", "dontcall", "objection", "objected", "cancel", "suppress", "blacklist", "blocked", "refus", "declin", "dnc",
        // Dutch and Afrikaans.
        "afgemeld", "afmeld", "uitgeschreven", "uitschrijv", "ingetrokken", "intrekking", "opgezegd", "opzegging", "bezwaar", "verzet", "belmeniet", "nietbellen", "geblokkeerd", "geweigerd", "herroep",
        "teruggetrek", "onttrek", "uitgeteken", "beswaar", "moeniebel", "opgese",
        // German.
        "abgemeldet", "abmeld", "widerruf", "widerspr", "ausgetragen", "austragung", "gekund", "gekuend", "kundigung", "kuendigung", "gesperrt", "sperre", "nichtanrufen", "zuruckgez", "zurueckgez", "abbestell", "abgelehnt",
        // French.
        "desinscri", "desabonn", "retire", "retrait", "oppos", "revoqu", "revoc", "resili", "nepasappeler", "bloque", "retract", "desist",
        // Spanish, Catalan and Portuguese.
        "baja", "baixa", "retirad", "oposic", "desuscri", "anulad", "nollamar", "rechaz", "exclu", "revog", "naoligar", "descadastr", "recus", "rescis", "desapunt", "desubscri",
        // Italian.
        "disiscri", "ritirat", "ritiro", "recess", "rifiut", "disdett", "nonchiamare", "bloccat", "rinunci",
        // Danish and Norwegian.
        "frameld", "frabed", "tilbagekald", "tilbagetr", "trukket", "indsigelse", "opsagt", "afvist", "ringikke", "ikkering", "spaerr", "blokeret", "avmeld", "tilbakekal", "tilbaketr", "reservert", "reservasj", "innsigelse", "oppsagt", "sperr", "avslatt",
        // Swedish.
        "avregistr", "avmald", "aterkall", "tillbakadrag", "invandning", "uppsagd", "sparr", "ringinte", "ejring", "avboj", "nekad",
        // Polish.
        "wycofan", "wycofanie", "wypisan", "cofniet", "cofniec", "odwolan", "sprzeciw", "rezygn", "odmow", "odmaw", "wyrejestr", "zablokow", "niedzwon", "anulow",
        // Irish, Malay and Chinese.
        "tarraing", "diultaithe", "ditarik", "dibatal", "berhenti", "\u9000\u8ba2", "\u9000\u8a02", "\u64a4\u56de", "\u62d2\u7edd",
    ];

    private readonly Dictionary<string, Field> _mapped = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<Field, string> _fixed = [];
    private readonly HashSet<string> _ignored = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<Field, string> _columns = [];
    private readonly List<string> _suspects = [];
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

        CheckFixed();
    }

    /// <summary>The columns whose values together form the number, such as area code and number; empty if one column holds it.</summary>
    public IReadOnlyList<string> NumberParts { get; } = [];

    /// <summary>Digits that each of <see cref="NumberParts"/> must have; empty: any.</summary>
    public IReadOnlyList<int> PartLengths { get; init; } = [];

    /// <summary>What stands before the text of a column that is mapped to the reason.</summary>
    public string ReasonPrefix { get; init; } = "";

    /// <summary>Columns that --ignore '*' skips although their name is close to "withdrawn".</summary>
    public IReadOnlyList<string> Suspects => _suspects;

    /// <summary>The fixed values.</summary>
    public IReadOnlyDictionary<Field, string> Fixed => _fixed;

    /// <summary>Whether the field has a column or a fixed value.</summary>
    public bool Has(Field field) => _columns.ContainsKey(field) || _fixed.ContainsKey(field);

    /// <summary>Names the origin of a field for messages: the column, the option, or the field itself.</summary>
    public string Where(Field field) =>
        _columns.TryGetValue(field, out var column) ? column : _fixed.ContainsKey(field) ? FixedPrefix + field.Name() : field.Name();

    /// <summary>Finds the field of a column; false with an empty fault means that the column is ignored.</summary>
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
            if (_ignoreAll)
            {
                if (IsLikeWithdrawn(column))
                {
                    _suspects.Add(column);
                }
            }
            else if (column.Length == 0)
            {
                fault = "a column has no name: give it one, or skip every column without a name with --ignore ''.";
            }
            else
            {
                fault = Fields.Closest(column) is { } closest
                    ? $"column '{column}' is not a field; did you mean '{closest}'? Use --map {closest}={Quote(column)} or --ignore {Quote(column)}."
                    : $"column '{column}' is not a field: use --map field={Quote(column)} or --ignore {Quote(column)}.";
            }

            return false;
        }

        if (_fixed.ContainsKey(field))
        {
            fault = $"the field '{field.Name()}' has both the column '{column}' and a fixed value (--set): ignore the column with --ignore {Quote(column)}, or drop --set.";
            return false;
        }

        _columns.TryAdd(field, column);
        return true;
    }

    /// <summary>The message for two columns with the same field.</summary>
    public static string Duplicate(Field field, string first, string second) => first.Equals(second, StringComparison.OrdinalIgnoreCase)
        ? $"two columns are named '{second}': rename one."
        : $"columns '{first}' and '{second}' both map to the field '{field.Name()}': ignore one with --ignore {Quote(second)}.";

    /// <summary>Throws unless every column named by --map and --ignore is in the file.</summary>
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

    /// <summary>Throws if the kind is fixed and no column can supply a field that it requires.</summary>
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
                    $"{file} has no column for the {needed.Name()}, which {KindNames.WithArticle(kind)} requires: use --map {needed.Name()}=COLUMN or --set {needed.Name()}=NAME{(kind == FactKind.Objection ? "; '*' means all" : "")}.");
            }
        }

        bool? withdrawn = _fixed.TryGetValue(Field.Withdrawn, out var flag)
            ? YesNo.Any.TryParse(flag, out var yes) && yes
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
                $"{file} has no column for the time, which {KindNames.WithArticle(kind)}{(withdrawn == true ? " that is withdrawn" : "")} requires because it can permit calls: use --map {field.Name()}=COLUMN or --set {field.Name()}=TIME.");
        }
    }

    /// <summary>Identifies the mapping.</summary>
    public string Fingerprint() =>
        string.Join('\n', _mapped.Select(pair => $"m{pair.Value}={pair.Key}").Order(StringComparer.Ordinal)
            .Concat(_fixed.Select(pair => $"s{pair.Key}={pair.Value}").Order(StringComparer.Ordinal))
            .Concat(_ignored.Select(name => "i" + name).Order(StringComparer.Ordinal)));

    /// <summary>Throws if the fixed region is unknown, or if the kind is fixed and a fixed field does not belong to it.</summary>
    private void CheckFixed()
    {
        if (_fixed.TryGetValue(Field.Region, out var region) && !NumberParser.Instance.IsRegion(region))
        {
            throw CliException.Usage($"--set region: '{region}' is not a region; write an ISO 3166 code of two letters such as NL.");
        }

        if (!_fixed.TryGetValue(Field.Kind, out var text))
        {
            return;
        }

        if (text.Equals(FactMapper.BlockKind, StringComparison.OrdinalIgnoreCase))
        {
            foreach (var field in _fixed.Keys.Except(FactMapper.BlockFields))
            {
                throw CliException.Usage($"--set {field.Name()}: a block has no field '{field.Name()}'.");
            }

            return;
        }

        if (!KindNames.TryParse(text, out var kind))
        {
            throw CliException.Usage($"--set kind: '{text}' is not a kind of fact; use one of {KindNames.List}, or {FactMapper.BlockKind}.");
        }

        foreach (var field in _fixed.Keys.Where(field => !field.BelongsTo(kind)))
        {
            throw CliException.Usage($"--set {field.Name()}: {KindNames.WithArticle(kind)} has no field '{field.Name()}'.");
        }
    }

    private static bool IsLikeWithdrawn(string column)
    {
        var name = ListPreset.Plain(column).Replace(" ", "", StringComparison.Ordinal);
        return Fields.Closest(column) == Field.Withdrawn.Name() || Withdrawals.Any(part => name.Contains(part, StringComparison.Ordinal));
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
                $"{option} names '{text[..equals]}', which is not a field{(Fields.Closest(text[..equals]) is { } closest ? $"; did you mean '{closest}'?" : ".")} The fields are: {string.Join(", ", Fields.Names)}.");
        }

        return (field, text[(equals + 1)..].Trim());
    }
}
