using System.Globalization;
using System.Text.Json.Nodes;

namespace Lookup.ServiceTests.Golden;

/// <summary>A change of one figure of a regime file, and its place.</summary>
internal sealed record FigureChange(string Place, Action Make, Action Undo);

/// <summary>
/// Every single change of a figure in a regime file: each number, time and date by one in both directions, each flag cleared, each closed day
/// opened, and each rule, effect, permit and limit removed.
/// </summary>
internal static class FigureChanges
{
    private static readonly string[] Dates = ["from", "until", "begunBefore"];

    /// <summary>Lists the changes of a file. Make one, use the file, and undo it before the next.</summary>
    public static IEnumerable<FigureChange> Of(JsonObject file) =>
        file["regimes"]!.AsArray().SelectMany(regime => OfObject(regime!.AsObject(), (string)regime["id"]!));

    private static IEnumerable<FigureChange> OfObject(JsonObject json, string place)
    {
        foreach (var (name, value) in json.ToList())
        {
            var own = $"{place}.{name}";
            var changes = (name, value) switch
            {
                ("windows", JsonObject windows) => windows.ToList().SelectMany(day => OfDay(windows, day.Key, $"{own}.{day.Key}")),
                ("earlyClose", JsonObject days) => days.ToList().SelectMany(day => Times(days, day.Key, $"{own}.{day.Key}", (string)day.Value!)),
                ("rules" or "unless" or "limits" or "effects", JsonArray items) => OfItems(items, own),
                ("snapshot", JsonObject snapshot) => OfObject(snapshot, own),
                (_, JsonValue figure) when figure.TryGetValue(out int number) =>
                    [To(json, name, own, number + 1), To(json, name, own, number - 1)],
                (_, JsonValue flag) when flag.TryGetValue(out bool isSet) && isSet => [To(json, name, own, false)],
                (_, JsonValue date) when Dates.Contains(name) => OfDate(json, name, own, (string)date!),
                _ => Enumerable.Empty<FigureChange>(),
            };
            foreach (var change in changes)
            {
                yield return change;
            }
        }
    }

    private static IEnumerable<FigureChange> OfItems(JsonArray items, string place)
    {
        for (var i = 0; i < items.Count; i++)
        {
            var (at, item) = (i, items[i]!.AsObject());
            var own = $"{place}[{at}:{(string?)item["rule"] ?? (string?)item["by"] ?? (string?)item["layer"]}]";
            yield return new FigureChange($"{own} removed", () => items.RemoveAt(at), () => items.Insert(at, item));
            foreach (var change in OfObject(item, own))
            {
                yield return change;
            }
        }
    }

    private static IEnumerable<FigureChange> OfDay(JsonObject windows, string day, string place)
    {
        var times = windows[day]!.AsArray().Select(window => (string)window!).ToArray();
        if (times.Length == 0)
        {
            yield return To(windows, day, place, new JsonArray("00:00-24:00"));
        }

        for (var i = 0; i < times.Length; i++)
        {
            // A window of the whole day says only that the rule is about other days.
            foreach (var changed in times[i] == "00:00-24:00" ? [] : Shifted(times[i]))
            {
                JsonNode?[] list = [.. times.Select((window, at) => JsonValue.Create(at == i ? changed : window))];
                yield return To(windows, day, $"{place} {changed}", new JsonArray(list));
            }
        }
    }

    private static IEnumerable<string> Shifted(string window)
    {
        var (open, close) = (window[..5], window[6..]);
        return [.. new[] { -1, 1 }.Select(by => $"{Shift(open, by)}-{close}"), .. new[] { -1, 1 }.Select(by => $"{open}-{Shift(close, by)}")];
    }

    private static IEnumerable<FigureChange> Times(JsonObject json, string name, string place, string time) =>
        new[] { -1, 1 }.Select(by => Shift(time, by)).Select(changed => To(json, name, place, changed));

    private static IEnumerable<FigureChange> OfDate(JsonObject json, string name, string place, string date)
    {
        var day = DateOnly.ParseExact(date, "yyyy-MM-dd", CultureInfo.InvariantCulture);
        return new[] { -1, 1 }.Select(by => day.AddDays(by).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture))
            .Select(changed => To(json, name, place, changed));
    }

    private static FigureChange To(JsonObject json, string name, string place, JsonNode changed)
    {
        var before = json[name]!;
        return new FigureChange(changed is JsonValue ? $"{place} = {changed}" : place, () => json[name] = changed, () => json[name] = before);
    }

    private static string Shift(string time, int minutes)
    {
        var total = (int.Parse(time[..2], CultureInfo.InvariantCulture) * 60) + int.Parse(time[3..], CultureInfo.InvariantCulture) + minutes;
        return string.Create(CultureInfo.InvariantCulture, $"{total / 60:00}:{total % 60:00}");
    }
}
