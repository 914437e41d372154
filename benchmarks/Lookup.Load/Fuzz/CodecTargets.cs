using System.Security.Cryptography;
using System.Text;
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Receipts;
using Lookup.Core.Regimes;
using Lookup.Redis;

namespace Lookup.Load.Fuzz;

/// <summary>One thing that takes bytes from outside.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Samples">What it is meant to take.</param>
/// <param name="Try">Takes an input; what it finds wrong is thrown, exceptions that are documented are not.</param>
internal sealed record FuzzTarget(string Name, IReadOnlyList<byte[]> Samples, Func<byte[], Task> Try);

/// <summary>What reads bytes without a service: each input is refused as documented, or reads as one thing only.</summary>
internal static class CodecTargets
{
    private static readonly FactKind[] Kinds = [.. Enum.GetValues<FactKind>().Where(k => k != 0)];

    internal static IEnumerable<FuzzTarget> All()
    {
        yield return new FuzzTarget("number", [.. Texts("+31612345678", "0612345678", "06-12 34 56 78", "(020) 123 4567", "+1 (212) 555-0123", "tel:+44 7400 123456", "0031612345678")], NumberAsync);
        yield return new FuzzTarget("number changed by people", [.. Texts("1", "22", "333")], NumberMutationsAsync);
        yield return new FuzzTarget("fact", [.. Kinds.SelectMany(Timelines)], FactAsync);
        yield return new FuzzTarget("token", [.. Texts(ConsistencyToken.Of(77, 3, 9).ToString(), ConsistencyToken.Of(77, [1, 2, 3, 4]).ToString())], TokenAsync);
        var (proof, receipt, head) = Receipts();
        yield return new FuzzTarget("receipt", [receipt], bytes => ReceiptAsync(bytes));
        yield return new FuzzTarget("head", [head], HeadAsync);
        yield return new FuzzTarget("proof", [.. Texts(proof)], ProofAsync);
        yield return new FuzzTarget("regime", [.. RegimeSet.BuiltInFiles().Select(f => f.Value.ToArray())], RegimeAsync);
    }

    private static IEnumerable<byte[]> Texts(params string[] texts) => texts.Select(Encoding.UTF8.GetBytes);

    private static Task NumberAsync(byte[] bytes)
    {
        var text = Encoding.UTF8.GetString(bytes);
        foreach (var region in (string?[])[null, "NL", "us", "XX"])
        {
            if (NumberParser.Instance.TryParse(text, region, out var number, out _))
            {
                Must(NumberParser.Instance.TryParse(number.ToString(), null, out var again, out _) && again == number, "A number does not read back from its own text.");
                Must(number.Value is > 0 and < 1_000_000_000_000_000, "A number has more than 15 digits.");
            }
        }

        return Task.CompletedTask;
    }

    // The bytes stand for a number and what is done to it.
    private static Task NumberMutationsAsync(byte[] bytes)
    {
        var random = new Random(BitConverter.ToInt32(SHA256.HashData(bytes)));
        var number = NumberMutations.Number(random, out var region);
        foreach (var mutation in NumberMutations.Of(number, region, random))
        {
            var fault = NumberMutations.Fault(number, mutation);
            Must(fault is null, fault!);
        }

        return Task.CompletedTask;
    }

    private static IEnumerable<byte[]> Timelines(FactKind kind)
    {
        yield return Timeline.Single(kind, new FactEntry { Effective = 1_780_000_000_000, Recorded = 1_780_000_000, Source = 7 });
        yield return Timeline.Single(kind, new FactEntry { Effective = 1_790_000_000_000, Recorded = 1_790_000_000, Source = 900, Withdrawn = true });
    }

    private static Task FactAsync(byte[] bytes)
    {
        var entries = new FactEntry[Timeline.MaxEntries];
        foreach (var kind in Kinds)
        {
            foreach (var at in (long[])[0, 1_785_000_000_000, long.MaxValue])
            {
                _ = Timeline.TryAsOf(kind, bytes, at, out _);
            }

            try
            {
                var read = Timeline.Read(kind, bytes, entries, out _);
                Must(read == 0 || Timeline.Merge(kind, bytes, bytes).AsSpan().SequenceEqual(bytes), "A stored fact merged with itself is another one.");
            }
            catch (Exception e) when (e is FormatException or InvalidDataException or ArgumentException)
            {
                // Refused, so what rests on it is UNKNOWN.
                Must(Timeline.TryAsOf(kind, bytes, 1_785_000_000_000, out _) is AsOf.Unreadable, "What cannot be read has an entry as of now.");
            }
        }

        return Task.CompletedTask;
    }

    private static Task TokenAsync(byte[] bytes)
    {
        var text = Encoding.Latin1.GetString(bytes);
        if (ConsistencyToken.TryParse(text, out var token, out _))
        {
            Must(ConsistencyToken.TryParse(token.ToString(), out var again, out _) && token.Equals(again), "A token does not read back from its own text.");
        }

        return Task.CompletedTask;
    }

    private static (string Proof, byte[] Receipt, byte[] Head) Receipts()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var receipt = ReceiptFormat.Write(new Receipt { Organisation = "acme", Verdict = Verdict.Allow, Reasons = new[] { ReasonCode.Consent }, Regime = "NL-2", RegimeVersion = "1" });
        var head = SignedHead.Sign(key, new byte[SignedHead.LogIdSize], 1, 1_790_000_000_000, MerkleTree.Leaf(receipt));
        return (new ReceiptProof(receipt, 0, [], head).Write(), receipt, head.Bytes.ToArray());
    }

    private static Task ReceiptAsync(byte[] bytes)
    {
        try
        {
            Must(ReceiptFormat.Write(ReceiptFormat.Read(bytes)).AsSpan().SequenceEqual(bytes), "Two byte strings read as the same receipt.");
        }
        catch (ReceiptException)
        {
            // Refused.
        }

        return Task.CompletedTask;
    }

    private static Task HeadAsync(byte[] bytes)
    {
        try
        {
            Must(SignedHead.Read(bytes).Bytes.SequenceEqual(bytes), "Two byte strings read as the same head.");
        }
        catch (ReceiptException)
        {
            // Refused.
        }

        return Task.CompletedTask;
    }

    private static Task ProofAsync(byte[] bytes)
    {
        var text = Encoding.Latin1.GetString(bytes);
        try
        {
            Must(ReceiptProof.Read(text).Write() == text, "Two texts read as the same proof.");
        }
        catch (ReceiptException)
        {
            // Refused.
        }

        return Task.CompletedTask;
    }

    private static Task RegimeAsync(byte[] bytes)
    {
        try
        {
            RegimeSet.Load([new KeyValuePair<string, ReadOnlyMemory<byte>>("fuzz.json", bytes)]);
        }
        catch (RegimeException e)
        {
            Must(e.Faults.Count > 0, "A regime file is refused without a fault.");
        }

        return Task.CompletedTask;
    }

    internal static void Must(bool holds, string what)
    {
        if (!holds)
        {
            throw new InvalidOperationException(what);
        }
    }
}
