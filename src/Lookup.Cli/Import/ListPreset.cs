using Lookup.Cli.Files;
using Lookup.Core;
using Lookup.Core.Numbers;

namespace Lookup.Cli.Import;

/// <summary>The columns of a file, as a preset found them.</summary>
/// <param name="Maps">Values of --map.</param>
/// <param name="Ignores">Values of --ignore.</param>
/// <param name="HasHeader">Whether the first line has names.</param>
/// <param name="IsChangeList">Whether the file has additions and removals.</param>
/// <param name="Description">What the file was taken for.</param>
internal sealed record PresetColumns(string[] Maps, string[] Ignores, bool HasHeader, bool IsChangeList, string Description)
{
    /// <summary>Digits of each part of a number in several columns; empty if it is in one.</summary>
    public int[] PartLengths { get; init; } = [];

    /// <summary>The columns that the command line states.</summary>
    public static PresetColumns Stated { get; } = new([], [], HasHeader: true, IsChangeList: false, "columns as mapped") { IsNamed = true };

    /// <summary>The column that says whether a number is listed; null: all are.</summary>
    public string? Answer { get; init; }

    /// <summary>The column that names one of several lists of the keeper; null: there is one list.</summary>
    public string? List { get; init; }

    /// <summary>Whether the header names the columns; otherwise their content does.</summary>
    public bool IsNamed { get; init; }

    /// <summary>What stands before the text of the reason.</summary>
    public string ReasonPrefix { get; init; } = "";
}

/// <summary>
/// A list in a layout that its keeper documents. The columns are found by their content: a file that does not have the layout is
/// refused. docs/guide/import.md names the sources.
/// </summary>
internal sealed class ListPreset
{
    private const string AreaAndNumberLayout = "an area code and a number on each line, in a change list also A or D and a date";
    private const string PaddedLayout = "one number of up to 12 digits and spaces on each line";

    private const string AnswerLayout =
        "a column with numbers and one with yes or no whose name says that yes means listed, such as 'Inscrit'; if another column does, name it with --only COLUMN";

    // Without accents. A name with any other word is refused: "NIX-fri", "RPO libero" and "NIX OK" mean that yes permits.
    private static readonly string[] ListedWords = ["listed", "inscrit", "inscrite", "iscritto", "iscritta", "listad", "listat", "sparrad", "sparrat"];
    private static readonly string[] FillerWords = ["on", "in", "to", "the", "is", "est", "a", "au", "sur", "la", "al", "nel", "i", "list", "liste", "lista", "register", "registre", "registro"];

    private static readonly int[] AreaAndNumberLengths = [3, 7];

    private readonly Func<IReadOnlyList<string[]>, ListPreset, PresetColumns?> _match;

    private ListPreset(string name, string title, string layout, Func<IReadOnlyList<string[]>, PresetColumns?> match)
        : this(name, title, layout, (lines, _) => match(lines))
    {
    }

    private ListPreset(string name, string title, string layout, Func<IReadOnlyList<string[]>, ListPreset, PresetColumns?> match)
    {
        Name = name;
        Title = title;
        Layout = layout;
        _match = match;
    }

    public static IReadOnlyList<ListPreset> All { get; } =
    [
        new("ftc-dnc", "National Do Not Call Registry of the FTC", AreaAndNumberLayout, AreaAndNumber)
        {
            Register = "us-dnc", Region = "US", Zone = "America/New_York", JoinsMembers = true, Withdrawals = new YesNo(["D"], ["A"]),
        },
        new("lnnte", "National DNCL (LNNTE) of the CRTC", AreaAndNumberLayout, AreaAndNumber)
        {
            Register = "ca-dncl", Region = "CA", Zone = "America/Toronto", JoinsMembers = true, Withdrawals = new YesNo(["D"], ["A"]),
        },
        new("tps", "Telephone Preference Service", PaddedLayout, Padded) { Register = "uk-tps", Region = "GB", Zone = "Europe/London" },
        new("ctps", "Corporate Telephone Preference Service", PaddedLayout, Padded) { Register = "uk-ctps", Region = "GB", Zone = "Europe/London" },
        new("dncm", "Do Not Call Me list", "a number and the date of its registration on each line", NumberAndDate)
        {
            Register = "be-dncm", Region = "BE", Zone = "Europe/Brussels",
        },
        new("lista-robinson", "Lista Robinson of Adigital", "the result of its client: the phone number, 0 or 1, the sectors and the proof as the last four columns", Robinson)
        {
            Region = "ES", Zone = "Europe/Madrid", Answers = new YesNo(["1"], ["0"]),
        },
        new("bloctel", "Bloctel answer", AnswerLayout, AnswerTable) { Register = "fr-bloctel", Region = "FR", Zone = "Europe/Paris", Answers = YesNo.Any, IsAnswer = true, Listed = ["bloctel"] },
        new("nix", "NIX-Telefon", AnswerLayout + ", or numbers alone", AnswerTable)
        {
            Register = "se-nix", Region = "SE", Zone = "Europe/Stockholm", Answers = YesNo.Any, Listed = ["nix"],
        },
        new("rpo", "Registro pubblico delle opposizioni answer", AnswerLayout, AnswerTable)
        {
            Register = "it-rpo", Region = "IT", Zone = "Europe/Rome", Answers = YesNo.Any, IsAnswer = true, Listed = ["rpo"],
        },
        new("rnd", "Reassigned Numbers Database of the FCC", "a number, the date that was asked about, and yes, no or no data on each line", AnswerTable)
        {
            Kind = FactKind.Reassignment, Region = "US", Zone = "America/New_York", Answers = new YesNo(["yes"], ["no", "no_data", "no data", "nodata"]), HasDate = true, IsAnswer = true,
            Listed = ["result", "answer", "response", "disconnected", "reassigned"],
        },
        new("vicidial-dnc", "VICIdial DNC table", "the columns of vicidial_dnc, vicidial_campaign_dnc or vicidial_dnc_log, with prefixes such as 313XXXXXXX", Vicidial)
        {
            Withdrawals = new YesNo(["delete"], ["add"]), HasLists = true,
        },
    ];

    public static string Names => string.Join(", ", All.Select(preset => preset.Name));

    public string Name { get; }

    public string Title { get; }

    /// <summary>The layout for messages.</summary>
    public string Layout { get; }

    /// <summary>The kind of its facts.</summary>
    public FactKind Kind { get => Register is null ? field : FactKind.Registration; private init; } = FactKind.Objection;

    /// <summary>The words of the column that says whether a number is listed; null: every number is.</summary>
    public YesNo? Answers { get; private init; }

    /// <summary>Words of this list for the name of that column, beside those for "listed".</summary>
    public IReadOnlyList<string> Listed { get; private init; } = [];

    /// <summary>Whether the keeper only answers about numbers that were sent to it, so that a file of numbers alone means nothing.</summary>
    public bool IsAnswer { get; private init; }

    /// <summary>Whether an answer has the date that was asked about.</summary>
    public bool HasDate { get; private init; }

    /// <summary>The register; null: the list is of another kind.</summary>
    public string? Register { get; private init; }

    /// <summary>Region of the numbers; null: must be stated.</summary>
    public string? Region { get; private init; }

    /// <summary>Time zone of the keeper; null: must be stated for times without an offset.</summary>
    public string? Zone { get; private init; }

    /// <summary>Whether the keeper has several lists, and a removal means one of them.</summary>
    public bool HasLists { get; private init; }

    /// <summary>Whether the keeper's archives have a file for each part of the list.</summary>
    public bool JoinsMembers { get; private init; }

    /// <summary>The words for a removal and an addition; null: the list has none.</summary>
    public YesNo? Withdrawals { get; private init; }

    /// <summary>Returns the preset of this name; null if there is none.</summary>
    public static ListPreset? Find(string? name) => All.FirstOrDefault(preset => preset.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>Returns the preset of a register; null if there is none.</summary>
    public static ListPreset? OfRegister(string? register) => register is null ? null : All.FirstOrDefault(preset => preset.Register == register);

    /// <summary>Whether the lines have an area code and a number in separate columns.</summary>
    public static bool HasAreaAndNumber(IReadOnlyList<string[]> lines) => AreaAndNumber(lines) is not null;

    /// <summary>Finds the columns from the first lines; null if they do not have the layout.</summary>
    public PresetColumns? Match(IReadOnlyList<string[]> lines) => lines.Count == 0 ? null : _match(lines, this);

    /// <summary>Finds the column of the numbers from the first lines; null if there is not exactly one.</summary>
    public PresetColumns? MatchNumbers(IReadOnlyList<string[]> lines) => lines.Count == 0 ? null : Table(lines, this, hasAnswers: false);

    /// <summary>Adds to a mapping what it does not state itself.</summary>
    public (string[] Maps, string[] Sets, string[] Ignores) Complete(PresetColumns columns, string[] maps, string[] sets, string[] ignores)
    {
        var stated = maps.Concat(sets).Select(text => text.Split('=')[0].Trim()).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var mapped = maps.Select(text => text[(text.IndexOf('=', StringComparison.Ordinal) + 1)..]).ToHashSet(StringComparer.OrdinalIgnoreCase);
        (string Field, string Value)[] constants =
        [
            ("kind", KindNames.NameOf(Kind)), ("register", Register ?? ""), ("region", Region ?? ""),
        ];
        return (
            [.. maps, .. columns.Maps.Where(text => !stated.Contains(text.Split('=')[0]))],
            [.. sets, .. constants.Where(constant => constant.Value.Length > 0 && !stated.Contains(constant.Field)).Select(constant => $"{constant.Field}={constant.Value}")],
            [.. ignores, .. columns.Ignores.Where(column => !mapped.Contains(column) && !ignores.Contains(column, StringComparer.OrdinalIgnoreCase))]);
    }

    private static PresetColumns? AreaAndNumber(IReadOnlyList<string[]> lines)
    {
        var columns = lines[0].Length;
        var fitting = lines.Where(line => line.Length == columns).ToList();
        if (columns is < 2 or > 4 || fitting.Count * 10 < lines.Count * 9 || !IsAreaAndNumber(lines[0]) || fitting.Count(IsAreaAndNumber) * 10 < fitting.Count * 9)
        {
            return null;
        }

        if (columns == 2)
        {
            return new PresetColumns(["number=1+2"], [], HasHeader: false, IsChangeList: false, "full list, area code and number in columns 1 and 2")
            {
                PartLengths = AreaAndNumberLengths,
            };
        }

        fitting = [.. fitting.Where(IsAreaAndNumber)];
        var changes = Enumerable.Range(2, columns - 2).Where(column => fitting.All(line => line[column] is "A" or "D")).ToList();
        if (changes is not [var change])
        {
            return null;
        }

        // The other column must be the date of the change.
        var date = Enumerable.Range(2, columns - 2).Where(column => column != change).ToList();
        return date is [var other] && !fitting.All(line => line[other].Length == 0 || line[other].Any(char.IsAsciiDigit)) ? null : new PresetColumns(
            ["number=1+2", $"withdrawn={change + 1}", .. date.Select(column => $"effective={column + 1}")], [], HasHeader: false, IsChangeList: true,
            $"change list, area code and number in columns 1 and 2, A or D in column {change + 1}{(date.Count == 0 ? "" : $", date in column {date[0] + 1}")}")
        {
            PartLengths = AreaAndNumberLengths,
        };
    }

    private static bool IsAreaAndNumber(string[] line) =>
        line[0].Length == 3 && line[1].Length == 7 && line[0].All(char.IsAsciiDigit) && line[1].All(char.IsAsciiDigit);

    private static PresetColumns? Padded(IReadOnlyList<string[]> lines)
    {
        return IsPadded(lines[0]) && lines.Count(IsPadded) * 10 >= lines.Count * 9
            ? new PresetColumns(["number=1"], [], HasHeader: false, IsChangeList: false, "one number on each line")
            : null;

        static bool IsPadded(string[] line) => line is [{ Length: > 0 and <= 12 } text] && text.All(c => char.IsAsciiDigit(c) || c == ' ');
    }

    private static PresetColumns? NumberAndDate(IReadOnlyList<string[]> lines)
    {
        var hasHeader = lines.Count > 1 && !lines[0][0].Any(char.IsAsciiDigit);
        var data = lines.Skip(hasHeader ? 1 : 0).ToList();
        return lines[0].Length == 2 && data.Count(line => line.Length == 2 && line[0].Any(char.IsAsciiDigit) && line[1].Any(char.IsAsciiDigit)) * 10 >= data.Count * 9
            ? new PresetColumns(
                [$"number={(hasHeader ? lines[0][0] : "1")}", $"since={(hasHeader ? lines[0][1] : "2")}"], [], hasHeader, IsChangeList: false,
                "number in column 1, date of the registration in column 2")
            : null;
    }

    private static PresetColumns? Robinson(IReadOnlyList<string[]> lines)
    {
        var columns = lines[0].Length;
        return columns is >= 4 and <= 8 && lines.All(line => line.Length == columns) && lines.Count(IsResult) * 10 >= lines.Count * 9
            ? new PresetColumns(
                [$"number={columns - 3}"], [.. Enumerable.Range(1, columns).Where(column => column != columns - 3).Select(Position)], HasHeader: false, IsChangeList: false,
                $"result of a query, number in column {columns - 3}, 0 or 1 in column {columns - 2}")
            {
                Answer = Position(columns - 2),
            }
            : null;

        // The sectors as "1#2#8", and a proof in base64.
        static bool IsResult(string[] line) =>
            line is [.., var number, "0" or "1", var sectors, { Length: >= 16 }] && number.Count(char.IsAsciiDigit) >= 9 && sectors.All(c => char.IsAsciiDigit(c) || c == '#');
    }

    /// <summary>A table with one column of numbers and one with answers, wherever they are; with a date if the preset has one.</summary>
    private static PresetColumns? AnswerTable(IReadOnlyList<string[]> lines, ListPreset preset) => Table(lines, preset, hasAnswers: true);

    private static PresetColumns? Table(IReadOnlyList<string[]> lines, ListPreset preset, bool hasAnswers)
    {
        var columns = lines[0].Length;
        var hasHeader = lines.Count > 1 && !lines[0].Any(cell => IsNumber(cell, preset.Region));
        var data = lines.Skip(hasHeader ? 1 : 0).Where(line => line.Length == columns).ToList();
        if (data.Count > 1 && !data[^1].Any(cell => IsNumber(cell, preset.Region)))
        {
            // The last line may be a total.
            data.RemoveAt(data.Count - 1);
        }

        if (data.Count == 0)
        {
            return null;
        }

        var words = All(line => preset.Answers!.TryParse(line, out _));
        // Without names, only the answer that comes with the date asked about is clear. A second column that says "listed" is not.
        var answers = hasHeader ? [.. Enumerable.Range(0, columns).Where(column => SaysListed(lines[0][column], preset))] : preset.HasDate ? words : [];
        var dates = All(DateText.IsDate);
        var numbers = Enumerable.Range(0, columns).Except(words).Except(dates)
            .Where(column => data.Count(line => IsNumber(line[column], preset.Region)) * 10 >= data.Count * 8).ToList();
        var isClear = answers.Count == 0 ? !preset.IsAnswer && columns == 1 : answers is [var answer] && words.Contains(answer);
        if (numbers is not [var number] || (hasAnswers && (!isClear || (preset.HasDate && dates.Count != 1))))
        {
            return null;
        }

        answers = hasAnswers ? answers : [];
        var date = preset.HasDate && hasAnswers ? dates[0] : -1;
        return new PresetColumns(
            [$"number={At(number)}", .. date < 0 ? Array.Empty<string>() : [$"reason={At(date)}"]],
            [.. Enumerable.Range(0, columns).Where(column => column != number && column != date).Select(At)],
            hasHeader, IsChangeList: false,
            answers.Count == 0 ? $"number in column {number + 1}"
                : $"answers, number in column {number + 1}, {(date < 0 ? "" : $"date asked in column {date + 1}, ")}answer in column {answers[0] + 1}")
        {
            Answer = answers.Count == 0 ? null : At(answers[0]),
            ReasonPrefix = "asked about ",
        };

        string At(int column) => hasHeader ? lines[0][column] : Position(column + 1);

        List<int> All(Func<string, bool> fits) =>
            [.. Enumerable.Range(0, columns).Where(column => data.Count(line => fits(line[column])) * 10 >= data.Count * 9)];
    }

    private static bool SaysListed(string name, ListPreset preset)
    {
        var words = Plain(name).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return words.All(word => IsListed(word) || FillerWords.Contains(word)) && words.Any(IsListed);

        bool IsListed(string word) => ListedWords.Contains(word) || preset.Listed.Contains(word);
    }

    // Lower case without accents, and a space for each other character. Without ICU, string.Normalize decomposes nothing.
    internal static string Plain(string name) => string.Concat(name
        .Where(c => System.Globalization.CharUnicodeInfo.GetUnicodeCategory(c) != System.Globalization.UnicodeCategory.NonSpacingMark)
        .Select(c => !char.IsLetterOrDigit(c) ? " " : Accents.GetValueOrDefault(char.ToLowerInvariant(c)) ?? char.ToLowerInvariant(c).ToString()));

    // Each letter, and those that it is with an accent in the languages of Europe.
    private static readonly Dictionary<char, string> Accents = new[]
    {
        "a\u00e0\u00e1\u00e2\u00e3\u00e4\u00e5\u0101\u0103\u0105", "c\u00e7\u0107\u010d", "d\u00f0\u010f\u0111", "e\u00e8\u00e9\u00ea\u00eb\u0113\u0117\u0119\u011b", "i\u00ec\u00ed\u00ee\u00ef\u012b\u012f",
        "l\u0142", "n\u00f1\u0144\u0148", "o\u00f2\u00f3\u00f4\u00f5\u00f6\u00f8\u014d\u0151", "r\u0159", "s\u015b\u0161\u015f", "t\u0165\u0163", "u\u00f9\u00fa\u00fb\u00fc\u016b\u016f\u0171", "y\u00fd\u00ff", "z\u017a\u017c\u017e",
    }.SelectMany(letters => letters[1..].Select(accented => KeyValuePair.Create(accented, letters[..1])))
        .Concat([KeyValuePair.Create('\u00df', "ss"), KeyValuePair.Create('\u00e6', "ae"), KeyValuePair.Create('\u0153', "oe")])
        .ToDictionary();

    private static bool IsNumber(string text, string? region) =>
        text.Count(char.IsAsciiDigit) >= 7 && NumberParser.Instance.TryParse(text, region, out _, out _);

    private static string Position(int position) => position.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static PresetColumns? Vicidial(IReadOnlyList<string[]> lines)
    {
        string[] log = ["phone_number", "campaign_id", "action", "action_date", "user"];
        var first = lines[0];
        var hasHeader = first.Contains("phone_number", StringComparer.OrdinalIgnoreCase);
        if (hasHeader ? first.Except(log, StringComparer.OrdinalIgnoreCase).Any() : first.Length is not (1 or 2 or 5) || !first[0].Any(char.IsAsciiDigit))
        {
            return null;
        }

        string[] names = hasHeader ? [.. first.Select(name => name.ToLowerInvariant())] : log[..first.Length];
        string At(string name) => hasHeader ? name : (Array.IndexOf(names, name) + 1).ToString(System.Globalization.CultureInfo.InvariantCulture);
        (string Field, string Name)[] fields = [("number", "phone_number"), ("withdrawn", "action"), ("effective", "action_date")];
        return new PresetColumns(
            [.. fields.Where(field => names.Contains(field.Name)).Select(field => $"{field.Field}={At(field.Name)}")],
            [.. names.Where(name => name is "campaign_id" or "user").Select(At)],
            hasHeader,
            IsChangeList: names.Contains("action"),
            $"{(names.Contains("action") ? "vicidial_dnc_log" : names.Contains("campaign_id") ? "vicidial_campaign_dnc" : "vicidial_dnc")} {(hasHeader ? "with" : "without")} column names")
        {
            List = names.Contains("campaign_id") ? At("campaign_id") : null,
            IsNamed = hasHeader,
        };
    }
}
