using System.Collections.Frozen;
using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;

namespace Lookup.Core.Regimes;

/// <summary>
/// The regimes of all countries, compiled from their files into tables: the longest matching prefix of the number selects the area, the
/// call time the period, and the result is the compiled rules of both. Immutable.
/// </summary>
public sealed class RegimeSet : IRegisterCatalog
{
    /// <summary>A source that was not checked for this many months may have changed.</summary>
    public const int MonthsVerified = 12;

    internal const int MaxPrefix = 9;

    // The active rules of one period must fit into the bits of one word.
    internal const int MaxRules = 60;

    // The first digits of a number usually settle a search with one table lookup.
    internal const int LeadingDigits = 4;

    private readonly FrozenDictionary<ulong, Rules[]> _byPrefix;
    private readonly Leading[] _leading;
    private readonly FrozenDictionary<string, RegisterDefinition> _registers;
    private readonly FrozenDictionary<string, SortedSet<int>> _codes;
    private readonly RegionRules _regions;

    private RegimeSet(Dictionary<string, Rules[]> byPrefix, List<RegisterDefinition> registers, RegionRules regions)
    {
        _regions = regions;
        _byPrefix = byPrefix.ToFrozenDictionary(p => ulong.Parse(p.Key, CultureInfo.InvariantCulture), p => p.Value);
        _leading = LeadingTable(byPrefix);
        _registers = registers.ToFrozenDictionary(r => r.Name);
        _codes = byPrefix
            .SelectMany(pair => pair.Value.SelectMany(rules => rules.Registers), (pair, register) => (register.Name, Code: NumberPlan.CallingCodeOf(pair.Key)))
            .GroupBy(pair => pair.Name, pair => pair.Code)
            .ToFrozenDictionary(group => group.Key, group => new SortedSet<int>(group));
        Registers = registers;
    }

    /// <summary>The regimes that are built into the program.</summary>
    /// <exception cref="RegimeException">They are invalid.</exception>
    public static RegimeSet BuiltIn { get; } = Load(BuiltInFiles());

    /// <summary>The registers that the regimes use.</summary>
    public IReadOnlyList<RegisterDefinition> Registers { get; }

    /// <summary>The product groups that the rules of each country name.</summary>
    public IReadOnlyList<ProductGroup> ProductGroups { get; private init; } = [];

    /// <summary>The sources of all rules, with their country.</summary>
    public IReadOnlyList<(string Country, RuleSource Source)> Sources { get; private init; } = [];

    /// <summary>The version of each country's file, by country, and SHA-256 of all files: two sets with the same hash decide alike.</summary>
    public IReadOnlyList<(string Country, string Version)> Versions { get; private init; } = [];

    /// <inheritdoc cref="Versions"/>
    public string Sha256 { get; private init; } = "";

    /// <summary>Returns the first day on which a check of a source still counts on the given day.</summary>
    public static DateOnly VerifiedSince(DateOnly today) => today.AddMonths(-MonthsVerified);

    /// <summary>Names the sources whose last check is more than <see cref="MonthsVerified"/> months before a time, in one sentence.</summary>
    /// <returns>Null if there are none.</returns>
    public string? DescribeUnverified(DateTimeOffset now)
    {
        var since = VerifiedSince(DateOnly.FromDateTime(now.UtcDateTime));
        var old = Sources.Where(s => s.Source.Verified < since).OrderBy(s => s.Source.Verified).ToList();
        return old.Count == 0
            ? null
            : string.Create(
                CultureInfo.InvariantCulture,
                $"Rules of {string.Join(", ", old.Select(s => s.Country).Distinct().Order(StringComparer.Ordinal))} rest on {old.Count} source(s) not checked for {MonthsVerified} months, the oldest on {old[0].Source.Verified:yyyy-MM-dd}: {old[0].Source.Title}.");
    }

    /// <summary>Compiles regime files.</summary>
    /// <param name="files">Name and UTF-8 JSON of each file, see docs/guide/regimes.md.</param>
    /// <exception cref="RegimeException">A file is invalid; the exception lists every fault of every file.</exception>
    public static RegimeSet Load(IEnumerable<KeyValuePair<string, ReadOnlyMemory<byte>>> files)
    {
        var faults = new List<string>();
        var registers = new List<RegisterDefinition>();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var countries = files
            .OrderBy(f => f.Key, StringComparer.Ordinal)
            .Select(f =>
            {
                hash.AppendData(SHA256.HashData(f.Value.Span));
                return (f.Key, File: CountryFile.Read(f.Key, f.Value, registers, faults));
            })
            .ToList();
        if (countries.Count == 0)
        {
            faults.Add("no regime file was given");
        }

        var byPrefix = new Dictionary<string, Rules[]>();
        var regions = new RegionRules(PeriodsOf);
        if (faults.Count == 0)
        {
            foreach (var (name, file) in countries)
            {
                regions.Add(file!, faults);
                Compile(name, file!, byPrefix, regions, faults);
            }
        }

        return faults.Count == 0
            ? new RegimeSet(byPrefix, registers, regions)
            {
                ProductGroups = [.. countries.SelectMany(c => c.File!.ProductGroups)],
                Versions = [.. countries.Select(c => (c.File!.Country, c.File.Version))],
                Sha256 = Convert.ToHexStringLower(hash.GetHashAndReset()),
                Sources = [.. countries.SelectMany(c => c.File!.Sources.Select(s => (c.File.Country, s)))],
            }
            : throw new RegimeException(faults);
    }

    /// <summary>Returns the regime files that are built into the program.</summary>
    public static IEnumerable<KeyValuePair<string, ReadOnlyMemory<byte>>> BuiltInFiles()
    {
        var assembly = typeof(RegimeSet).Assembly;
        foreach (var name in assembly.GetManifestResourceNames().Where(n => n.StartsWith("regimes/", StringComparison.Ordinal)))
        {
            using var stream = assembly.GetManifestResourceStream(name)!;
            using var copy = new MemoryStream();
            stream.CopyTo(copy);
            yield return KeyValuePair.Create(name["regimes/".Length..], (ReadOnlyMemory<byte>)copy.ToArray());
        }
    }

    /// <summary>
    /// Checks that registrations stored under other regimes keep their meaning under these: a registration stores the positions of its
    /// categories, not their names.
    /// </summary>
    /// <param name="others">The regimes that the registrations were stored under.</param>
    /// <exception cref="RegimeException">The categories of a register do not begin with the previous ones; lists every such register.</exception>
    public void CheckCategories(RegimeSet others)
    {
        var faults = new List<string>();
        foreach (var before in others.Registers)
        {
            if (_registers.TryGetValue(before.Name, out var now)
                && !now.Categories.Take(before.Categories.Count).SequenceEqual(before.Categories))
            {
                faults.Add(
                    $"registers: the categories of \"{before.Name}\" must begin with {string.Join(", ", before.Categories)}, in this order, because stored registrations refer to their positions; add new ones at the end");
            }
        }

        if (faults.Count != 0)
        {
            throw new RegimeException(faults);
        }
    }

    /// <summary>The regions that a question can name, for example "US-FL".</summary>
    public IReadOnlyCollection<string> Regions => _regions.Names;

    /// <summary>Returns whether a question can name this region.</summary>
    public bool HasRegion(string region) => _regions.Has(region);

    /// <summary>Returns the name of the zone that determines the dates of a regime; empty if its areas differ, or the regime is unknown.</summary>
    public string TimeZoneOf(string regime) =>
        AllRules().Where(rules => rules.Id == regime).Select(rules => rules.TimeZone).Distinct().ToArray() is [var zone] ? zone : "";

    /// <summary>Returns the name of the zone in which the dates of a register are shown; empty if no regime uses it.</summary>
    public string TimeZoneOfRegister(string register) =>
        AllRules().FirstOrDefault(rules => rules.Registers.Any(one => one.Name == register))?.TimeZone ?? "";

    /// <summary>Returns the most days that a snapshot of a register may be old where the rules are strictest; null if no rule limits them.</summary>
    public int? MaxAgeDaysOf(string register) =>
        AllRules().SelectMany(rules => rules.All).Where(rule => rule.Register?.Name == register && rule.SnapshotMaxAgeDays > 0)
            .Select(rule => (int?)rule.SnapshotMaxAgeDays).Min();

    // The rules of a whole country come before those of its areas.
    internal IEnumerable<Rules> AllRules() => _byPrefix.OrderBy(pair => pair.Key).SelectMany(pair => pair.Value);

    /// <summary>Finds the rules for a call.</summary>
    /// <param name="callTime">The call time in Unix milliseconds.</param>
    /// <param name="region">The region of the called number in addition to its area; empty if not stated.</param>
    /// <returns>Null if no regime is loaded for the country and time.</returns>
    public Rules? Find(PhoneNumber number, long callTime, string region = "") => Find(number, callTime, region, out _);

    /// <summary>Finds the rules, and reports whether all numbers with the same leading digits have the same ones.</summary>
    internal Rules? Find(PhoneNumber number, long callTime, string region, out bool settled)
    {
        var periods = PeriodsOf(number.Value, out settled);
        if (region.Length > 0)
        {
            periods = _regions.Combine(periods, region);
        }

        foreach (var rules in periods)
        {
            if (rules.From <= callTime && callTime < rules.Until)
            {
                return rules;
            }
        }

        return null;
    }

    private Rules[] PeriodsOf(ulong number, out bool settled)
    {
        settled = false;
        var digits = Digits.Count(number);
        if (digits < LeadingDigits)
        {
            return [];
        }

        ref readonly var leading = ref _leading[number / Digits.PowersOfTen[digits - LeadingDigits]];
        settled = leading.LongerPrefixes == 0;
        for (var lengths = leading.LongerPrefixes; lengths != 0;)
        {
            var length = BitOperations.Log2(lengths);
            lengths ^= 1u << length;
            if (length <= digits && _byPrefix.TryGetValue(number / Digits.PowersOfTen[digits - length], out var periods))
            {
                return periods;
            }
        }

        return leading.Periods;
    }

    private static Leading[] LeadingTable(Dictionary<string, Rules[]> byPrefix)
    {
        var table = new Leading[(int)Digits.PowersOfTen[LeadingDigits]];
        Array.Fill(table, new Leading([], 0));
        foreach (var (prefix, periods) in byPrefix.OrderBy(p => p.Key.Length))
        {
            if (prefix.Length > LeadingDigits)
            {
                ref var leading = ref table[int.Parse(prefix.AsSpan(0, LeadingDigits), CultureInfo.InvariantCulture)];
                leading = leading with { LongerPrefixes = leading.LongerPrefixes | (1u << prefix.Length) };
                continue;
            }

            // Longer prefixes come later and overwrite shorter ones.
            var width = (int)Digits.PowersOfTen[LeadingDigits - prefix.Length];
            table.AsSpan(int.Parse(prefix, CultureInfo.InvariantCulture) * width, width).Fill(new Leading(periods, 0));
        }

        return table;
    }

    /// <inheritdoc/>
    public bool TryGetRegister(string name, out IReadOnlyList<string> categories)
    {
        var found = _registers.TryGetValue(name, out var register);
        categories = register?.Categories ?? [];
        return found;
    }

    /// <inheritdoc/>
    public string? RegisterOf(ulong scope)
    {
        foreach (var register in Registers)
        {
            if (register.Scope == scope)
            {
                return register.Name;
            }
        }

        return null;
    }

    /// <inheritdoc/>
    public IReadOnlyCollection<int>? CallingCodesOf(string register) => _codes.GetValueOrDefault(register);

    private static void Compile(
        string name, CountryFile file, Dictionary<string, Rules[]> byPrefix, RegionRules regions, List<string> faults)
    {
        foreach (var area in file.Areas)
        {
            Add(area.Prefixes, regions.CompileArea(file, area, null));
        }

        Add(file.Excluded, []);
        foreach (var (prefix, rule) in file.Ranges)
        {
            var area = file.Areas
                .Select(a => (Area: a, Match: a.Prefixes.Where(p => prefix.StartsWith(p, StringComparison.Ordinal)).MaxBy(p => p.Length)))
                .MaxBy(m => m.Match?.Length ?? 0);
            if (area.Match is null)
            {
                faults.Add($"{name}.ranges: \"{prefix}\" is not within the file's prefixes");
                continue;
            }

            Add([prefix], regions.CompileArea(file, area.Area, rule));
        }

        void Add(List<string> prefixes, Rules[] periods)
        {
            foreach (var prefix in prefixes)
            {
                if (!byPrefix.TryAdd(prefix, periods))
                {
                    faults.Add($"{name}: the prefix \"{prefix}\" is a duplicate");
                }
            }
        }
    }

    // A rule applies if one of the areas is among its own and not exempt.
    private static Rules[] PeriodsOf(CountryFile file, IReadOnlyList<CountryFile.Area> areas, Rule? range)
    {
        TimeZoneInfo[] zones = [.. areas.SelectMany(a => a.Zones).Distinct()];
        var periods = new List<Rules>();
        foreach (var regime in file.Regimes)
        {
            var rules = regime.Rules
                .Where(r => r.BindsIn(areas.Select(a => a.Name)))
                .ToList();
            if (range is not null)
            {
                rules.Insert(0, range);
            }

            // A rule or limit with its own period splits the regime into periods within which nothing changes.
            var limits = rules.SelectMany(r => r.Unless).SelectMany(p => p.Limits).ToList();
            var bounds = rules.SelectMany(r => new[] { r.From, r.Until })
                .Concat(limits.SelectMany(l => new[] { l.From, l.Until }))
                .Where(b => b > regime.From && b < regime.Until)
                .Append(regime.From)
                .Append(regime.Until)
                .Distinct()
                .Order()
                .ToList();
            var own = areas.Select(a => a.Name).Distinct().Where(a => rules.Any(r => r.Areas.Contains(a))).ToList();
            var id = own.Count > 0 ? $"{regime.Id}-{string.Join('+', own)}" : regime.Id;
            for (var i = 0; i + 1 < bounds.Count; i++)
            {
                periods.Add(CompilePeriod(file, zones, regime, id, rules, bounds[i], bounds[i + 1]));
            }
        }

        return [.. periods];
    }

    private static Rules CompilePeriod(
        CountryFile file, TimeZoneInfo[] zones, CountryFile.Regime regime, string id, List<Rule> rules, long from, long until)
    {
        var registers = new List<RegisterDefinition>();
        var active = new List<Rule>();
        foreach (var rule in rules.Where(r => r.From <= from && r.Until >= until))
        {
            var compiled = rule with
            {
                GroupBits = file.BitsOf(rule.Groups),
                ExemptGroupBits = file.BitsOf(rule.ExemptGroups),
                Unless = [.. rule.Unless.Select(p => p with { Limits = [.. p.Limits.Where(l => l.From <= from && l.Until >= until)] })],
            };
            if (rule.Register is { } register)
            {
                if (!registers.Contains(register))
                {
                    registers.Add(register);
                }

                compiled = compiled with { RegisterSlot = registers.IndexOf(register) };
            }

            active.AddRange(WithThoseForUnstated(compiled));
        }

        if (registers.Count > Slot.MaxRegisters)
        {
            throw new RegimeException([$"{file.Country}: {id} uses more than {Slot.MaxRegisters} registers"]);
        }

        if (active.Count > MaxRules)
        {
            throw new RegimeException([$"{file.Country}: {id} has {active.Count} rules in effect at one time; the maximum is {MaxRules}"]);
        }

        return new Rules
        {
            Id = id,
            Version = file.Version,
            From = from,
            Until = until,
            Zones = zones,
            TimeZone = zones[0].Id,
            All = [.. active],
            Slots = active.Aggregate((1UL << Slot.Subscriber) | (1UL << Slot.Reassignment), (slots, rule) => slots | SlotsOf(rule)),
            Otherwise = regime.Otherwise,
            Exempt = regime.Exempt,
            Reassigned = regime.Reassigned,
            Groups = file.Groups,
            Retention = file.Retention,
            Registers = [.. registers],
        };
    }

    /// <summary>The number of rules that a rule of a file becomes.</summary>
    internal static int RulesFor(Rule rule) =>
        ((BindsADialer(rule) ? 2 : 1) * (rule.Lines == -1 ? 1 : 2)) + (rule.Callers is null ? 0 : 1);

    private static bool BindsADialer(Rule rule) => rule.Modes != -1 && (rule.Modes & (1 << (int)DiallingMode.Predictive)) != 0;

    // A rule, and those that it implies for a question that does not state what it depends on.
    private static IEnumerable<Rule> WithThoseForUnstated(Rule rule)
    {
        Rule[] withMode = BindsADialer(rule) ? [rule, WhereModeIsNotStated(rule)] : [rule];
        var withLine = withMode.SelectMany(one => one.Lines == -1 ? [one] : new[] { one, WhereLineIsNotStated(one) });
        return rule.Callers is null ? withLine : withLine.Append(WhereCallerIsNotStated(rule));
    }

    // No law says that a call whose dialling mode is not stated counts as predictive, so this is policy.
    private static Rule WhereModeIsNotStated(Rule rule) => rule with
    {
        Modes = 1 << (int)DiallingMode.Unspecified,
        Text = AsPolicy(rule.Text, "The dialling mode was not stated, so the call is treated as dialled by a system."),
    };

    // The same for the type of line.
    private static Rule WhereLineIsNotStated(Rule rule) => rule with
    {
        Lines = 1 << (int)LineType.Unspecified,
        Text = AsPolicy(rule.Text, "The type of line was not stated, so the number is treated as one of those."),
    };

    private static RuleText AsPolicy(RuleText text, string why) =>
        text with { Layer = (Layer)Math.Max((int)text.Layer, (int)Layer.Policy), Text = $"{text.Text} {why}" };

    // With the strict layer a question must state the caller's number, whatever the dialling mode.
    private static Rule WhereCallerIsNotStated(Rule rule) => rule with
    {
        Callers = rule.Callers!.UnlessStated,
        Modes = -1,
        Lines = -1,
        Text = rule.Text with
        {
            Layer = Layer.Strict,
            Text = rule.Text.Text + " The caller's number was not stated, so it is unknown whether it may be shown.",
        },
    };

    private const ulong Consents = (1UL << Slot.ConsentGroup) | (1UL << Slot.ConsentAny) | (1UL << Slot.ConsentSpelled);

    internal static ulong SlotsOf(Rule rule)
    {
        var slots = rule.Type switch
        {
            RuleType.Objection => (1UL << Slot.ObjectionOwn) | (1UL << Slot.ObjectionAll),
            RuleType.Register => 1UL << (Slot.FirstRegister + rule.RegisterSlot),
            RuleType.Attempts when rule.Abandoned => 1UL << Slot.AttemptsAbandoned,
            RuleType.Attempts when rule.PerSubject =>
                (1UL << Slot.AttemptsOwn) | (1UL << Slot.AttemptsGroup) | (1UL << Slot.AttemptsSpelled) | (1UL << Slot.AttemptsUnlabelled),
            RuleType.Attempts => 1UL << Slot.AttemptsOwn,
            RuleType.Refusal => 1UL << Slot.Refusal,
            _ => 0UL,
        };
        foreach (var permit in rule.Unless)
        {
            slots |= permit.By switch
            {
                // Withdrawing the general consent also withdraws appointments.
                PermitBy.Consent when permit.IsAppointment =>
                    (1UL << Slot.AppointmentGroup) | (1UL << Slot.AppointmentAny) | Consents,
                PermitBy.Consent => Consents,
                PermitBy.Relation => OfRelations(permit, Slot.FirstRelation) | OfRelations(permit, Slot.FirstRelationEnded) | OfRelations(permit, Slot.FirstRelationAny),
                _ => (1UL << Slot.PublishedGroup) | (1UL << Slot.PublishedAny) | (1UL << Slot.PublishedSpelled),
            };
            if (permit.Limits.Any(l => l.FirstContactMonths > 0))
            {
                slots |= 1UL << Slot.AttemptsOwn;
            }
        }

        return slots;
    }

    private static ulong OfRelations(Permit permit, int first) => (ulong)(permit.Relations >> (int)RelationKind.Customer) << first;

    /// <summary>The periods that the leading digits of a number select.</summary>
    /// <param name="Periods">The periods of the longest prefix within these digits.</param>
    /// <param name="LongerPrefixes">Lengths of the longer prefixes that begin with these digits, as bits.</param>
    private readonly record struct Leading(Rules[] Periods, uint LongerPrefixes);
}
