using System.Globalization;
using System.Net;
using System.Text;
using Lookup.Cli.Options;

namespace Lookup.Cli.Audit;

/// <summary>The audit that a page reports.</summary>
/// <param name="File">Name of the call records.</param>
/// <param name="Findings">Name of the file of findings.</param>
/// <param name="Question">Organisation, purpose and kind, for people.</param>
/// <param name="Made">When the audit ended.</param>
/// <param name="Zone">IANA id of the zone of days and times.</param>
/// <param name="Header">Names of the columns of the findings.</param>
/// <param name="Groups">Names of the columns counted by.</param>
/// <param name="HasReceipts">Whether checks were audited.</param>
/// <param name="CountsCalls">Whether the calls of the file counted as attempts.</param>
internal sealed record AuditReport(
    string File, string Findings, string Question, DateTimeOffset Made, string Zone, string[] Header, string[] Groups, bool HasReceipts, bool CountsCalls);

/// <summary>Formats an audit as one printable HTML file without scripts or external resources.</summary>
internal static class AuditPage
{
    /// <summary>How a page begins.</summary>
    public const string Start = "<!doctype html>";

    // Longer tables are cut, and the page says so.
    private const int MaxRows = 25;

    // Numbers in the page end with this many dots instead of digits; the line leads to the number in the file of findings.
    private const int Hidden = 3;

    private const string Style = """
        :root { color-scheme: light dark; --line: light-dark(#dfe2e5, #33383e); --dim: light-dark(#5d666f, #9aa3ab); --back: light-dark(#fff, #16181b);
          --text: light-dark(#1d2125, #e4e6e8); --allow: light-dark(#1a7f4b, #4cc38a); --deny: light-dark(#b3541e, #f0a35e);
          --unknown: light-dark(#a3232f, #ff7b86); --not_covered: light-dark(#5b5fc7, #a5a8ff) }
        * { box-sizing: border-box } body { font: 11pt/1.45 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; background: var(--back); color: var(--text) }
        h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere } h2 { font-size: 1.05rem; margin: 1.6rem 0 .5rem; break-after: avoid } p { margin: .3rem 0 }
        header p, .note, footer p, dt { color: var(--dim) } .result { color: var(--text); font-size: 1.1rem }
        dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .8rem; margin: 1.2rem 0 } dt { font-size: .85rem } dd { margin: 0; font-size: 1.45rem; font-variant-numeric: tabular-nums }
        table { border-collapse: collapse; width: 100%; font-size: .92rem } td, th { text-align: left; padding: .25rem .6rem .25rem 0; vertical-align: top; overflow-wrap: anywhere }
        th { color: var(--dim); font-weight: 500 } tr { border-top: 1px solid var(--line); break-inside: avoid } .n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
        .bar { width: 30% } .bar i { display: block; height: .7rem; margin-top: .35rem; background: var(--deny); border-radius: 2px; print-color-adjust: exact; -webkit-print-color-adjust: exact }
        svg { display: block; width: 100%; height: 11rem; border-bottom: 1px solid var(--line); print-color-adjust: exact; -webkit-print-color-adjust: exact }
        .allow { fill: var(--allow); color: var(--allow) } .deny { fill: var(--deny); color: var(--deny) } .unknown { fill: var(--unknown); color: var(--unknown) } .not_covered { fill: var(--not_covered); color: var(--not_covered) }
        .axis { display: flex; justify-content: space-between; color: var(--dim); font-size: .85rem } .legend b { display: inline-block; width: .8em; height: .8em; border-radius: 2px; background: currentColor; margin: 0 .3em 0 .9em }
        ol { list-style: none; padding: 0; margin: 0 } li { border-top: 1px solid var(--line); padding: .5rem 0; break-inside: avoid; overflow-wrap: anywhere } li p { margin: .1rem 0 } time { font-variant-numeric: tabular-nums }
        @media (max-width: 30rem) { body { margin: 1rem auto } .bar { width: 18% } }
        @media print { body { margin: 0; max-width: none; font-size: 9.5pt } svg { height: 8rem } }
        """;

    /// <summary>Renders the page.</summary>
    public static string Render(AuditReport report, AuditState state)
    {
        var html = new StringBuilder();
        html.Append(Start + "\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">")
            .Append("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">")
            .Append("<title>Audit of ").Append(Text(report.File)).Append("</title><style>").Append(Style).Append("</style></head>\n<body>\n<header><h1>Audit of ")
            .Append(Text(report.File)).Append("</h1>\n<p>").Append(Text(report.Question)).Append(". ")
            .Append(state.Calls == 0 ? "No calls." : $"Calls from {Time(state.First, report)} to {Time(state.Last, report)}.")
            .Append(" Made ").Append(Text(TimeText.LocalWithZone(report.Made, report.Zone))).Append(".</p>\n<p class=\"result\">")
            .Append(state.ToAnswerFor == 0 ? "Every call was permitted." : $"{N(state.ToAnswerFor)} of {N(state.Calls)} calls ({Share(state.ToAnswerFor, state.Calls)}) are to answer for.")
            .Append("</p></header>\n");
        Figures(html, report, state);
        Table(html, "Findings", "Finding", Enum.GetValues<Finding>().Select(finding => (AuditTally.NameOf(finding), state.Findings[(int)finding])), state.Calls);
        if (report.HasReceipts)
        {
            Table(html, "Checks before the calls, by receipts", "Check", Enum.GetValues<CheckState>().Select(check => (AuditTally.NameOf(check), state.Checks[(int)check])), state.Calls);
        }

        Chart(html, state);
        if (state.Reasons.Count > 0)
        {
            Table(html, "Reasons", "Reason", AuditSummary.Reasons(state).Select(reason => (reason.Article.Length > 0 ? $"{reason.Reason} ({reason.Article})" : reason.Reason, reason.Calls)), state.Calls);
        }

        for (var i = 0; i < report.Groups.Length; i++)
        {
            Group(html, report.Groups[i], state.Groups[i]);
        }

        Late(html, report, state);
        Calls(html, report, state);
        html.Append("<footer><h2>Method</h2><p>Each call is decided twice for its own time: on what was on record at that time, and on what is on record now. ")
            .Append(report.CountsCalls ? "Calls of the file count as attempts, in addition to those on record. " : "Only attempts on record count. ")
            .Append(report.HasReceipts ? "Each call is compared with the last receipted answer before it; receipts of lists contain no numbers and match no call. " : "Whether the calls were checked was not audited. ")
            .Append("Days and times are those of ").Append(Text(report.Zone)).Append(".</p></footer>\n</body></html>\n");
        return html.ToString();
    }

    private static void Figures(StringBuilder html, AuditReport report, AuditState state)
    {
        html.Append("<dl>");
        Figure("calls", N(state.Calls));
        Figure("to answer for", N(state.ToAnswerFor));
        Figure("in order", Share(state.Calls - state.ToAnswerFor, state.Calls));
        if (report.HasReceipts)
        {
            // Calls from before the first receipt, and those whose receipts were erased, cannot show a check.
            var comparable = state.Calls - state.Checks[(int)CheckState.BeforeReceipts] - state.Checks[(int)CheckState.Erased];
            Figure("checked before the call", Share(comparable - state.Checks[(int)CheckState.NeverChecked], comparable));
        }

        Figure("not placed", N(state.NotPlaced));
        Figure("lines not readable", N(state.Faulty));
        html.Append("</dl>\n");

        void Figure(string name, string value) => html.Append("<div><dt>").Append(name).Append("</dt><dd>").Append(value).Append("</dd></div>");
    }

    private static void Table(StringBuilder html, string title, string column, IEnumerable<(string Name, long Calls)> rows, long all)
    {
        html.Append("<h2>").Append(title).Append("</h2>\n<table><tr><th>").Append(column).Append("</th><th class=\"n\">Calls</th><th class=\"n\">Share</th><th class=\"bar\"></th></tr>\n");
        foreach (var (name, calls) in rows)
        {
            html.Append("<tr><td>").Append(Text(name)).Append("</td><td class=\"n\">").Append(N(calls)).Append("</td><td class=\"n\">").Append(Share(calls, all)).Append("</td>");
            Bar(html, calls, all);
        }

        html.Append("</table>\n");
    }

    private static void Group(StringBuilder html, string column, Dictionary<string, CallCount> counts)
    {
        html.Append("<h2>By ").Append(Text(column)).Append("</h2>\n<table><tr><th>").Append(Text(column))
            .Append("</th><th class=\"n\">To answer for</th><th class=\"n\">Calls</th><th class=\"n\">Share</th><th class=\"bar\"></th></tr>\n");
        foreach (var (name, count) in counts.OrderByDescending(group => group.Value.ToAnswerFor).ThenBy(group => group.Key, StringComparer.Ordinal).Take(MaxRows))
        {
            html.Append("<tr><td>").Append(Text(name)).Append("</td><td class=\"n\">").Append(N(count.ToAnswerFor)).Append("</td><td class=\"n\">").Append(N(count.Calls))
                .Append("</td><td class=\"n\">").Append(Share(count.ToAnswerFor, count.Calls)).Append("</td>");
            Bar(html, count.ToAnswerFor, count.Calls);
        }

        html.Append("</table>\n");
        if (counts.Count > MaxRows)
        {
            html.Append("<p class=\"note\">").Append(N(counts.Count - MaxRows)).Append(" more rows have no more calls to answer for than the last one.</p>\n");
        }
    }

    private static void Late(StringBuilder html, AuditReport report, AuditState state)
    {
        if (state.Late.Count == 0)
        {
            return;
        }

        html.Append("<h2>Records that arrived after the call</h2>\n<p class=\"note\">From the time at which a record took effect until it was recorded.</p>\n")
            .Append("<table><tr><th></th><th>Calls and delays</th></tr>\n<tr><td>All</td><td>").Append(Text(state.Late.Describe())).Append("</td></tr>\n");
        foreach (var (column, counts) in report.Groups.Zip(state.Groups))
        {
            foreach (var (name, count) in counts.Where(group => group.Value.Late is not null).OrderByDescending(group => group.Value.Late!.Worst).Take(MaxRows))
            {
                html.Append("<tr><td>").Append(Text(column)).Append(' ').Append(Text(name)).Append("</td><td>").Append(Text(count.Late!.Describe())).Append("</td></tr>\n");
            }
        }

        html.Append("</table>\n");
    }

    // Bars of days, weeks or months, stacked; labels are outside, since the picture is stretched to the width.
    private static void Chart(StringBuilder html, AuditState state)
    {
        if (state.Days.Count == 0)
        {
            return;
        }

        var (first, last) = (Date(state.Days.Keys.First()), Date(state.Days.Keys.Last()));
        var (name, start) = (last.DayNumber - first.DayNumber) switch
        {
            <= 62 => ("day", (Func<DateOnly, DateOnly>)(day => day)),
            <= 400 => ("week", day => day.AddDays(-(((int)day.DayOfWeek + 6) % 7))),
            _ => ("month", day => new DateOnly(day.Year, day.Month, 1)),
        };
        var bars = state.Days.GroupBy(day => start(Date(day.Key))).ToDictionary(group => group.Key, group => group.Select(day => day.Value).ToList());
        var starts = Enumerable.Range(0, last.DayNumber - start(first).DayNumber + 1).Select(i => start(start(first).AddDays(i))).Distinct().ToList();
        var most = bars.Values.Max(days => days.Sum(Sum));
        html.Append("<h2>Calls by verdict at the time of the call, per ").Append(name).Append("</h2>\n<p class=\"legend note\">").Append(N(most)).Append(" at most");
        foreach (var verdict in (string[])["allow", "deny", "not_covered", "unknown"])
        {
            html.Append("<b class=\"").Append(verdict).Append("\"></b>").Append(verdict.Replace('_', ' '));
        }

        html.Append("</p>\n<svg viewBox=\"0 0 ").Append(10 * starts.Count).Append(" 1000\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"Calls by verdict per ").Append(name).Append("\">");
        for (var i = 0; i < starts.Count; i++)
        {
            if (bars.TryGetValue(starts[i], out var days))
            {
                var top = 1_000.0;
                html.Append("<g><title>").Append(starts[i].ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)).Append(": ").Append(N(days.Sum(Sum))).Append(" calls, ")
                    .Append(N(days.Sum(day => day.ToAnswerFor))).Append(" to answer for</title>");
                Part("allow", days.Sum(day => day.Allow));
                Part("deny", days.Sum(day => day.Deny));
                Part("not_covered", days.Sum(day => day.NotCovered));
                Part("unknown", days.Sum(day => day.Unknown));
                html.Append("</g>");

                void Part(string verdict, long calls)
                {
                    if (calls > 0)
                    {
                        var height = 1_000.0 * calls / most;
                        top -= height;
                        html.Append(CultureInfo.InvariantCulture, $"<rect class=\"{verdict}\" x=\"{(10 * i) + 1}\" y=\"{top:0.##}\" width=\"8\" height=\"{height:0.##}\"/>");
                    }
                }
            }
        }

        html.Append("</svg>\n<p class=\"axis\"><span>").Append(starts[0].ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)).Append("</span><span>")
            .Append(starts[^1].ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)).Append("</span></p>\n");

        static long Sum(DayCount day) => day.Allow + day.Deny + day.NotCovered + day.Unknown;
    }

    private static void Calls(StringBuilder html, AuditReport report, AuditState state)
    {
        if (state.Shown.Count == 0)
        {
            return;
        }

        html.Append("<h2>Calls to answer for</h2>\n<p class=\"note\">").Append(state.Shown.Count < state.ToAnswerFor ? $"The first {N(state.Shown.Count)} of {N(state.ToAnswerFor)}" : $"All {N(state.ToAnswerFor)}")
            .Append(" in the order of the records. Numbers are shortened; ").Append(Text(report.Findings)).Append(" has all calls with their numbers.</p>\n<ol>\n");
        foreach (var cells in state.Shown)
        {
            var cell = report.Header.Zip(cells).DistinctBy(pair => pair.First).ToDictionary(pair => pair.First, pair => pair.Second);
            html.Append("<li><p><time>").Append(Text(TimeText.Local(DateTimeOffset.Parse(cell["called"], CultureInfo.InvariantCulture), report.Zone))).Append("</time> · ")
                .Append(Text(cell["number"][..^Hidden])).Append('•', Hidden).Append(" · line ").Append(Text(cell["line"]));
            foreach (var value in cells[^report.Groups.Length..])
            {
                html.Append(" · ").Append(Text(value));
            }

            html.Append("</p>\n<p><strong>").Append(Text(cell["finding"])).Append("</strong>: ").Append(Text(cell["reason"])).Append(cell["article"].Length > 0 ? $" ({Text(cell["article"])})" : "")
                .Append(". ").Append(Text(cell["text"])).Append("</p>");
            if (report.HasReceipts)
            {
                html.Append("<p>").Append(Text(cell["check"])).Append(cell["receipt"].Length > 0 ? $": {Text(cell["answer"])}, answered {Text(cell["answered"])}, receipt {Text(cell["receipt"])}" : "").Append("</p>");
            }

            html.Append("</li>\n");
        }

        html.Append("</ol>\n");
    }

    private static void Bar(StringBuilder html, long part, long all) => html.Append(
        CultureInfo.InvariantCulture, $"<td class=\"bar\"><i style=\"width:{(all == 0 ? 0 : 100.0 * part / all):0.##}%\"></i></td></tr>\n");

    private static DateOnly Date(string text) => DateOnly.ParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static string Time(long milliseconds, AuditReport report) => Text(TimeText.LocalWithZone(DateTimeOffset.FromUnixTimeMilliseconds(milliseconds), report.Zone));

    private static string N(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    private static string Share(long part, long all) => all == 0 ? "–" : ((double)part / all).ToString("0.00%", CultureInfo.InvariantCulture);

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
