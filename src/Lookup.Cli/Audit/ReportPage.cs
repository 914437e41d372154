using System.Globalization;
using System.Text;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using static Lookup.Cli.Audit.Report;
using static Lookup.Cli.Audit.ReportPlots;
using static Lookup.Cli.Output.HtmlPage;

namespace Lookup.Cli.Audit;

/// <summary>
/// Formats a report: first the result, the figures that matter and what to do, for a reader of two minutes; then the details with article
/// and evidence.
/// </summary>
internal static class ReportPage
{
    // Longer tables are cut, and the page says so.
    private const int MaxRows = 25;

    // Of each column, the values with the most late records.
    private const int MaxLate = 5;

    // Numbers in the page end with this many dots instead of digits; the line leads to the number in the file of findings.
    private const int Hidden = 3;

    private const string Style = """
        :root { color-scheme: light dark; --line: light-dark(#dfe2e5, #33383e); --dim: light-dark(#5d666f, #9aa3ab); --back: light-dark(#fff, #16181b); --box: light-dark(#f5f6f7, #1f2226);
          --text: light-dark(#1d2125, #e4e6e8); --allow: light-dark(#1a7f4b, #4cc38a); --deny: light-dark(#b3541e, #f0a35e);
          --unknown: light-dark(#a3232f, #ff7b86); --not_covered: light-dark(#5b5fc7, #a5a8ff); --check: light-dark(#8a6d00, #e0c341) }
        * { box-sizing: border-box } body { font: 11pt/1.45 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; background: var(--back); color: var(--text) }
        h1 { font-size: 1.7rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; break-after: avoid } h3 { font-size: 1rem; margin: 1.2rem 0 .2rem; break-after: avoid; overflow-wrap: anywhere } p { margin: .3rem 0 }
        header p, .note, footer, dt { color: var(--dim) } .result { color: var(--text); font-size: 1.25rem; font-weight: 600; margin: 1rem 0 .6rem }
        .shares { display: flex; gap: 2px; height: 1rem } .shares i { min-width: 3px; border-radius: 2px } .key { margin-right: 1rem; white-space: nowrap; color: var(--text) } .keys { font-size: .9rem }
        .key::before { content: ""; display: inline-block; width: .75em; height: .75em; border-radius: 2px; margin-right: .35em; background: currentColor } .key::before, .shares i { background: var(--c) }
        dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .6rem; margin: 1.2rem 0 } dl div { background: var(--box); border-radius: 6px; padding: .5rem .7rem } dt { font-size: .82rem } dd { margin: 0; font-size: 1.4rem; font-variant-numeric: tabular-nums }
        .do { padding-left: 1.3rem; margin: 0 } .do li { margin: .45rem 0; break-inside: avoid }
        table { border-collapse: collapse; width: 100%; font-size: .92rem } td, th { text-align: left; padding: .25rem .6rem .25rem 0; vertical-align: top } td { overflow-wrap: anywhere } th { vertical-align: bottom } td:first-child { min-width: 5rem }
        th { color: var(--dim); font-weight: 500 } tr { border-top: 1px solid var(--line); break-inside: avoid } .n { text-align: right; font-variant-numeric: tabular-nums; width: 6.5rem } td.n { white-space: nowrap }
        .bar { width: 22% } .bar i { display: block; height: .7rem; margin-top: .35rem; background: var(--c); border-radius: 2px }
        figure { margin: 1.2rem 0; break-inside: avoid } figcaption { font-weight: 600; margin-bottom: .5rem } figcaption span { font-weight: 400; font-size: .88rem; margin-left: .8rem; margin-right: 0 }
        svg { display: block; width: 100%; height: 10rem; border-bottom: 1px solid var(--line) } .small svg { height: 5rem }
        .allow { --c: var(--allow) } .deny { --c: var(--deny) } .unknown { --c: var(--unknown) } .not_covered { --c: var(--not_covered) } .check { --c: var(--check) } rect { fill: var(--c) }
        .axis { position: relative; height: 1.3em; color: var(--dim); font-size: .82rem } .axis span { position: absolute; white-space: nowrap }
        .columns { display: flex; gap: .4rem; height: 9rem } .columns div { flex: 1 1 0; min-width: 0; max-width: 6rem; display: flex; flex-direction: column; justify-content: flex-end; text-align: center }
        .columns i { flex-shrink: 0; height: calc(var(--h) * 5.2rem); min-height: 1px; background: var(--not_covered); border-radius: 2px 2px 0 0 } .columns b { font-weight: 500; font-size: .85rem; font-variant-numeric: tabular-nums } .columns span { color: var(--dim); font-size: .8rem; line-height: 1.2; height: 2.4em; margin-top: .2rem }
        .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); gap: 0 2rem }
        .calls { list-style: none; padding: 0; margin: .3rem 0; columns: 26rem 2; column-gap: 2rem; font-size: .88rem } .calls li { border-top: 1px solid var(--line); padding: .2rem 0; break-inside: avoid; overflow-wrap: anywhere; font-variant-numeric: tabular-nums }
        footer { font-size: .9rem } footer p { overflow-wrap: anywhere }
        @media (max-width: 34rem) { body { margin: 1rem auto } .bar { display: none } table { font-size: .8rem } td, th { padding-right: .3rem } .n { width: auto } h1 { font-size: 1.4rem } .columns { gap: .2rem } }
        @page { margin: 15mm } @media print { :root { color-scheme: light; font-size: 10pt } * { print-color-adjust: exact; -webkit-print-color-adjust: exact } body { margin: 0; max-width: none; padding: 0; font-size: 9.5pt } svg { height: 8rem } .small svg { height: 4rem } }
        """;

    /// <summary>Renders the page.</summary>
    public static string Render(Report report, AuditState state)
    {
        var whose = report.Choice.Organisation is { } column ? $"every {column}" : report.Question.Organisation;
        var html = Begin($"Calls of {whose}", Style);
        html.Append("<header><h1>Calls of ").Append(Text(whose)).Append("</h1>\n<p>").Append(Text(report.Period(state))).Append(" · ").Append(Text(report.About())).Append(" · ")
            .Append(Text(report.File)).Append("</p>\n<p class=\"result\">").Append(Result(state)).Append("</p>\n");
        if (state.Calls > 0)
        {
            Shares(
                html,
                ("allow", "in order", state.Calls - state.ToAnswerFor),
                ("deny", AuditTally.NameOf(Finding.NotPermitted), state.Findings[(int)Finding.NotPermitted]),
                ("not_covered", "only by later records", state.Findings[(int)Finding.PermittedByLaterRecord] + state.Findings[(int)Finding.ForbiddenByLaterRecord]),
                ("unknown", AuditTally.NameOf(Finding.Undecided), state.Findings[(int)Finding.Undecided]),
                ("check", "permitted, without a valid check", state.ToAnswerFor - (state.Calls - state.Findings[(int)Finding.Permitted])));
        }

        html.Append("</header>\n");
        Figures(html, report, state);
        Actions(html, report, state);
        if (state.Days.Count > 0)
        {
            OverTime(
                html, state, "Calls by verdict at the time of the call",
                ("allow", "allow", day => day.Allow), ("deny", "deny", day => day.Deny), ("not_covered", "not covered", day => day.NotCovered), ("unknown", "unknown", day => day.Unknown));
            html.Append("<div class=\"small\">");
            OverTime(html, state, "Calls to answer for", ("deny", "to answer for", day => day.ToAnswerFor));
            html.Append("</div>\n");
        }

        for (var i = 0; i < report.Choice.Groups.Length; i++)
        {
            Group(html, report, report.Choice.Groups[i], state.Groups[i]);
        }

        Table(html, "Findings", "Finding", Enum.GetValues<Finding>().Select(finding => (AuditTally.NameOf(finding), state.Findings[(int)finding])), state.Calls, "allow");
        if (state.Reasons().Any())
        {
            Table(html, "Reasons", "Reason", state.Reasons().Select(reason => (reason.Article.Length > 0 ? $"{reason.Reason} ({reason.Article})" : reason.Reason, reason.Calls)), state.Calls);
        }

        if (report.Receipts is not null)
        {
            Table(html, "Checks before the calls, by receipts", "Check", Enum.GetValues<CheckState>().Select(check => (AuditTally.NameOf(check), state.Checks[(int)check])), state.Calls, "allow");
        }

        Objections(html, report.Numbers);
        Late(html, report, state);
        Consents(html, report.Numbers);
        Registers(html, report, state);
        Calls(html, report, state);
        Method(html, report, state);
        return End(html);
    }

    private static string Result(AuditState state) =>
        state.Calls == 0 ? "No calls."
        : state.ToAnswerFor == 0 ? $"Every one of {N(state.Calls)} calls was permitted."
        : $"{N(state.ToAnswerFor)} of {N(state.Calls)} calls ({Share(state.ToAnswerFor, state.Calls)}) are to answer for.";

    private static void Figures(StringBuilder html, Report report, AuditState state)
    {
        var numbers = report.Numbers;
        html.Append("<dl>");
        Figure("checked before the call", report.Receipts is null ? "not shown" : Share(state.Comparable - state.Checks[(int)CheckState.NeverChecked], state.Comparable));
        Figure("numbers called", N(numbers.Numbers));
        Figure("called after an objection", N(numbers.AfterObjection.Count));
        Figure("objections per 1,000 calls", PerThousand(numbers.ObjectedAfterCall, state.Calls));
        Figure("consents without evidence", N(numbers.Consents.Values.Sum(source => source.Without)));
        Figure($"consents ending in {NumberTally.ExpiryDays[0]} days", N(numbers.Expiring[0]));
        html.Append("</dl>\n");

        void Figure(string name, string value) => html.Append("<div><dt>").Append(name).Append("</dt><dd>").Append(value).Append("</dd></div>");
    }

    private static void Actions(StringBuilder html, Report report, AuditState state)
    {
        html.Append("<h2>What to do</h2>\n");
        var actions = report.Actions(state).ToList();
        if (actions.Count == 0)
        {
            html.Append("<p>Nothing.</p>\n");
            return;
        }

        html.Append("<ol class=\"do\">");
        foreach (var (found, todo) in actions)
        {
            html.Append("<li><strong>").Append(Text(found)).Append("</strong> ").Append(Text(todo)).Append("</li>\n");
        }

        html.Append("</ol>\n");
    }

    private static void Table(StringBuilder html, string title, string column, IEnumerable<(string Name, long Calls)> rows, long all, string first = "deny")
    {
        var style = first;
        html.Append("<h2>").Append(title).Append("</h2>\n<table><tr><th>").Append(column).Append("</th><th class=\"n\">Calls</th><th class=\"n\">Share</th><th class=\"bar\"></th></tr>\n");
        foreach (var (name, calls) in rows)
        {
            html.Append("<tr><td>").Append(Text(name)).Append("</td><td class=\"n\">").Append(N(calls)).Append("</td><td class=\"n\">").Append(Share(calls, all)).Append("</td>");
            Bar(html, calls, all, style);
            style = "deny";
        }

        html.Append("</table>\n");
    }

    private static void Group(StringBuilder html, Report report, string column, Dictionary<string, CallCount> counts)
    {
        html.Append("<h2>By ").Append(Text(column)).Append("</h2>\n<table><tr><th>").Append(Text(column)).Append("</th><th class=\"n\">To answer for</th><th class=\"n\">Calls</th><th class=\"n\">Share</th>")
            .Append(report.Receipts is null ? "" : "<th class=\"n\">Checked</th>").Append("<th class=\"n\">Objections per 1,000</th><th class=\"bar\"></th></tr>\n");
        var most = counts.Values.Select(count => (double)count.ToAnswerFor / count.Calls).DefaultIfEmpty().Max();
        foreach (var (name, count) in counts.OrderByDescending(group => group.Value.ToAnswerFor).ThenBy(group => group.Key, StringComparer.Ordinal).Take(MaxRows))
        {
            html.Append("<tr><td>").Append(Text(name)).Append("</td><td class=\"n\">").Append(N(count.ToAnswerFor)).Append("</td><td class=\"n\">").Append(N(count.Calls))
                .Append("</td><td class=\"n\">").Append(Share(count.ToAnswerFor, count.Calls)).Append("</td>");
            if (report.Receipts is not null)
            {
                html.Append("<td class=\"n\">").Append(Share(count.Comparable - count.NeverChecked, count.Comparable)).Append("</td>");
            }

            html.Append("<td class=\"n\">").Append(PerThousand(count.Objections, count.Calls)).Append("</td>");
            // The longest bar is the greatest share, so that small shares differ visibly.
            Bar(html, count.ToAnswerFor, most == 0 ? 0 : (long)Math.Ceiling(count.Calls * most));
        }

        html.Append("</table>\n");
        if (counts.Count > MaxRows)
        {
            html.Append("<p class=\"note\">").Append(N(counts.Count - MaxRows)).Append(" more rows have no more calls to answer for than the last one.</p>\n");
        }
    }

    private static void Objections(StringBuilder html, NumberTally numbers)
    {
        html.Append("<h2>Numbers and objections</h2>\n<div class=\"pair\">\n");
        Columns(
            html, "Calls to a number", $"{N(numbers.Numbers)} numbers, by their calls",
            [.. numbers.Calls.Select((count, i) => (i + 1 < NumberTally.MostCalls ? $"{i + 1}" : $"{i + 1}+", count))]);
        Columns(
            html, "From the objection to the last call", $"{N(numbers.Objections)} numbers with an objection",
            [
                ("no call after it", numbers.Objections - numbers.AfterObjection.Count),
                .. numbers.CalledAfter.Select((count, i) => (
                    i == 0 ? "≤ 1 day" : i < NumberTally.AfterDays.Length ? $"≤ {NumberTally.AfterDays[i]} days" : $"> {NumberTally.AfterDays[^1]} days", count)),
            ]);
        html.Append("</div>\n<p>").Append(N(numbers.Objected)).Append(" subscribers objected in the period, ").Append(N(numbers.ObjectedAfterCall)).Append(" of them within ")
            .Append(NumberTally.DaysAfterCall).Append(" days after a call; those count as objections of that call.");
        if (numbers.AfterObjection.Count > 0)
        {
            html.Append(" Numbers called after the objection: ").Append(numbers.AfterObjection.Describe()).Append('.');
        }

        html.Append("</p>\n");
    }

    private static void Late(StringBuilder html, Report report, AuditState state)
    {
        if (state.Late.Count == 0)
        {
            return;
        }

        html.Append("<h2>Records that arrived after the call</h2>\n<p class=\"note\">From the time at which a record took effect until it was recorded.</p>\n")
            .Append("<table><tr><th></th><th>Calls and delays</th></tr>\n<tr><td>All</td><td>").Append(Text(state.Late.Describe())).Append("</td></tr>\n");
        foreach (var (column, counts) in report.Choice.Groups.Zip(state.Groups))
        {
            foreach (var (name, count) in counts.Where(group => group.Value.Late is not null).OrderByDescending(group => group.Value.Late!.Count).Take(MaxLate))
            {
                html.Append("<tr><td>").Append(Text(column)).Append(' ').Append(Text(name)).Append("</td><td>").Append(Text(count.Late!.Describe())).Append("</td></tr>\n");
            }
        }

        html.Append("</table>\n");
    }

    private static void Consents(StringBuilder html, NumberTally numbers)
    {
        html.Append("<h2>Consents of the called numbers</h2>\n<p class=\"note\">On record now for this purpose: ").Append(N(numbers.AllConsents)).Append(" in effect, ")
            .Append(N(numbers.Expired)).Append(" expired. Within 30, 60 and 90 days expire ").AppendJoin(", ", numbers.Expiring.Select(N)).Append("; ")
            .Append(N(numbers.WithoutEnd)).Append(" have no stated end.</p>\n");
        if (numbers.Consents.Count == 0)
        {
            return;
        }

        html.Append("<table><tr><th>Source</th><th class=\"n\">With evidence</th><th class=\"n\">Its hash kept</th><th class=\"n\">Without evidence</th><th class=\"bar\"></th></tr>\n");
        foreach (var (source, count) in numbers.Consents.OrderByDescending(one => one.Value.Without).ThenByDescending(one => one.Value.Hashed + one.Value.Referenced).ThenBy(one => one.Key, StringComparer.Ordinal).Take(MaxRows))
        {
            var all = count.Hashed + count.Referenced + count.Without;
            html.Append("<tr><td>").Append(Text(source)).Append("</td><td class=\"n\">").Append(N(count.Hashed + count.Referenced)).Append("</td><td class=\"n\">").Append(N(count.Hashed))
                .Append("</td><td class=\"n\">").Append(N(count.Without)).Append("</td>");
            Bar(html, count.Without, all);
        }

        html.Append("</table>\n");
        if (numbers.Consents.Count > MaxRows)
        {
            html.Append("<p class=\"note\">").Append(N(numbers.Consents.Count - MaxRows)).Append(" more sources.</p>\n");
        }

        Columns(html, "Consents that expire", "of those in effect", [.. NumberTally.ExpiryDays.Select((days, i) => ($"within {days} days", numbers.Expiring[i]))]);
    }

    private static void Registers(StringBuilder html, Report report, AuditState state)
    {
        var registers = report.LoadedRegisters(state).ToList();
        html.Append("<h2>Registers of the called countries</h2>\n");
        if (registers.Count == 0)
        {
            html.Append("<p>None is loaded.</p>\n");
            return;
        }

        html.Append("<table><tr><th>Register</th><th>Loaded as of</th><th class=\"n\">Age in days</th><th class=\"n\">Allowed</th></tr>\n");
        foreach (var (register, age, max) in registers)
        {
            html.Append("<tr><td>").Append(Text($"{register.Name}: {register.Title}")).Append("</td><td>")
                .Append(Text(TimeText.DayOf(register.SnapshotDates[0].ToDateTimeOffset(), NumberZone.OfRegister(register.Name)))).Append("</td><td class=\"n\">").Append(N(age))
                .Append("</td><td class=\"n\">").Append(max is { } days ? N(days) : "any").Append("</td></tr>\n");
        }

        html.Append("</table>\n");
    }

    private static void Calls(StringBuilder html, Report report, AuditState state)
    {
        if (state.Grounds.Count == 0)
        {
            return;
        }

        html.Append("<h2>Calls to answer for</h2>\n<p class=\"note\">By ground, the first ").Append(AuditTally.MaxShown).Append(" of each in the order of the records. Numbers are shortened; ")
            .Append(Text(report.Findings)).Append(" has all ").Append(N(state.ToAnswerFor)).Append(" calls with their numbers.</p>\n");
        foreach (var ground in state.Grounds.Values.OrderByDescending(ground => ground.Calls).ThenBy(ground => ground.Text, StringComparer.Ordinal))
        {
            html.Append("<h3>").Append(N(ground.Calls)).Append(" × ").Append(Text(ground.Finding)).Append(ground.Reason.Length > 0 ? Text($": {ground.Reason}") : "")
                .Append(ground.Article.Length > 0 ? Text($" ({ground.Layer}, {ground.Article})") : "").Append("</h3>\n");
            if (ground.Text.Length > 0)
            {
                html.Append("<p>").Append(Text(ground.Text)).Append("</p>\n");
            }

            html.Append("<ol class=\"calls\">\n");
            foreach (var cells in ground.Shown)
            {
                Call(html, report, cells);
            }

            html.Append("</ol>\n");
        }
    }

    private static void Call(StringBuilder html, Report report, string[] cells)
    {
        var cell = report.Header.Zip(cells).DistinctBy(pair => pair.First).ToDictionary(pair => pair.First, pair => pair.Second);
        html.Append("<li><time>").Append(Local(cell["called"])).Append("</time> · ").Append(Text(cell["number"][..^Hidden])).Append('•', Hidden).Append(" · line ").Append(Text(cell["line"]));
        foreach (var value in cells[^report.Choice.Groups.Length..])
        {
            html.Append(" · ").Append(Text(value));
        }

        if (cell["recorded"].Length > 0)
        {
            html.Append(" · in effect ").Append(Local(cell["effective"])).Append(", recorded ").Append(Local(cell["recorded"]));
        }

        if (report.Receipts is not null)
        {
            html.Append(" · ").Append(Text(cell["check"])).Append(cell["receipt"].Length > 0 ? $": {Text(cell["answer"])} at {Local(cell["answered"])}, receipt {Text(cell["receipt"])}" : "");
        }

        html.Append("</li>\n");

        string Local(string time) => Text(TimeText.Local(DateTimeOffset.Parse(time, CultureInfo.InvariantCulture), report.Zone));
    }

    private static void Method(StringBuilder html, Report report, AuditState state)
    {
        html.Append("<footer><h2>Method</h2>\n<p>Each call is decided twice for its own time: on what was on record at that time, and on what is on record now. ")
            .Append(report.CountsCalls ? "Calls of the file count as attempts, in addition to those on record. " : "Only attempts on record count. ")
            .Append("Consents, objections and registers are those on record when the report was made. Days and times are those of ").Append(Text(report.Zone)).Append(".</p>\n");
        if (state.Rules.Count > 0)
        {
            html.Append("<p>Rules: ").Append(Text(string.Join("; ", state.Rules.OrderByDescending(rules => rules.Value).Select(rules => $"{rules.Key} ({N(rules.Value)} calls)")))).Append(".</p>\n");
        }

        foreach (var note in AuditSummary.Notes(state, report.Receipts))
        {
            html.Append("<p>").Append(Text(note)).Append("</p>\n");
        }

        html.Append("<p>Left out: ").Append(N(state.NotPlaced)).Append(" calls that were not placed, ").Append(N(state.LeftOut)).Append(" lines outside the period or the selection, ")
            .Append(N(state.Faulty)).Append(" lines that could not be read.</p>\n<p>Made ").Append(Text(TimeText.LocalWithZone(report.Made, report.Zone))).Append(" from ").Append(Text(report.File))
            .Append(", SHA-256 ").Append(report.FileSha256).Append(".</p></footer>\n");
    }

    private static string PerThousand(long part, long all) => all == 0 ? "–" : (1_000.0 * part / all).ToString("0.00", CultureInfo.InvariantCulture);
}
