using System.Security.Cryptography;
using Lookup.Core;
using Lookup.Core.Numbers;
using Lookup.Core.Receipts;
using Lookup.Server.Errors;
using Lookup.Server.Receipts;

namespace Lookup.ServiceTests.Receipts;

/// <summary>The log alone: nothing that was appended is lost or changed unnoticed.</summary>
public sealed class ReceiptLogTests : IDisposable
{
    private const int SmallSegment = 8_192;

    private readonly TempFolder _temp = new();
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    private string Folder => _temp.PathOf("receipts");

    public void Dispose()
    {
        _key.Dispose();
        _temp.Dispose();
    }

    [Fact]
    public void Append_ManyFromSeveralThreads_EachIsProvenAlsoAfterAReopen()
    {
        var indexes = new ulong[8][];
        using (var log = Open())
        {
            Parallel.For(0, indexes.Length, thread =>
            {
                indexes[thread] = [.. Enumerable.Range(0, 300).Select(i => log.Append(Content((thread * 1_000) + i)))];
                log.Seal();
            });
            Assert.Equal(2_400UL, log.Count);
        }

        Assert.Equal(2_400, indexes.SelectMany(i => i).Distinct().Count());
        using var reopened = Open();
        Assert.Equal(2_400UL, reopened.Head!.TreeSize);
        for (var thread = 0; thread < indexes.Length; thread++)
        {
            for (var i = 0; i < indexes[thread].Length; i += 37)
            {
                var proof = ReceiptProof.Read(reopened.Folder.Prove(indexes[thread][i])!.Write());
                Assert.Equal((thread * 1_000) + i, proof.Verify(_key).CallTime);
            }
        }
    }

    [Fact]
    public void Prove_NotSignedYetOrNotThere_IsNull()
    {
        using var log = Open();
        var index = log.Append(Content(1));
        Assert.Null(log.Folder.Prove(index));
        log.Seal();
        Assert.NotNull(log.Folder.Prove(index));
        Assert.Null(log.Folder.Prove(index + 1));
    }

    [Fact]
    public void Open_InUse_IsRefused()
    {
        using var log = Open();
        Assert.Contains("cannot be opened", Assert.Throws<ReceiptException>(Open).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_AnotherKey_IsRefused()
    {
        using (var log = Open())
        {
            log.Append(Content(1));
        }

        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Assert.Contains(
            "not signed with this key",
            Assert.Throws<ReceiptException>(() => ReceiptLog.Open(Folder, other, TimeProvider.System)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Open_AfterAProcessDiedAtAnyMoment_HasAllThatWasAppendedAndGoesOn(bool signedBefore)
    {
        var random = new Random(3);
        using (var log = Open())
        {
            Append(log, 0, 100);
            if (signedBefore)
            {
                log.Seal();
            }

            Append(log, 100, 60);
            CopyAll(Folder, _temp.PathOf("died"));
        }

        // As it lay on the disk at that moment; the next receipt may be there in part, without its length.
        var last = Directory.GetFiles(_temp.PathOf("died"), "*.receipts").Max()!;
        var end = new ReceiptSegmentFile(last).Receipts().Last().End;
        using (var file = new FileStream(last, FileMode.Open, FileAccess.Write))
        {
            file.Position = end + 4;
            var torn = new byte[50];
            random.NextBytes(torn);
            file.Write(torn);
        }

        using (var recovered = ReceiptLog.Open(_temp.PathOf("died"), _key, TimeProvider.System, SmallSegment))
        {
            Assert.Equal((160UL, 160UL), (recovered.Count, recovered.Head!.TreeSize));
            Append(recovered, 160, 40);
        }

        var audit = ReceiptAudit.Run(new ReceiptFolder(_temp.PathOf("died")), _key, []);
        Assert.Equal((200UL, 0UL), (audit.Receipts, audit.Unsigned));
        for (var i = 0; i < 200; i += 7)
        {
            Assert.Equal(i, new ReceiptFolder(_temp.PathOf("died")).Prove((ulong)i)!.Verify(_key).CallTime);
        }
    }

    [Fact]
    public void Audit_TenThousandReceiptsAndOneByteFlippedAnywhere_IsAlwaysDetected()
    {
        using (var log = ReceiptLog.Open(Folder, _key, TimeProvider.System, 128 * 1024))
        {
            for (var part = 0; part < 10; part++)
            {
                Append(log, part * 1_000, 1_000);
                log.Seal();
            }
        }

        var folder = new ReceiptFolder(Folder);
        Assert.Equal((10_000UL, 0UL, 10), Found(ReceiptAudit.Run(folder, _key, [])));
        var files = Directory.GetFiles(Folder).Where(f => new FileInfo(f).Length > 0).ToArray();
        Assert.True(files.Length > 5);
        var random = new Random(4);
        for (var round = 0; round < 150; round++)
        {
            var file = files[round % files.Length];
            var place = random.NextInt64(new FileInfo(file).Length);
            var mask = (byte)random.Next(1, 256);
            Flip(file, place, mask);
            Assert.True(IsRefused(folder), $"{Path.GetFileName(file)}, byte {place}, {mask}");
            Flip(file, place, mask);
        }

        Assert.Equal((10_000UL, 0UL, 10), Found(ReceiptAudit.Run(folder, _key, [])));
    }

    [Fact]
    public void Audit_NewestReceiptsAndHeadsTakenAway_IsDetectedByAHeadKeptElsewhere()
    {
        using (var log = Open())
        {
            Append(log, 0, 50);
        }

        CopyAll(Folder, _temp.PathOf("old"));
        SignedHead kept;
        using (var log = Open())
        {
            Append(log, 50, 10);
            log.Seal();
            kept = log.Head!;
        }

        Assert.Equal(60UL, ReceiptAudit.Run(new ReceiptFolder(Folder), _key, [kept]).Receipts);
        var old = new ReceiptFolder(_temp.PathOf("old"));
        Assert.Equal(50UL, ReceiptAudit.Run(old, _key, []).Receipts);
        Assert.Contains("signed for 60", Assert.Throws<ReceiptException>(() => ReceiptAudit.Run(old, _key, [kept])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Audit_ReceiptsTakenOutAndPutTogetherAgain_IsDetected()
    {
        using (var log = Open())
        {
            Append(log, 0, 20);
        }

        // Another log of the same receipts but one, under the heads of the first.
        using (var other = ReceiptLog.Open(_temp.PathOf("other"), _key, TimeProvider.System, SmallSegment))
        {
            Append(other, 0, 9);
            foreach (var i in Enumerable.Range(10, 11))
            {
                other.Append(Content(i));
            }
        }

        File.Copy(Path.Combine(Folder, "heads"), _temp.PathOf("other/heads"), overwrite: true);
        Assert.Throws<ReceiptException>(() => ReceiptAudit.Run(new ReceiptFolder(_temp.PathOf("other")), _key, []));
        Assert.Throws<ReceiptException>(() => ReceiptLog.Open(_temp.PathOf("other"), _key, TimeProvider.System));
    }

    [Fact]
    public async Task Audit_WhileReceiptsAreWritten_HoldsEachTime()
    {
        using var log = Open();
        using var stop = new CancellationTokenSource();
        var writing = Task.Run(() =>
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                log.Append(Content(i));
                if (i % 100 == 0)
                {
                    log.Seal();
                }
            }
        }, TestContext.Current.CancellationToken);
        for (var round = 0; round < 20; round++)
        {
            ReceiptAudit.Run(log.Folder, _key, log.Head is { } head ? [head] : []);
        }

        await stop.CancelAsync();
        await writing;
    }

    [Fact]
    public void Append_NoFileCanBeMade_IsRefusedAndGoesOnOnceItCan()
    {
        using var log = Open();
        log.Append(Content(0));
        var moved = _temp.PathOf("away");
        Directory.Move(Folder, moved);
        Assert.Throws<ReceiptsUnavailableException>(() => Append(log, 1, 200));
        Directory.Move(moved, Folder);
        log.Seal();
        var count = log.Count;
        Append(log, (int)count, 200);
        log.Seal();
        Assert.Null(log.Fault);
        Assert.Equal(count + 200, ReceiptAudit.Run(log.Folder, _key, []).Receipts);
    }

    [Fact]
    public void Erase_ANumber_LeavesItsErasureAndALogThatHolds()
    {
        var number = new NumberPseudonym(5, 7);
        using (var log = Open())
        {
            Append(log, 0, 100);
            log.Append(Content(5));
            var (erasure, erased) = log.Erase(number, [], new Receipt { AskedBy = "ann", Time = 9 });
            Assert.Equal((101UL, 2), (erasure, erased));
            var left = Assert.Single(log.Folder.ReceiptsOf([number], 0, CancellationToken.None));
            Assert.Equal((ReceiptKind.Erasure, 2UL, "ann"), Erasure(ReceiptFormat.Read(left.Content)));
            Assert.Equal(erasure, Assert.Throws<ReceiptErasedException>(() => log.Folder.Prove(5)).Erasure);
            Assert.Equal(6, log.Folder.Prove(6)!.Verify(_key).CallTime);
            Assert.Equal(ReceiptKind.Erasure, log.Folder.Prove(erasure)!.Verify(_key).Kind);
            log.Append(Content(5));
            log.Seal();
            Assert.Equal((102UL, 1), log.Erase(number, [], new Receipt()) is var (again, count) ? (again - 1, count) : default);
        }

        var audit = ReceiptAudit.Run(new ReceiptFolder(Folder), _key, []);
        Assert.Equal((104UL, 3), (audit.Receipts, audit.Erased));
        using var reopened = Open();
        Assert.Equal(2, reopened.Folder.ReceiptsOf([number], 0, CancellationToken.None).Count());
        var keyBytes = new byte[NumberPseudonym.Size];
        number.WriteTo(keyBytes);
        // The erasures alone name it.
        Assert.Equal(2, Directory.GetFiles(Folder, "*.receipts").Sum(f => Occurrences(ReadShared(f), keyBytes)));
    }

    [Fact]
    public void Open_ProcessDiedWhileErasing_FinishesIt()
    {
        using (var log = Open())
        {
            Append(log, 0, 200);
            log.Erase(new NumberPseudonym(5, 7), [], new Receipt());
            log.Erase(new NumberPseudonym(6, 7), [], new Receipt());
        }

        // As if it had died before it came to receipt 6.
        var file = Directory.GetFiles(Folder, "*.receipts").Min()!;
        var whole = new ReceiptSegmentFile(file).Receipts().Single(r => r.Index == 6);
        using (var stream = new FileStream(file, FileMode.Open, FileAccess.Write))
        {
            stream.Position = whole.End - whole.Content.Length - sizeof(uint);
            var checksum = new byte[sizeof(uint)];
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(checksum, ReceiptFolder.Checksum(Content(6)));
            stream.Write([.. checksum, .. Content(6)]);
        }

        Assert.Contains("which was for 1", Refusal(), StringComparison.Ordinal);
        File.WriteAllLines(Path.Combine(Folder, "erasing"), ["201", "6"]);
        using (Open())
        {
            Assert.Equal(2, ReceiptAudit.Run(new ReceiptFolder(Folder), _key, []).Erased);
        }
    }

    [Fact]
    public void Audit_OverwrittenWithoutAnErasure_IsDetected()
    {
        using (var log = Open())
        {
            Append(log, 0, 20);
            log.Erase(new NumberPseudonym(5, 7), [], new Receipt());
        }

        new ReceiptFolder(Folder).Erase([9], 3);
        Assert.Contains("is not an erasure", Refusal(), StringComparison.Ordinal);
        new ReceiptFolder(Folder).Erase([9], 20);
        Assert.Contains("which was for 1", Refusal(), StringComparison.Ordinal);
    }

    private string Refusal() => Assert.Throws<ReceiptException>(() => ReceiptAudit.Run(new ReceiptFolder(Folder), _key, [])).Message;

    private static (ReceiptKind, ulong, string) Erasure(Receipt receipt) => (receipt.Kind, receipt.Count, receipt.AskedBy);

    private static byte[] ReadShared(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }

    private static int Occurrences(byte[] bytes, byte[] sought)
    {
        var count = 0;
        for (var at = 0; bytes.AsSpan(at).IndexOf(sought) is >= 0 and var next; at += next + 1)
        {
            count++;
        }

        return count;
    }

    private static (ulong Receipts, ulong Unsigned, int Heads) Found(ReceiptAudit audit) => (audit.Receipts, audit.Unsigned, audit.Heads);

    private static byte[] Content(int i) => ReceiptFormat.Write(new Receipt
    {
        Organisation = "acme",
        Verdict = Verdict.Allow,
        Reasons = new[] { ReasonCode.NothingForbids },
        Number = new NumberPseudonym((ulong)i, 7),
        CallTime = i,
    });

    private static void Append(ReceiptLog log, int from, int count)
    {
        for (var i = from; i < from + count; i++)
        {
            Assert.Equal((ulong)i, log.Append(Content(i)));
        }
    }

    private static void Flip(string file, long place, byte mask)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.ReadWrite);
        stream.Position = place;
        var was = stream.ReadByte();
        stream.Position = place;
        stream.WriteByte((byte)(was ^ mask));
    }

    private static void CopyAll(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from).Where(f => Path.GetFileName(f) != "lock"))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }
    }

    private bool IsRefused(ReceiptFolder folder)
    {
        try
        {
            ReceiptAudit.Run(folder, _key, []);
            return false;
        }
        catch (ReceiptException)
        {
            return true;
        }
    }

    private ReceiptLog Open() => ReceiptLog.Open(Folder, _key, TimeProvider.System, SmallSegment);
}
