using System.Buffers.Binary;
using System.Security.Cryptography;
using Lookup.Core.Numbers;
using Lookup.Core.Receipts;
using Lookup.Server.Errors;
using Lookup.Server.Receipts;

namespace Lookup.ServiceTests.Receipts;

/// <summary>An erasure of receipts whose process is killed at any moment is done to its end by the next start, and the audit is clean.</summary>
public sealed class ErasureCrashTests : IDisposable
{
    private const int SmallSegment = 8_192;
    private const int Others = 60;

    private static readonly NumberPseudonym Number = new(5, 7);

    private readonly TempFolder _temp = new();
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private int _copies;

    public void Dispose()
    {
        _key.Dispose();
        _temp.Dispose();
    }

    [Fact]
    public void Erase_KilledBetweenAnyTwoSteps_IsFinishedByTheNextStart()
    {
        var copies = new List<string>();
        var path = _temp.PathOf("log");
        using (var log = ReceiptLog.Open(path, _key, TimeProvider.System, SmallSegment, () => copies.Add(Copy(path))))
        {
            Fill(log);
            Assert.Equal(4, log.Erase(Number, [], new Receipt { AskedBy = "ann" }).Erased);
        }

        // Of four receipts in three files, two intents, the receipt, its signature and the end.
        Assert.True(copies.Count >= 11, $"{copies.Count} steps");
        var began = 0;
        foreach (var copy in copies)
        {
            // Before the first intent had its name, nothing was begun, and nothing is done.
            var isBegun = File.Exists(Path.Combine(copy, "erasing")) || copy == copies[^1];
            began += isBegun ? 1 : 0;
            CheckFinished(copy, isBegun ? 4 : 0, $"killed after step {copies.IndexOf(copy)}");
        }

        Assert.Equal(copies.Count - 1, began);
    }

    [Fact]
    public void Open_KilledAgainWhileItFinishesAnErasure_IsFinishedByTheOneAfter()
    {
        var begun = Broken(steps: 2);
        for (var steps = 1; ; steps++)
        {
            var (path, left) = (Copy(begun), steps);
            try
            {
                using var log = ReceiptLog.Open(path, _key, TimeProvider.System, SmallSegment, () => _ = --left == 0 ? throw new KilledException() : 0);
                Assert.True(steps > 6);
                return;
            }
            catch (KilledException)
            {
                // Its lock is gone with the process.
                GC.Collect();
                GC.WaitForPendingFinalizers();
                CheckFinished(Copy(path), 4, $"killed again after {steps} steps");
            }
        }
    }

    [Fact]
    public void Open_AReceiptWasOverwrittenInPart_IsFinishedWhateverPartItWas()
    {
        // Once the number of the erasure is in the intent, nothing is overwritten yet.
        var begun = Broken(steps: 6);
        var intent = ErasureIntent.TryRead(Path.Combine(begun, "erasing"))!;
        Assert.NotNull(intent.Erasure);
        var place = intent.Places[1];
        var entry = new byte[sizeof(uint) + place.Length];
        ErasedReceipt.Write(entry.AsSpan(sizeof(uint)), intent.Erasure.Value);
        BinaryPrimitives.WriteUInt32BigEndian(entry, ReceiptFolder.Checksum(entry.AsSpan(sizeof(uint))));
        for (var written = 0; written <= entry.Length; written++)
        {
            var copy = Copy(begun);
            using (var file = new FileStream(new ReceiptFolder(copy).SegmentPath(place.Segment), FileMode.Open, FileAccess.Write))
            {
                file.Position = place.At - sizeof(uint);
                file.Write(entry.AsSpan(0, written));
            }

            CheckFinished(copy, 4, $"{written} bytes of {entry.Length}");
        }
    }

    [Fact]
    public void Open_TheIntentWasWrittenInPart_IsAsIfNothingWasBegun()
    {
        var begun = Broken(steps: 1);
        var whole = File.ReadAllBytes(Path.Combine(begun, "erasing.new"));
        for (var written = 0; written <= whole.Length; written += 7)
        {
            var copy = Copy(begun);
            File.WriteAllBytes(Path.Combine(copy, "erasing.new"), whole[..written]);
            CheckFinished(copy, 0, $"{written} bytes");
        }

        // Under its own name it is only ever whole; one that was cut is not gone by.
        for (var written = 0; written < whole.Length; written += 7)
        {
            var copy = Copy(begun);
            File.WriteAllBytes(Path.Combine(copy, "erasing"), whole[..written]);
            CheckFinished(copy, 0, $"{written} bytes under its name");
        }
    }

    [Fact]
    public void Audit_WhileAnErasureIsUnderWay_IsClean()
    {
        var copies = new List<string>();
        var path = _temp.PathOf("log");
        using (var log = ReceiptLog.Open(path, _key, TimeProvider.System, SmallSegment, () => ReceiptAudit.Run(new ReceiptFolder(path), _key, [])))
        {
            Fill(log);
            Assert.Equal(4, log.Erase(Number, [], new Receipt()).Erased);
        }

        Assert.Equal(4, ReceiptAudit.Run(new ReceiptFolder(path), _key, []).Erased);
    }

    // What versions before left: the erasure's receipt is written and signed, and nothing was overwritten, or not all.
    [Theory]
    [InlineData(0, "")]
    [InlineData(2, "")]
    [InlineData(0, "62\n1\n2")]
    [InlineData(0, "62\n5\n2")]
    [InlineData(1, "62")]
    public void Open_OfAnErasureThatAVersionBeforeLeft_FinishesIt(int overwritten, string erasing)
    {
        var path = _temp.PathOf("old");
        var meant = OldErasure(path);
        if (overwritten > 0)
        {
            new ReceiptFolder(path).Erase(meant[..overwritten], Others + 2);
        }

        if (erasing.Length > 0)
        {
            File.WriteAllText(Path.Combine(path, "erasing"), erasing);
        }

        Assert.Contains("which was for 4", Assert.Throws<ReceiptException>(() => ReceiptAudit.Run(new ReceiptFolder(path), _key, [])).Message, StringComparison.Ordinal);
        CheckFinished(path, 4, "opened");
    }

    [Fact]
    public void Erase_OfAnotherNumber_MendsWhatAVersionBeforeLeft()
    {
        var path = _temp.PathOf("old");
        // So many that it is not in the newest file any more, which a start reads.
        OldErasure(path, (log, _) =>
        {
            for (var i = 0; i < 400; i++)
            {
                log.Append(Content(i, new NumberPseudonym(9, (ulong)i)));
            }
        });
        using (var log = ReceiptLog.Open(path, _key, TimeProvider.System, SmallSegment))
        {
            Assert.Throws<ReceiptException>(() => ReceiptAudit.Run(new ReceiptFolder(path), _key, []));
            log.Erase(new NumberPseudonym(9, 3), [], new Receipt());
        }

        Assert.Equal(5, ReceiptAudit.Run(new ReceiptFolder(path), _key, []).Erased);
    }

    [Fact]
    public void Audit_ErasureThatAVersionBeforeLeftAndDidOnceMore_IsClean()
    {
        var path = _temp.PathOf("old");
        OldErasure(path, (log, meant) =>
        {
            // Another receipt for all that was left, and those overwritten in its name.
            var again = log.Append(Erasure(meant));
            log.Seal();
            log.Folder.Erase(meant, again);
        });

        Assert.Equal(4, ReceiptAudit.Run(new ReceiptFolder(path), _key, []).Erased);
        // But not where one more is gone than they are for.
        new ReceiptFolder(path).Erase([3], Others + 3);
        Assert.Throws<ReceiptException>(() => ReceiptAudit.Run(new ReceiptFolder(path), _key, []));
    }

    [Fact]
    public void Erase_TheLogCannotBeSigned_IsDoneOnceItCan()
    {
        var path = _temp.PathOf("log");
        var key = ECDsa.Create(_key.ExportParameters(includePrivateParameters: true));
        var steps = 0;
        using (var log = ReceiptLog.Open(path, key, TimeProvider.System, SmallSegment, () =>
        {
            if (++steps == 3)
            {
                key.Dispose();
            }
        }))
        {
            Fill(log);
            Assert.Throws<ReceiptsUnavailableException>(() => log.Erase(Number, [], new Receipt()));
            Assert.NotNull(log.TryFinishErasure());
        }

        CheckFinished(path, 4, "opened");
    }

    [Fact]
    public void Erase_InAnEmptyLog_IsOnRecord()
    {
        var path = _temp.PathOf("log");
        using (var log = ReceiptLog.Open(path, _key, TimeProvider.System, SmallSegment))
        {
            Assert.Equal((0UL, 0), log.Erase(Number, [], new Receipt()));
        }

        Assert.Equal(1UL, ReceiptAudit.Run(new ReceiptFolder(path), _key, []).Receipts);
    }

    // A folder as it was when a process died between two steps of an erasure.
    private string Broken(int steps)
    {
        var path = _temp.PathOf($"broken-{steps}");
        string? copy = null;
        var taken = 0;
        using (var log = ReceiptLog.Open(path, _key, TimeProvider.System, SmallSegment, () => copy = ++taken == steps ? Copy(path) : copy))
        {
            Fill(log);
            log.Erase(Number, [], new Receipt { AskedBy = "ann" });
        }

        return copy!;
    }

    private ulong[] OldErasure(string path, Action<ReceiptLog, ulong[]>? later = null)
    {
        using var log = ReceiptLog.Open(path, _key, TimeProvider.System, SmallSegment);
        var meant = Fill(log);
        Assert.Equal((ulong)Others + 2, log.Append(Erasure(meant)));
        later?.Invoke(log, meant);
        return meant;
    }

    private static byte[] Erasure(ulong[] meant) => ReceiptFormat.Write(new Receipt
    {
        Kind = ReceiptKind.Erasure,
        Number = Number,
        Count = (ulong)meant.Length,
        Digest = ErasedReceipt.Digest(meant),
    });

    // 62 receipts in several files; those with the numbers 2, 20, 40 and 61 are about the number.
    private static ulong[] Fill(ReceiptLog log)
    {
        ulong[] meant = [2, 20, 40, Others + 1];
        for (var i = 0UL; i < Others + 2; i++)
        {
            Assert.Equal(i, log.Append(Content((int)i, meant.Contains(i) ? Number : new NumberPseudonym(6, i))));
        }

        log.Seal();
        return meant;
    }

    private static byte[] Content(int i, NumberPseudonym number) => ReceiptFormat.Write(new Receipt
    {
        CallTime = i,
        Number = number,
        Organisation = "acme",
        Regime = "NL-2",
        RegimeVersion = new string('x', 100),
    });

    private void CheckFinished(string path, int erased, string because)
    {
        using (var log = ReceiptLog.Open(path, _key, TimeProvider.System, SmallSegment))
        {
            Assert.False(File.Exists(Path.Combine(path, "erasing")), because);
            Assert.False(File.Exists(Path.Combine(path, "erasing.new")), because);
            // It goes on: what is appended now is proven.
            var index = log.Append(Content(1_000, new NumberPseudonym(8, 8)));
            log.Seal();
            Assert.Equal(1_000, log.Folder.Prove(index)!.Verify(_key).CallTime);
        }

        try
        {
            Assert.Equal(erased, ReceiptAudit.Run(new ReceiptFolder(path), _key, []).Erased);
        }
        catch (ReceiptException e)
        {
            Assert.Fail($"{because}: {e.Message}");
        }

        var left = new ReceiptFolder(path).ReceiptsOf([Number], 0, CancellationToken.None).Select(r => ReceiptFormat.Read(r.Content).Kind).ToList();
        Assert.Equal(erased == 0 ? Enumerable.Repeat(ReceiptKind.Check, 4) : [ReceiptKind.Erasure], left);
    }

    // As the disk is for the next process: a mapped file is the same memory for all.
    private string Copy(string path)
    {
        var copy = _temp.PathOf($"copy-{_copies++}");
        Directory.CreateDirectory(copy);
        foreach (var file in Directory.GetFiles(path).Where(file => Path.GetFileName(file) is not ("lock" or "spare" or "growing")))
        {
            using var from = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var to = File.Create(Path.Combine(copy, Path.GetFileName(file)));
            from.CopyTo(to);
        }

        return copy;
    }

    private sealed class KilledException : Exception;
}
