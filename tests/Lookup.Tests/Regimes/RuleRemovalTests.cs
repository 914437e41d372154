using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using Lookup.Core;
using Lookup.Core.Regimes;
using Lookup.Tests.Decisions;

namespace Lookup.Tests.Regimes;

/// <summary>Each rule can only forbid, so a file without one of its rules never forbids more.</summary>
public sealed class RuleRemovalTests
{
    public static TheoryData<string> Files => [.. RegimeSet.BuiltInFiles().Select(f => f.Key)];

    [Theory]
    [MemberData(nameof(Files))]
    public void Rule_Removed_NeverForbidsMore(string file)
    {
        var variants = Variants(file).ToList();
        // A number of another country is decided by another file.
        var country = Path.GetFileNameWithoutExtension(file).ToUpperInvariant();
        DeciderPropertyTests.SituationsOf([.. DeciderPropertyTests.Numbers.Where(n => DeciderPropertyTests.CountryOf(n) == country)]).Sample(
            make => StricterWithout(make, variants).Length == 0,
            iter: 1_000,
            print: make => $"{file}: forbidden without {StricterWithout(make, variants)}, and allowed with it");
    }

    private static string StricterWithout(Func<Situation> make, List<(string Regime, int Rule, RegimeSet Set)> variants) =>
        make().Decide().Verdict != Verdict.Allow
            ? ""
            : string.Join(", ", variants.Where(v => make().Decide(v.Set).Verdict != Verdict.Allow).Select(v => $"rule {v.Rule} of {v.Regime}"));

    // The one rule on objections of a regime cannot go: a file without it is refused. The files of other countries are not needed.
    private static IEnumerable<(string Regime, int Rule, RegimeSet Set)> Variants(string file)
    {
        var json = JsonNode.Parse(RegimeSet.BuiltInFiles().Single(f => f.Key == file).Value.Span)!;
        foreach (var regime in json["regimes"]!.AsArray())
        {
            var id = (string)regime!["id"]!;
            var rules = regime["rules"]!.AsArray();
            var objections = rules.Count(r => (string)r!["rule"]! == "objection");
            for (var i = 0; i < rules.Count; i++)
            {
                if ((string)rules[i]!["rule"]! == "objection" && objections == 1)
                {
                    continue;
                }

                var variant = json.DeepClone();
                variant["version"] = "next";
                variant["regimes"]!.AsArray().Single(r => (string)r!["id"]! == id)!["rules"]!.AsArray().RemoveAt(i);
                yield return (id, i, RegimeSet.Load([KeyValuePair.Create(file, (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(variant.ToJsonString()))]));
            }
        }
    }
}
