using System.Collections.ObjectModel;

namespace Lookup.Core.Regimes;

/// <summary>Reads the sources of a regime file and the texts that refer to them.</summary>
internal sealed class RuleTexts
{
    private static readonly Dictionary<string, Layer> LayerNames = new()
    {
        ["law"] = Layer.Law,
        ["code"] = Layer.Code,
        ["policy"] = Layer.Policy,
        ["strict"] = Layer.Strict,
    };

    private readonly Dictionary<string, RuleSource> _sources = [];

    internal RuleTexts(JsonFields file)
    {
        if (file.Object("sources") is not { } sources)
        {
            file.Fault("sources", "is missing: list the laws and codes that the rules rest on");
            return;
        }

        foreach (var key in sources.Names())
        {
            if (sources.Object(key) is { } json)
            {
                _sources[key] = ReadSource(key, json);
            }
        }
    }

    internal IEnumerable<RuleSource> Sources => _sources.Values;

    /// <summary>Returns the source that a member names.</summary>
    internal RuleSource? Source(JsonFields json, string member)
    {
        var key = json.Text(member);
        if (key.Length > 0 && !_sources.ContainsKey(key))
        {
            json.Fault(member, $"\"{key}\" is not defined under sources");
        }

        return _sources.GetValueOrDefault(key);
    }

    /// <summary>Reads a text; layer, article and text default to those of the enclosing text.</summary>
    internal RuleText Read(JsonFields json, RuleText? around = null)
    {
        var layer = json.Choice("layer", LayerNames, around?.Layer ?? Layer.Law, around is null);

        // Another article may have another source, so it names its own.
        var inherited = json.Has("article") ? null : around?.Source;
        return new RuleText(layer, json.Text("article", around?.Article), json.Text("text", around?.Text))
        {
            Source = ReadReference(json, layer, inherited),
            Uncertain = json.OptionalText("uncertain"),
            Local = json.Has("local") || json.Has("text") ? ReadLocal(json) : around?.Local ?? ReadOnlyDictionary<string, string>.Empty,
        };
    }

    private static ReadOnlyDictionary<string, string> ReadLocal(JsonFields json)
    {
        if (json.Object("local") is not { } local)
        {
            return ReadOnlyDictionary<string, string>.Empty;
        }

        var texts = new Dictionary<string, string>();
        foreach (var language in local.Names())
        {
            if (language.Length != 2 || !language.All(char.IsAsciiLetterLower))
            {
                local.Fault(language, "is not a language tag such as \"nl\"");
            }

            texts[language] = local.Text(language);
        }

        return texts.AsReadOnly();
    }

    private static RuleSource ReadSource(string key, JsonFields json)
    {
        var url = json.Text("url");
        if (url.Length > 0 && !(Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.Scheme == Uri.UriSchemeHttps))
        {
            json.Fault("url", $"\"{url}\" is not a valid https:// address");
        }

        var verified = json.Date("verified");
        if (verified is null && !json.Has("verified"))
        {
            json.Fault("verified", "is missing: state the day of the last check of the source");
        }

        var source = new RuleSource(key, json.Text("title"), url, verified ?? DateOnly.MinValue, json.OptionalText("uncertain"));
        json.RejectUnknown();
        return source;
    }

    private RuleSource? ReadReference(JsonFields json, Layer layer, RuleSource? inherited)
    {
        if (json.Has("source"))
        {
            return Source(json, "source");
        }

        if (inherited is null && layer is Layer.Law or Layer.Code)
        {
            json.Fault("source", "is missing: a rule of layer law or code must name one of the file's sources");
        }

        return inherited;
    }
}
