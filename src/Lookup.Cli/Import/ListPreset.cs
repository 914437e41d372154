using Lookup.Core;

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
}

/// <summary>
/// A list in a layout that its keeper documents. The columns are found by their content: a file that does not have the layout is
/// refused. docs/guide/import.md names the sources.
/// </summary>
internal sealed class ListPreset
{
    private const string AreaAndNumberLayout = "an area code and a number on each line, in a change list also A or D and a date";
    private const string PaddedLayout = "one number of up to 12 digits and spaces on each line";

    private static readonly int[] AreaAndNumberLengths = [3, 7];

    private readonly Func<IReadOnlyList<string[]>, PresetColumns?> _match;

    private ListPreset(string name, string title, string layout, Func<IReadOnlyList<string[]>, PresetColumns?> match)
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
        new("vicidial-dnc", "VICIdial DNC table", "the columns of vicidial_dnc, vicidial_campaign_dnc or vicidial_dnc_log", Vicidial)
        {
            Withdrawals = new YesNo(["delete"], ["add"]),
        },
    ];

    public static string Names => string.Join(", ", All.Select(preset => preset.Name));

    public string Name { get; }

    public string Title { get; }

    /// <summary>The layout for messages.</summary>
    public string Layout { get; }

    /// <summary>The register; null: the list is of objections.</summary>
    public string? Register { get; private init; }

    /// <summary>Region of the numbers; null: must be stated.</summary>
    public string? Region { get; private init; }

    /// <summary>Time zone of the keeper; null: must be stated for times without an offset.</summary>
    public string? Zone { get; private init; }

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
    public PresetColumns? Match(IReadOnlyList<string[]> lines) => lines.Count == 0 ? null : _match(lines);

    /// <summary>Adds to a mapping what it does not state itself.</summary>
    public (string[] Maps, string[] Sets, string[] Ignores) Complete(PresetColumns columns, string[] maps, string[] sets, string[] ignores)
    {
        var stated = maps.Concat(sets).Select(text => text.Split('=')[0].Trim()).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var mapped = maps.Select(text => text[(text.IndexOf('=', StringComparison.Ordinal) + 1)..]).ToHashSet(StringComparer.OrdinalIgnoreCase);
        (string Field, string Value)[] constants =
        [
            ("kind", KindNames.NameOf(Register is null ? FactKind.Objection : FactKind.Registration)), ("register", Register ?? ""), ("region", Region ?? ""),
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
            $"{(names.Contains("action") ? "vicidial_dnc_log" : names.Contains("campaign_id") ? "vicidial_campaign_dnc" : "vicidial_dnc")} {(hasHeader ? "with" : "without")} column names");
    }
}
