using Lookup.Testing.Regimes;
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
        var situations = DeciderPropertyTests.GenSituation.Array[400];
        foreach (var (regime, index, variant) in Variants(file))
        {
            situations.Sample(
                makes => makes.All(make => make().Decide().Verdict != Verdict.Allow || make().Decide(variant).Verdict == Verdict.Allow),
                iter: 1,
                print: _ => $"{file}, {regime} without rule {index}");
        }
    }

    // The one rule on objections of a regime cannot go: a file without it is refused.
    private static IEnumerable<(string Regime, int Rule, RegimeSet Set)> Variants(string file)
    {
        var json = JsonNode.Parse(RegimeSet.BuiltInFiles().Single(f => f.Key == file).Value.Span)!;
        foreach (var regime in json["regimes"]!.AsArray())
        {
            var rules = regime!["rules"]!.AsArray();
            var objections = rules.Count(r => (string)r!["rule"]! == "objection");
            for (var i = 0; i < rules.Count; i++)
            {
                if ((string)rules[i]!["rule"]! == "objection" && objections == 1)
                {
                    continue;
                }

                var (id, index) = ((string)regime["id"]!, i);
                yield return (id, i, new RegimeVariant().RemoveAt(file, id, index).Set());
            }
        }
    }
}
