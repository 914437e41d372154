using System.Globalization;
using System.Text.RegularExpressions;
using Lookup.Core.Numbers;
using Lookup.Load.Fuzz;

namespace Lookup.Tests.Numbers;

/// <summary>Numbers as people, forms and spreadsheets write them, and what is made of each.</summary>
public partial class NumberTextTests
{
    public static TheoryData<string, string, string, string> Texts()
    {
        var data = new TheoryData<string, string, string, string>();
        using var reader = new StreamReader(typeof(NumberTextTests).Assembly.GetManifestResourceStream("numbers/texts.tsv")!);
        while (reader.ReadLine() is { } line)
        {
            if (!line.StartsWith('#') && line.Split('\t') is [var text, var region, var expected, var kind])
            {
                data.Add(text, region, expected, kind);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Texts))]
    public void TryParse_TextOfThisKind_IsThatNumberOrThatFault(string text, string region, string expected, string kind)
    {
        NumberParser.Instance.TryParse(Unescape(text), region, out var number, out var fault);
        Assert.Equal((kind, expected), (kind, fault == NumberFault.None ? number.ToString() : fault.ToString()));
    }

    // Each separator that libphonenumber accepts within a number, but for the x, which is more often an extension.
    [Fact]
    public void TryParse_SeparatorsOfLibphonenumber_AreAccepted()
    {
        const string Separators = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u30FC\uFF0D\uFF0E\uFF0F \u00A0\u00AD\u200B\u2060\u3000./~\u2053\u223C\uFF5E";
        string[] forms = [.. Separators.Select(s => $"+31{s}6{s}12345678"), "+31(6)12345678", "+31[6]12345678", "+31\uFF086\uFF0912345678", "+31\uFF3B6\uFF3D12345678"];
        Assert.All(forms, form =>
        {
            Assert.True(NumberParser.Instance.TryParse(form, null, out var number, out var fault), $"U+{(int)form[3]:X4}: {fault}");
            Assert.Equal(31612345678UL, number.Value);
        });
    }

    [Fact]
    public void TryParse_MutationsOfNumbers_AreRefusedOrTheNumber()
    {
        const int Numbers = 3_000;
        var random = new Random(20261129);
        var tried = 0;
        List<string> faults = [];
        for (var i = 0; i < Numbers; i++)
        {
            var number = NumberMutations.Number(random, out var region);
            foreach (var mutation in NumberMutations.Of(number, region, random))
            {
                if (NumberMutations.Fault(number, mutation) is { } fault)
                {
                    faults.Add(fault);
                }

                tried++;
            }
        }

        Assert.True(faults.Count == 0, $"{faults.Count}:\n{string.Join('\n', faults.DistinctBy(f => f.Split('\'')[0] + f.Split(' ')[^1][..3]).Take(40))}");

        Assert.True(tried > 100 * Numbers, $"{tried} mutations");
    }

    private static string Unescape(string text) =>
        Escapes().Replace(text, m => m.Value switch
        {
            "\\r" => "\r",
            "\\t" => "\t",
            var code => ((char)int.Parse(code.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToString(),
        });

    [GeneratedRegex(@"\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\\r|\\t")]
    private static partial Regex Escapes();
}
