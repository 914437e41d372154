using System.Text.Json;
using Lookup.Core.Facts;

namespace Lookup.Core.Regimes;

/// <summary>The content of one regime file, checked but not yet compiled.</summary>
internal sealed class CountryFile
{
    private readonly List<string> _faults;
    private readonly RuleTexts _texts;
    private readonly Dictionary<string, HolidayCalendar> _calendars = [];
    private readonly Dictionary<string, RegisterDefinition> _registers = [];

    private CountryFile(JsonFields json, List<string> faults, List<RegisterDefinition> allRegisters)
    {
        _faults = faults;
        Country = json.Text("country");
        json.Text("title");
        Version = json.Text("version");
        _texts = new RuleTexts(json);
        Zones = ReadZones(json);
        var prefixes = ReadPrefixes(json, "prefixes");
        Excluded = ReadPrefixes(json, "excluded");
        Areas = [new Area("", Zones, prefixes)];
        foreach (var area in json.Objects("areas"))
        {
            Areas.Add(new Area(area.Text("name"), ReadZones(area), ReadPrefixes(area, "prefixes")));
            area.RejectUnknown();
        }

        if (Areas.All(a => a.Prefixes.Count == 0))
        {
            json.Fault("prefixes", "are missing: name a calling code here or in areas");
        }

        foreach (var range in json.Objects("ranges"))
        {
            var prefix = ReadPrefix(range, "prefix", range.Text("prefix"));
            Ranges.Add((prefix, new Rule { Type = RuleType.Range, Text = _texts.Read(range), Kinds = -1 }));
            range.RejectUnknown();
        }

        ReadCalendars(json);
        ReadRegisters(json, allRegisters);
        var zone = Zones.FirstOrDefault() ?? TimeZoneInfo.Utc;
        foreach (var regime in json.Objects("regimes"))
        {
            Regimes.Add(ReadRegime(regime, zone));
        }

        if (Regimes.Count == 0)
        {
            json.Fault("regimes", "must hold at least one regime");
        }

        ProductGroups = [.. Regimes.SelectMany(regime => regime.Rules)
            .SelectMany(rule => rule.Groups.Concat(rule.ExemptGroups).Select(name => new ProductGroup(Country, name, rule.Text)))
            .DistinctBy(group => group.Name)];
        Groups = [.. ProductGroups.Select(group => group.Name)];
        CheckGroups(json);
        CheckOrder(json);
        Retention = Retention.Read(json, _texts, Country, Regimes.SelectMany(regime => regime.Rules));
        json.RejectUnknown();
    }

    internal sealed record Area(string Name, TimeZoneInfo[] Zones, List<string> Prefixes);

    internal sealed record Regime(string Id, long From, long Until, RuleText Otherwise, RuleText?[] Exempt, RuleText Reassigned, Rule[] Rules);

    internal string Country { get; }

    internal string Version { get; }

    /// <summary>The product groups that its rules name.</summary>
    internal IReadOnlyList<ProductGroup> ProductGroups { get; }

    /// <summary>Their names.</summary>
    internal string[] Groups { get; }

    /// <summary>How long its records are kept; null if all are.</summary>
    internal Retention? Retention { get; }

    internal TimeZoneInfo[] Zones { get; }

    internal List<string> Excluded { get; }

    internal IEnumerable<RuleSource> Sources => _texts.Sources;

    internal List<Area> Areas { get; }

    internal List<(string Prefix, Rule Rule)> Ranges { get; } = [];

    internal List<Regime> Regimes { get; } = [];

    internal static CountryFile? Read(
        string name, ReadOnlyMemory<byte> utf8, List<RegisterDefinition> registers, List<string> faults)
    {
        try
        {
            using var document = JsonDocument.Parse(
                utf8, new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
            return new CountryFile(new JsonFields(document.RootElement.Clone(), name, faults), faults, registers);
        }
        catch (JsonException e)
        {
            faults.Add($"{name}: is not valid JSON at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}");
            return null;
        }
        catch (InvalidOperationException)
        {
            // The parser reports invalid UTF-8 and unpaired surrogates only when a text is read.
            faults.Add($"{name}: contains a text that is not valid Unicode");
            return null;
        }
    }

    private static TimeZoneInfo[] ReadZones(JsonFields json)
    {
        var zones = new List<TimeZoneInfo>();
        foreach (var id in json.Texts("zones"))
        {
            if (TimeZoneInfo.TryFindSystemTimeZoneById(id, out var zone))
            {
                zones.Add(zone);
            }
            else
            {
                json.Fault("zones", $"\"{id}\" is not a time zone on this machine");
            }
        }

        if (zones.Count == 0)
        {
            json.Fault("zones", "must name at least one time zone");
            zones.Add(TimeZoneInfo.Utc);
        }

        return [.. zones];
    }

    private static List<string> ReadPrefixes(JsonFields json, string member) =>
        [.. json.Texts(member).Select(p => ReadPrefix(json, member, p))];

    internal static string ReadPrefix(JsonFields json, string member, string prefix)
    {
        if (prefix.Length is 0 or > RegimeSet.MaxPrefix || prefix[0] == '0' || !prefix.All(char.IsAsciiDigit))
        {
            json.Fault(member, $"\"{prefix}\" is not a prefix of 1 to {RegimeSet.MaxPrefix} digits that starts with a calling code");
            return "0";
        }

        return prefix;
    }

    private void ReadCalendars(JsonFields json)
    {
        if (json.Object("calendars") is not { } calendars)
        {
            return;
        }

        var decreed = json.Objects("decreed").Select(day => ReadDecreed(day, calendars.Names())).ToList();
        foreach (var name in calendars.Names())
        {
            if (!HolidayCalendar.TryCompile(calendars.Texts(name), out var calendar, out var fault))
            {
                calendars.Fault(name, fault);
            }

            _calendars[name] = calendar.With([.. decreed.Where(day => day.Calendars.Contains(name)).Select(day => day.Day)]);
        }

        if (json.Object("calendarSources") is { } named)
        {
            foreach (var name in named.Names())
            {
                if (!_calendars.ContainsKey(name))
                {
                    named.Fault(name, "is not defined under calendars");
                }

                _texts.Source(named, name);
            }
        }
    }

    // A day decreed once: a day of mourning, an emergency, a holiday that was moved or added. It has its own source.
    private (int Day, List<string> Calendars) ReadDecreed(JsonFields json, IEnumerable<string> known)
    {
        var date = json.Date("date");
        if (date is null)
        {
            json.Fault("date", "is missing: the day that was decreed");
        }

        var calendars = json.Texts("calendars");
        foreach (var name in calendars.Except(known))
        {
            json.Fault("calendars", $"\"{name}\" is not defined under calendars");
        }

        if (calendars.Count == 0)
        {
            json.Fault("calendars", "must name at least one calendar");
        }

        _texts.Source(json, "source");
        json.RejectUnknown();
        return (date is { } day ? LocalTime.DayOf(day) : 0, calendars);
    }

    private void ReadRegisters(JsonFields json, List<RegisterDefinition> all)
    {
        foreach (var item in json.Objects("registers"))
        {
            var name = item.Text("name");
            var title = item.Text("title");
            var categories = item.Texts("categories");
            if (categories.Count > RegisterDefinition.MaxCategories || categories.Distinct().Count() != categories.Count)
            {
                item.Fault("categories", $"must be at most {RegisterDefinition.MaxCategories}, each once");
                categories.Clear();
            }

            var byPurpose = new Dictionary<Purpose, uint>();
            if (item.Object("purposes") is { } purposes)
            {
                var bits = categories.Select((c, i) => (c, i)).ToDictionary(p => p.c, p => 1 << p.i);
                foreach (var purpose in purposes.Names())
                {
                    if (!RuleReader.PurposeSets.TryGetValue(purpose, out var bit))
                    {
                        purposes.Fault(purpose, "is not a purpose");
                        continue;
                    }

                    byPurpose[(Purpose)System.Numerics.BitOperations.TrailingZeroCount(bit)] = (uint)purposes.Set(purpose, bits);
                }
            }

            if (all.Any(r => r.Name == name))
            {
                item.Fault("name", $"the register \"{name}\" is a duplicate");
                continue;
            }

            var register = new RegisterDefinition(all.Count, name, title, item.Flag("optional"), categories, byPurpose);
            all.Add(register);
            _registers[name] = register;
            item.RejectUnknown();
        }
    }

    private Regime ReadRegime(JsonFields json, TimeZoneInfo zone)
    {
        var reader = new RuleReader(zone, _texts, _registers, _calendars);
        var id = json.Text("id");
        var from = json.Date("from");
        if (from is null)
        {
            json.Fault("from", "is missing: before a regime's first day nothing is permitted, so that day must be stated");
        }

        var until = json.Date("until");
        var otherwise = json.Object("otherwise");
        if (otherwise is null)
        {
            json.Fault("otherwise", "is missing: explain why a call that no rule forbids is permitted");
        }

        var otherwiseText = otherwise is null ? null : _texts.Read(otherwise);
        otherwise?.RejectUnknown();
        var exempt = new RuleText?[5];
        if (json.Object("exempt") is { } kinds)
        {
            foreach (var kind in kinds.Names())
            {
                if (RuleReader.Kinds.TryGetValue(kind, out var bit) && kinds.Object(kind) is { } text)
                {
                    exempt[System.Numerics.BitOperations.TrailingZeroCount(bit)] = _texts.Read(text);
                    text.RejectUnknown();
                }
                else
                {
                    kinds.Fault(kind, "is not a kind of call");
                }
            }
        }

        var reassigned = json.Object("reassigned");
        var reassignedText = reassigned is null ? Texts.Reassigned : _texts.Read(reassigned);
        reassigned?.RejectUnknown();
        var rules = json.Objects("rules").Select(reader.Read).ToArray();
        if (!rules.Any(r => r.Type == RuleType.Objection))
        {
            json.Fault("rules", "must have a rule on objections; without one, numbers that objected would be called");
        }

        foreach (var area in rules.SelectMany(r => r.Areas.Concat(r.ExemptAreas)).Where(a => Areas.All(known => known.Name != a)).Distinct())
        {
            json.Fault("rules", $"\"{area}\" is not defined under areas");
        }

        json.RejectUnknown();
        return new Regime(
            id,
            from is { } f ? LocalTime.Instant(LocalTime.DayOf(f), 0, zone) : long.MinValue,
            until is { } u ? LocalTime.Instant(LocalTime.DayOf(u), 0, zone) : long.MaxValue,
            otherwiseText ?? rules.Select(r => r.Text).FirstOrDefault() ?? new RuleText(Layer.Policy, "", ""),
            exempt,
            reassignedText,
            rules);
    }

    /// <summary>Returns groups as bits in the order of <see cref="Groups"/>.</summary>
    internal ulong BitsOf(string[] groups) => groups.Aggregate(0UL, (bits, name) => bits | (1UL << Array.IndexOf(Groups, name)));

    // A question that names one of two similar groups must not match the other one.
    private void CheckGroups(JsonFields json)
    {
        if (Groups.Length > ProductGroup.MaxGroups)
        {
            json.Fault("regimes", $"the rules may name at most {ProductGroup.MaxGroups} product groups");
        }

        foreach (var (i, name) in Groups.Index())
        {
            if (Array.Find(Groups[..i], other => GroupSpelling.IsLike(other, name)) is { } like)
            {
                json.Fault("regimes", $"the product groups \"{like}\" and \"{name}\" are two spellings of one name");
            }
        }
    }

    private void CheckOrder(JsonFields json)
    {
        for (var i = 0; i < Regimes.Count; i++)
        {
            if (Regimes[i].From >= Regimes[i].Until || (i > 0 && Regimes[i].From < Regimes[i - 1].Until))
            {
                json.Fault($"regimes[{i}]", "must end after it starts, and start when the previous one has ended");
            }
        }
    }
}
