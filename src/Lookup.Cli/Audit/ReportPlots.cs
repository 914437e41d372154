using System.Globalization;
using System.Text;
using static Lookup.Cli.Audit.Report;
using static Lookup.Cli.Output.HtmlPage;

namespace Lookup.Cli.Audit;

/// <summary>Draws the plots of a report as SVG and styled boxes. Labels are outside the SVG, which is stretched to the width.</summary>
internal static class ReportPlots
{
    private const int MaxTicks = 14;

    /// <summary>Draws stacked bars per day, week or month.</summary>
    /// <param name="html">Receives the plot.</param>
    /// <param name="state">Has the days.</param>
    /// <param name="title">What is drawn; " per day" and the like is appended.</param>
    /// <param name="parts">Style class, name and height of each part, from the bottom.</param>
    public static void OverTime(StringBuilder html, AuditState state, string title, params (string Class, string Name, Func<DayCount, long> Count)[] parts)
    {
        var (first, last) = (Date(state.Days.Keys.First()), Date(state.Days.Keys.Last()));
        var (name, start) = (last.DayNumber - first.DayNumber) switch
        {
            <= 62 => ("day", (Func<DateOnly, DateOnly>)(day => day)),
            <= 400 => ("week", day => day.AddDays(-(((int)day.DayOfWeek + 6) % 7))),
            _ => ("month", day => new DateOnly(day.Year, day.Month, 1)),
        };
        var bars = state.Days.GroupBy(day => start(Date(day.Key))).ToDictionary(group => group.Key, group => group.Select(day => day.Value).ToList());
        var starts = Enumerable.Range(0, last.DayNumber - start(first).DayNumber + 1).Select(i => start(start(first).AddDays(i))).Distinct().ToList();
        var most = bars.Values.Max(days => parts.Sum(part => days.Sum(part.Count)));
        if (most == 0)
        {
            return;
        }

        html.Append("<figure><figcaption>").Append(title).Append(" per ").Append(name).Append("<span class=\"note\">at most ").Append(N(most)).Append("</span>");
        foreach (var (style, label, _) in parts.Length > 1 ? parts.Where(part => state.Days.Values.Any(day => part.Count(day) > 0)) : [])
        {
            html.Append("<span class=\"key ").Append(style).Append("\">").Append(label).Append("</span>");
        }

        html.Append("</figcaption>\n<svg viewBox=\"0 0 ").Append(10 * starts.Count).Append(" 1000\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"").Append(title).Append(" per ").Append(name).Append("\">");
        for (var i = 0; i < starts.Count; i++)
        {
            if (bars.TryGetValue(starts[i], out var days))
            {
                var top = 1_000.0;
                html.Append("<g><title>").Append(starts[i].ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)).Append(": ")
                    .AppendJoin(", ", parts.Select(part => $"{N(days.Sum(part.Count))} {part.Name}")).Append("</title>");
                foreach (var (style, _, count) in parts)
                {
                    if (days.Sum(count) is > 0 and var calls)
                    {
                        var height = 1_000.0 * calls / most;
                        top -= height;
                        html.Append(CultureInfo.InvariantCulture, $"<rect class=\"{style}\" x=\"{(10 * i) + 1}\" y=\"{top:0.##}\" width=\"8\" height=\"{height:0.##}\"/>");
                    }
                }

                html.Append("</g>");
            }
        }

        html.Append("</svg>\n<p class=\"axis\">");
        foreach (var (place, label) in Ticks(starts))
        {
            html.Append(CultureInfo.InvariantCulture, $"<span style=\"left:{100.0 * place / starts.Count:0.##}%\">{label}</span>");
        }

        html.Append("</p></figure>\n");
    }

    /// <summary>Draws a column for each name.</summary>
    public static void Columns(StringBuilder html, string title, string note, params (string Name, long Count)[] columns)
    {
        var most = Math.Max(1, columns.Max(column => column.Count));
        html.Append("<figure><figcaption>").Append(title).Append("<span class=\"note\">").Append(note).Append("</span></figcaption>\n<div class=\"columns\" role=\"img\" aria-label=\"").Append(title).Append("\">");
        foreach (var (name, count) in columns)
        {
            html.Append(CultureInfo.InvariantCulture, $"<div><b>{N(count)}</b><i style=\"--h:{(double)count / most:0.####}\"></i><span>{name}</span></div>");
        }

        html.Append("</div></figure>\n");
    }

    /// <summary>Draws one bar of shares with its key.</summary>
    public static void Shares(StringBuilder html, params (string Class, string Name, long Count)[] parts)
    {
        parts = [.. parts.Where(part => part.Count > 0)];
        html.Append("<div class=\"shares\">");
        foreach (var (style, _, count) in parts)
        {
            html.Append(CultureInfo.InvariantCulture, $"<i class=\"{style}\" style=\"flex-grow:{count}\"></i>");
        }

        html.Append("</div><p class=\"keys\">");
        foreach (var (style, name, count) in parts)
        {
            html.Append("<span class=\"key ").Append(style).Append("\">").Append(N(count)).Append(' ').Append(Text(name)).Append("</span>");
        }

        html.Append("</p>\n");
    }

    /// <summary>Formats a share in percent.</summary>
    public static string Share(long part, long all) => all == 0 ? "–" : ((double)part / all).ToString("0.00%", CultureInfo.InvariantCulture);

    /// <summary>Ends a row of a table with a bar.</summary>
    public static void Bar(StringBuilder html, long part, long all, string style = "deny") => html.Append(
        CultureInfo.InvariantCulture, $"<td class=\"bar\"><i class=\"{style}\" style=\"width:{(all == 0 ? 0 : 100.0 * part / all):0.##}%\"></i></td></tr>\n");

    // Mondays of a few weeks, months of a year, or years.
    private static List<(int Place, string Label)> Ticks(List<DateOnly> starts)
    {
        var isDays = starts.Count > 1 && starts[1].DayNumber - starts[0].DayNumber == 1;
        List<(int Place, string Label)> ticks = [.. starts.Select((start, i) => (start, i))
            .Where(one => isDays ? one.start.DayOfWeek == DayOfWeek.Monday : one.i > 0 && one.start.Month != starts[one.i - 1].Month)
            .Select(one => (one.i, one.start.ToString(isDays ? "d MMM" : one.start.Month == 1 ? "yyyy" : "MMM", CultureInfo.InvariantCulture)))];
        if (ticks.Count > MaxTicks)
        {
            ticks = [.. ticks.Where(tick => starts[tick.Place].Month == 1)];
        }

        return ticks.Count > 0 ? ticks : [(0, starts[0].ToString("d MMM yyyy", CultureInfo.InvariantCulture))];
    }

    private static DateOnly Date(string text) => DateOnly.ParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture);
}
