using Lookup.Load.Results;

namespace Lookup.Tests.Load;

public class FiguresTests
{
    private static readonly Figures Made = new(
    [
        Line("rate", "checks/s", 1, 1),
        Line("rate", "checks/s", 34_353, 32_731),
        Line("p99", "us", 4_553, 4_787),
        """{"metric":"often","unit":"us","median":5,"max":7,"baseline_median":5,"ratio":0.981,"ratio_low":0.9,"ratio_high":1.02}""",
        """{"metric":"grown","unit":"ms","median":5,"max":7,"ratio":null,"curve":{"x":"facts","scale":"log","points":[[10000,1234.5,null],[1000000,2,3]]}}""",
    ]);

    public static TheoryData<string> Documents => [.. Figures.Files];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Document_Figures_AreThoseOfTheNewestPublishedResults(string file)
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, file));
        Assert.Contains("<!--=", text, StringComparison.Ordinal);
        // If this fails: dotnet run --project benchmarks/Lookup.Load -- figures
        Assert.Equal(Figures.Published().Fill(text), text);
    }

    [Theory]
    [InlineData("rate", "34,400 checks/s")]
    [InlineData("rate:ratio", "1.05")]
    [InlineData("often:ratio", "0.98 (0.90 to 1.02)")]
    [InlineData("rate:baseline", "32,700 checks/s")]
    [InlineData("p99", "4.55 ms")]
    [InlineData("p99:added", "-234 us")]
    [InlineData("grown", "5 ms")]
    [InlineData("grown:max", "7 ms")]
    [InlineData("grown@10000", "1,230 ms")]
    [InlineData("grown@1000000:baseline", "3 ms")]
    public void Fill_AMark_PutsTheFigure(string what, string expected) =>
        Assert.Equal($"a <!--={what}-->{expected}<!----> b", Made.Fill($"a <!--={what}-->old<!----> b"));

    [Theory]
    [InlineData("other")]
    [InlineData("rate:median")]
    [InlineData("grown:ratio")]
    [InlineData("grown:added")]
    [InlineData("grown@5")]
    [InlineData("grown@10000:baseline")]
    public void Fill_WhatWasNotPublished_IsRefusedByName(string what) =>
        Assert.Contains(what, Assert.Throws<InvalidDataException>(() => Made.Fill($"<!--={what}--><!---->")).Message, StringComparison.Ordinal);

    private static string Line(string metric, string unit, double median, double baseline) =>
        FormattableString.Invariant($$"""{"metric":"{{metric}}","unit":"{{unit}}","median":{{median}},"max":{{median}},"baseline_median":{{baseline}},"ratio":{{median / baseline}}}""");
}
