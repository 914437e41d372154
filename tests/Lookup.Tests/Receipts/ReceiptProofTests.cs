using System.Security.Cryptography;
using System.Text;
using CsCheck;
using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Receipts;

namespace Lookup.Tests.Receipts;

public class ReceiptProofTests
{
    private const int Many = 10_000;

    private static readonly byte[] LogId = [.. Enumerable.Range(1, SignedHead.LogIdSize).Select(i => (byte)i)];

    private static readonly Gen<Receipt> AnyReceipt =
        from number in Gen.Select(Gen.ULong, Gen.ULong)
        from times in Gen.Select(Gen.Long, Gen.Long, Gen.UInt)
        from store in Gen.Select(Gen.Int[-1, 255], Gen.ULong)
        from texts in Gen.String[0, 60].Where(t => !t.Any(char.IsSurrogate)).Array[5]
        from flags in Gen.Select(Gen.Bool, Gen.Enum<DiallingMode>(), Gen.Bool)
        from kinds in Gen.Select(Gen.Enum<Verdict>(), Gen.Enum<Purpose>(), Gen.Enum<CallKind>(), Gen.Enum<SubscriberType>())
        from reasons in Gen.Enum<ReasonCode>().Array[0, Decision.MaxReasons]
        from caller in Gen.OneOf(Gen.Const(""), Gen.ULong[100_000, 999_999_999_999_999].Select(n => "+" + n))
        from region in Gen.OneOf(Gen.Const(""), Gen.Const("US-FL"))
        from line in Gen.Enum<LineType>()
        from digest in Gen.Byte.Array[FactsDigest.Size]
        select new Receipt
        {
            Number = new NumberPseudonym(number.Item1, number.Item2),
            Time = times.Item1,
            CallTime = times.Item2,
            AgeMs = times.Item3,
            Partition = store.Item1,
            Version = store.Item2,
            AskedBy = texts[0],
            Organisation = texts[1],
            ProductGroup = texts[2],
            Regime = texts[3],
            RegimeVersion = texts[4],
            Hypothetical = flags.Item1,
            Mode = flags.Item2,
            CallerNumber = caller,
            CalledRegion = region,
            Line = line,
            CallerNumberWithheld = flags.Item3,
            Verdict = kinds.Item1,
            Purpose = kinds.Item2,
            CallKind = kinds.Item3,
            Subscriber = kinds.Item4,
            Reasons = reasons,
            Digest = digest,
        };

    [Fact]
    public void Write_AnyReceipt_ReadsBackToTheSameBytes() =>
        AnyReceipt.Sample(receipt =>
        {
            var bytes = ReceiptFormat.Write(receipt);
            var read = ReceiptFormat.Read(bytes);
            Assert.Equal(bytes, ReceiptFormat.Write(read));
            Assert.Equal(
                (receipt.Organisation, receipt.Number, receipt.Partition, receipt.Verdict, receipt.CallTime, receipt.Mode, receipt.CallerNumber, receipt.CalledRegion, receipt.Line),
                (read.Organisation, read.Number, read.Partition, read.Verdict, read.CallTime, read.Mode, read.CallerNumber, read.CalledRegion, read.Line));
            Assert.Equal(receipt.Reasons.ToArray(), read.Reasons.ToArray());
        });

    [Fact]
    public void Read_AnyBytes_AreRefusedOrTheOnlyFormOfWhatIsRead() =>
        Gen.Select(AnyReceipt, Gen.Int[0, 1_000_000], Gen.Byte).Sample((receipt, at, value) =>
        {
            var bytes = ReceiptFormat.Write(receipt);
            bytes[at % bytes.Length] = value;
            try
            {
                Assert.Equal(bytes, ReceiptFormat.Write(ReceiptFormat.Read(bytes)));
            }
            catch (ReceiptException)
            {
                // Refused.
            }
        });

    [Fact]
    public void Write_TextTooLong_IsRefused() =>
        Assert.Throws<ArgumentException>(() => ReceiptFormat.Write(new Receipt { Organisation = new string('a', ReceiptFormat.MaxText + 1) }));

    [Fact]
    public void Verify_OneByteOfAProofFlipped_IsAlwaysDetected()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var (receipts, leaves, head) = Log(key);
        var text = new ReceiptProof(receipts[7_777], 7_777, MerkleTreeTests.Path(7_777, Many, MerkleTreeTests.Grown(leaves).Stored), head).Write();
        Assert.Equal("acme", ReceiptProof.Read(text).Verify(key).Organisation);
        var random = new Random(1);
        for (var at = 0; at < text.Length; at++)
        {
            var bytes = Encoding.Latin1.GetBytes(text);
            bytes[at] ^= (byte)random.Next(1, 256);
            Assert.Throws<ReceiptException>(() => ReceiptProof.Read(Encoding.Latin1.GetString(bytes)).Verify(key));
        }
    }

    [Fact]
    public void Root_OneByteOfAnyReceiptFlipped_IsNeverThatOfTheSignedHead()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var (receipts, leaves, head) = Log(key);
        var random = new Random(2);
        for (var i = 0; i < Many; i++)
        {
            var flipped = (byte[])receipts[i].Clone();
            flipped[random.Next(flipped.Length)] ^= (byte)(1 << random.Next(8));
            Assert.NotEqual(leaves[i], MerkleTree.Leaf(flipped));
        }

        foreach (var i in random.GetItems([.. Enumerable.Range(1, Many - 1)], 20))
        {
            AssertAnotherRoot([.. leaves[..i], MerkleTree.Leaf([0]), .. leaves[(i + 1)..]], head);
            AssertAnotherRoot([.. leaves[..i], .. leaves[(i + 1)..]], head);
            AssertAnotherRoot([.. leaves[..(i - 1)], leaves[i], leaves[i - 1], .. leaves[(i + 1)..]], head);
        }
    }

    [Fact]
    public void IsSignedBy_AnyBitOfHeadOrSignatureFlipped_IsFalse()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var head = SignedHead.Sign(key, LogId, 5, 1_000, MerkleTree.Leaf([1]));
        Assert.True(SignedHead.Read(head.Bytes).IsSignedBy(key));
        Assert.Equal((5UL, 1_000L), (head.TreeSize, head.Time));
        for (var bit = 0; bit < 8 * SignedHead.Size; bit++)
        {
            var bytes = head.Bytes.ToArray();
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.True(bit < 32 ? Refused(bytes) : !SignedHead.Read(bytes).IsSignedBy(key), $"bit {bit}");
        }
    }

    [Fact]
    public void Verify_AnotherKey_IsRefused()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var receipt = ReceiptFormat.Write(new Receipt());
        var proof = new ReceiptProof(receipt, 0, [], SignedHead.Sign(key, LogId, 1, 0, MerkleTree.Leaf(receipt)));
        Assert.Equal(1UL, proof.Verify(key).Count);
        Assert.Contains("not signed", Assert.Throws<ReceiptException>(() => proof.Verify(other)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Digest_OtherValueScopeOrDetail_IsAnother()
    {
        FactId[] ids = [new(FactKind.Objection, 0, 1), new(FactKind.Objection, 0, 2)];
        StoredValue[] values = [new byte[] { 1, 2 }, default];
        var digest = FactsDigest.Compute(ids, values).ToArray();
        Assert.NotEqual(digest, FactsDigest.Compute(ids, [new byte[] { 1, 3 }, default]).ToArray());
        Assert.NotEqual(digest, FactsDigest.Compute(ids, [default, new byte[] { 1, 2 }]).ToArray());
        FactId[] consents = [new(FactKind.Consent, 1, 1), new(FactKind.Consent, 2, 1)];
        Assert.NotEqual(
            FactsDigest.Compute(consents, [new byte[] { 1 }, default]).ToArray(),
            FactsDigest.Compute(consents, [default, new byte[] { 1 }]).ToArray());
        Assert.Equal(FactsDigest.Nothing.ToArray(), FactsDigest.Compute(ids, [default, default]).ToArray());
    }

    [Fact]
    public void Chain_OtherOrderVerdictReasonSequenceOrSalt_IsAnother()
    {
        var chain = Chain(1, 1, (5, Verdict.Allow), (6, Verdict.Deny));
        Assert.Equal(chain, Chain(1, 1, (5, Verdict.Allow), (6, Verdict.Deny)));
        Assert.NotEqual(chain, Chain(1, 1, (6, Verdict.Deny), (5, Verdict.Allow)));
        Assert.NotEqual(chain, Chain(1, 1, (5, Verdict.Deny), (6, Verdict.Deny)));
        Assert.NotEqual(chain, Chain(1, 2, (5, Verdict.Allow), (6, Verdict.Deny)));
        Assert.NotEqual(chain, Chain(2, 1, (5, Verdict.Allow), (6, Verdict.Deny)));
    }

    [Fact]
    public void Item_LongestNumberAndEveryAnswer_AreKeptApart()
    {
        const ulong Longest = 999_999_999_999_999;
        foreach (var verdict in Enum.GetValues<Verdict>())
        {
            foreach (var reason in Enum.GetValues<ReasonCode>())
            {
                var item = ListChain.Item(Longest, verdict, reason);
                Assert.Equal((Longest, verdict, reason), (item / 16_384, (Verdict)(item / 1_024 % 16), (ReasonCode)(item % 1_024)));
            }
        }
    }

    private static string Chain(byte salt, ulong sequence, params (ulong Number, Verdict Verdict)[] answers)
    {
        var chain = new ListChain([.. Enumerable.Repeat(salt, ListChain.SaltSize)]);
        chain.Add(sequence, answers.Length, items =>
        {
            for (var i = 0; i < answers.Length; i++)
            {
                items[i] = ListChain.Item(answers[i].Number, answers[i].Verdict, (ReasonCode)1);
            }
        });
        return Convert.ToHexStringLower(chain.Value);
    }

    private static (byte[][] Receipts, byte[][] Leaves, SignedHead Head) Log(ECDsa key)
    {
        byte[][] receipts = [.. Enumerable.Range(0, Many).Select(i => ReceiptFormat.Write(new Receipt
        {
            Organisation = "acme",
            Verdict = Verdict.Allow,
            Reasons = new[] { ReasonCode.NothingForbids },
            Number = new NumberPseudonym((ulong)i, 7),
            Time = i,
        }))];
        byte[][] leaves = [.. receipts.Select(r => MerkleTree.Leaf(r))];
        return (receipts, leaves, SignedHead.Sign(key, LogId, Many, Many, MerkleTreeTests.Grown(leaves).Tree.Root()));
    }

    private static void AssertAnotherRoot(byte[][] leaves, SignedHead head) =>
        Assert.False(head.Root.SequenceEqual(MerkleTreeTests.Grown(leaves).Tree.Root()));

    private static bool Refused(byte[] bytes)
    {
        try
        {
            SignedHead.Read(bytes);
            return false;
        }
        catch (ReceiptException)
        {
            return true;
        }
    }
}
