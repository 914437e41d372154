using System.Text.Json.Nodes;
using Lookup.Core.Regimes;

namespace Lookup.Testing.Regimes;

/// <summary>The regimes of the program with some changes, as a new version of them has.</summary>
internal sealed class RegimeVariant
{
    private readonly Dictionary<string, JsonObject> _files =
        RegimeSet.BuiltInFiles().ToDictionary(f => f.Key, f => JsonNode.Parse(f.Value.Span)!.AsObject());

    internal static JsonObject Attempts(int max) => Rule("attempts", ("max", max), ("daysBack", 0));

    /// <summary>The regimes with all changes.</summary>
    internal RegimeSet Set() => RegimeSet.Load(Files().Select(f => KeyValuePair.Create(f.Name, (ReadOnlyMemory<byte>)f.Content)));

    /// <summary>The files with all changes.</summary>
    internal IEnumerable<(string Name, byte[] Content)> Files() =>
        _files.Select(f => (f.Key, System.Text.Encoding.UTF8.GetBytes(f.Value.ToJsonString())));

    /// <summary>Writes the files into a new folder.</summary>
    internal string WriteTo(string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (var (name, content) in Files())
        {
            File.WriteAllBytes(Path.Combine(folder, name), content);
        }

        return folder;
    }

    internal RegimeVariant Without(string file)
    {
        Assert.True(_files.Remove(file));
        return this;
    }

    /// <summary>Changes a file and its version.</summary>
    internal RegimeVariant Change(string file, Action<JsonObject> change)
    {
        change(_files[file]);
        _files[file]["version"] = "next";
        return this;
    }

    /// <summary>Adds a rule to a regime.</summary>
    internal RegimeVariant Add(string file, string regime, JsonObject rule) =>
        Change(file, json =>
        {
            rule["source"] = json["sources"]!.AsObject().First().Key;
            Regime(json, regime)["rules"]!.AsArray().Add(rule);
        });

    /// <summary>Changes the rules of a kind in a regime; there must be one.</summary>
    internal RegimeVariant Change(string file, string regime, string rule, Action<JsonObject> change) => Change(file, json =>
    {
        var rules = Regime(json, regime)["rules"]!.AsArray().Select(r => r!.AsObject()).Where(r => (string)r["rule"]! == rule).ToList();
        Assert.NotEmpty(rules);
        rules.ForEach(change);
    });

    /// <summary>Takes the rules of a kind out of a regime; there must be one.</summary>
    internal RegimeVariant Remove(string file, string regime, string rule) => Change(file, json =>
    {
        var rules = Regime(json, regime)["rules"]!.AsArray();
        Assert.True(rules.RemoveAll(r => (string)r!["rule"]! == rule) > 0);
    });

    /// <summary>Takes out the rules that bind only where no area is known.</summary>
    internal RegimeVariant RemoveUnplaced()
    {
        foreach (var regime in _files.Values.SelectMany(file => file["regimes"]!.AsArray()))
        {
            regime!["rules"]!.AsArray().RemoveAll(rule => rule!["unplaced"] is not null);
        }

        return this;
    }

    /// <summary>Calls are permitted between these hours on every day that has any.</summary>
    internal RegimeVariant Hours(string file, string regime, string window) => Change(file, regime, "hours", rule =>
    {
        foreach (var (day, windows) in rule["windows"]!.AsObject().ToList())
        {
            if (windows!.AsArray().Count > 0)
            {
                rule["windows"]![day] = new JsonArray(window);
            }
        }
    });

    /// <summary>A rule that asks a register.</summary>
    internal static JsonObject Register(string name) => Rule(
        "register",
        ("register", name),
        ("effects", new JsonArray(new JsonObject { ["text"] = "Registered.", ["afterDays"] = 0 })),
        ("snapshot", new JsonObject { ["text"] = "Four weeks.", ["maxAgeDays"] = 28 }));

    private static JsonObject Rule(string rule, params (string Name, JsonNode Value)[] members)
    {
        var json = new JsonObject { ["rule"] = rule, ["layer"] = "law", ["article"] = "test", ["text"] = "Of the new version." };
        foreach (var (name, value) in members)
        {
            json[name] = value;
        }

        return json;
    }

    private static JsonObject Regime(JsonObject file, string id) =>
        file["regimes"]!.AsArray().Single(r => (string)r!["id"]! == id)!.AsObject();
}
