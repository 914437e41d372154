using System.Text;
using Lookup.Core.Trail;

namespace Lookup.Tests.Trail;

/// <summary>The chain of the trail, and what is found of changes to it.</summary>
public sealed class TrailCheckTests
{
    private static readonly DateTimeOffset Start = new(2026, 12, 1, 9, 0, 0, 123, TimeSpan.Zero);

    [Fact]
    public void Entry_WrittenAndRead_IsTheSame()
    {
        var entry = new TrailEntry
        {
            Number = 7,
            Time = Start,
            Who = "anna",
            Kind = "grant",
            Act = "AddGrant",
            What = """{ "organisation": "réd" }""",
            Previous = new string('a', 64),
        };
        var result = entry with { Number = 8, What = "", Of = 7, Result = "refused: NotFound" };

        Assert.Equal(entry, TrailEntry.Read(entry.Write()));
        Assert.Equal(result, TrailEntry.Read(result.Write()));
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(entry.Write())), TrailEntry.HashOf(entry.Write()));
    }

    [Fact]
    public void Chain_Unchanged_IsAccepted()
    {
        var stored = Chain(20);
        var check = Check(stored);
        Assert.Equal((20, TrailEntry.HashOf(stored[^1])), (check.Count, check.Newest));
        for (var i = 0; i < stored.Count; i++)
        {
            check.Compare((ulong)i + 1, Convert.FromHexString(TrailEntry.HashOf(stored[i])));
        }
    }

    [Fact]
    public void Chain_AnyByteOfAnyEntryButTheNewestChanged_IsFound()
    {
        var stored = Chain(5);
        for (var i = 0; i < stored.Count - 1; i++)
        {
            for (var at = 0; at < stored[i].Length; at++)
            {
                var changed = stored.Select(entry => (byte[])entry.Clone()).ToList();
                changed[i][at] ^= 1;
                Assert.Throws<TrailException>(() => Check(changed));
            }
        }
    }

    [Fact]
    public void Chain_EntryRemovedRepeatedOrMoved_IsFoundWithItsNumber()
    {
        for (var i = 0; i < 4; i++)
        {
            var removed = Chain(5);
            removed.RemoveAt(i);
            Assert.StartsWith($"Entry {i} of the trail", Assert.Throws<TrailException>(() => Check(removed)).Message, StringComparison.Ordinal);
            var repeated = Chain(5);
            repeated.Insert(i, repeated[i]);
            Assert.Throws<TrailException>(() => Check(repeated));
            var moved = Chain(5);
            (moved[i], moved[i + 1]) = (moved[i + 1], moved[i]);
            Assert.Throws<TrailException>(() => Check(moved));
        }
    }

    [Fact]
    public void Chain_RewrittenFromAnEntryOn_IsFoundByWhatTheReceiptsRecorded()
    {
        var stored = Chain(10);
        var recorded = TrailEntry.HashOf(stored[9]);
        var rewritten = Chain(10, forgedFrom: 4);

        var check = Check(rewritten);
        Assert.Contains("replaced", Assert.Throws<TrailException>(() => check.Compare(10, Convert.FromHexString(recorded))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Chain_CutAtTheEnd_IsFoundByWhatTheReceiptsRecorded()
    {
        var stored = Chain(10);
        var recorded = TrailEntry.HashOf(stored[9]);
        var check = Check(stored[..9]);
        Assert.Contains("removed", Assert.Throws<TrailException>(() => check.Compare(10, Convert.FromHexString(recorded))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("""{"n":0,"time":"today","who":"a","kind":"k","act":"A","previous":"x"}""")]
    [InlineData("""{"n":"0","time":"2026-12-01T09:00:00.000Z","who":"a","kind":"k","act":"A","previous":"x"}""")]
    public void Entry_OfAnotherForm_IsNone(string text) =>
        Assert.Throws<TrailException>(() => TrailEntry.Read(Encoding.UTF8.GetBytes(text)));

    private static TrailCheck Check(IEnumerable<byte[]> stored)
    {
        var check = new TrailCheck();
        foreach (var entry in stored)
        {
            check.Add(entry);
        }

        return check;
    }

    private static List<byte[]> Chain(int count, int forgedFrom = int.MaxValue)
    {
        var stored = new List<byte[]>();
        for (var i = 0; i < count; i++)
        {
            stored.Add(new TrailEntry
            {
                Number = i,
                Time = Start.AddSeconds(i),
                Who = i >= forgedFrom ? "bert" : "anna",
                Kind = "grant",
                Act = "AddGrant",
                What = i % 2 == 0 ? """{"organisation":"acme"}""" : "",
                Of = i % 2 == 0 ? null : i - 1,
                Result = i % 2 == 0 ? "" : "done",
                Previous = i == 0 ? TrailEntry.NoHash : TrailEntry.HashOf(stored[i - 1]),
            }.Write());
        }

        return stored;
    }
}
