using System.Globalization;
using System.Text.Json;

namespace Lookup.Core.Regimes;

/// <summary>
/// Reads the members of one JSON object and collects every fault with its place instead of stopping at the first: missing members,
/// members of the wrong form or out of range, and unknown members.
/// </summary>
internal sealed class JsonFields
{
    private readonly JsonElement _object;
    private readonly string _place;
    private readonly List<string> _faults;
    private readonly HashSet<string> _read = [];

    internal JsonFields(JsonElement element, string place, List<string> faults)
    {
        (_object, _place, _faults) = (element, place, faults);
        if (element.ValueKind != JsonValueKind.Object)
        {
            Fault("", "must be an object");
            _object = JsonDocument.Parse("{}").RootElement;
        }
    }

    internal void Fault(string member, string what) =>
        _faults.Add(member.Length == 0 ? $"{_place}: {what}" : $"{_place}.{member}: {what}");

    internal string PlaceOf(string member) => $"{_place}.{member}";

    internal bool Has(string member) => _object.TryGetProperty(member, out _);

    internal string Text(string member, string? otherwise = null)
    {
        if (!TryGet(member, out var value))
        {
            if (otherwise is null)
            {
                Fault(member, "is missing");
            }

            return otherwise ?? "";
        }

        if (value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text)
        {
            return text;
        }

        Fault(member, "must be a non-empty text");
        return "";
    }

    /// <summary>Returns null if the member is absent.</summary>
    internal string? OptionalText(string member) => Has(member) ? Text(member) : null;

    internal int Int(string member, int min, int max, int? otherwise = null)
    {
        if (!TryGet(member, out var value))
        {
            if (otherwise is null)
            {
                Fault(member, "is missing");
            }

            return otherwise ?? min;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= min && number <= max)
        {
            return number;
        }

        Fault(member, $"must be a whole number from {min} to {max}");
        return min;
    }

    internal bool Flag(string member)
    {
        if (!TryGet(member, out var value))
        {
            return false;
        }

        if (value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
        {
            Fault(member, "must be true or false");
        }

        return value.ValueKind == JsonValueKind.True;
    }

    internal DateOnly? Date(string member)
    {
        if (!TryGet(member, out var value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.String
            && DateOnly.TryParseExact(value.GetString(), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date))
        {
            return date;
        }

        Fault(member, "must be a date such as \"2021-07-01\"");
        return null;
    }

    internal List<string> Texts(string member)
    {
        var texts = new List<string>();
        var index = 0;
        foreach (var item in Items(member))
        {
            if (item.ValueKind == JsonValueKind.String && item.GetString() is { Length: > 0 } text)
            {
                texts.Add(text);
            }
            else
            {
                Fault($"{member}[{index}]", "must be a non-empty text");
            }

            index++;
        }

        return texts;
    }

    internal List<JsonFields> Objects(string member)
    {
        var index = 0;
        return [.. Items(member).Select(item => new JsonFields(item, $"{_place}.{member}[{index++}]", _faults))];
    }

    internal JsonFields? Object(string member) =>
        TryGet(member, out var value) ? new JsonFields(value, $"{_place}.{member}", _faults) : null;

    internal List<string> Names()
    {
        return [.. _object.EnumerateObject().Select(p => p.Name)];
    }

    /// <summary>Returns the bits of the named values; all bits if the member is absent.</summary>
    internal int Set(string member, IReadOnlyDictionary<string, int> values, int otherwise = -1)
    {
        if (!Has(member))
        {
            return otherwise;
        }

        var set = 0;
        foreach (var name in Texts(member))
        {
            if (values.TryGetValue(name, out var bits))
            {
                set |= bits;
            }
            else
            {
                Fault(member, $"\"{name}\" is not one of {string.Join(", ", values.Keys)}");
            }
        }

        return set;
    }

    internal T Choice<T>(string member, IReadOnlyDictionary<string, T> values, T otherwise, bool required = true)
    {
        if (!required && !Has(member))
        {
            return otherwise;
        }

        var name = Text(member);
        if (name.Length > 0 && values.TryGetValue(name, out var value))
        {
            return value;
        }

        if (name.Length > 0)
        {
            Fault(member, $"\"{name}\" is not one of {string.Join(", ", values.Keys)}");
        }

        return otherwise;
    }

    /// <summary>Reports members that were not read.</summary>
    internal void RejectUnknown()
    {
        foreach (var property in _object.EnumerateObject())
        {
            if (!_read.Contains(property.Name))
            {
                Fault(property.Name, "is not known here");
            }
        }
    }

    private JsonElement.ArrayEnumerator Items(string member)
    {
        if (!TryGet(member, out var value))
        {
            return default;
        }

        if (value.ValueKind == JsonValueKind.Array)
        {
            return value.EnumerateArray();
        }

        Fault(member, "must be a list");
        return default;
    }

    private bool TryGet(string member, out JsonElement value)
    {
        _read.Add(member);
        return _object.TryGetProperty(member, out value);
    }
}
