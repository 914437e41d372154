using System.Security.Cryptography;
using Grpc.Core;
using Lookup.Core.Access;
using Lookup.Core.Numbers;
using Lookup.Core.Receipts;
using Lookup.Server.Receipts;
using Lookup.ServiceTests.Access;
using Lookup.V1;
using Receipt = Lookup.Core.Receipts.Receipt;

namespace Lookup.ServiceTests.Receipts;

/// <summary>The receipts of a number are found without reading the whole log, and reading it is bounded.</summary>
public sealed class ReceiptFilterTests : IDisposable
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
    public void ReceiptsOf_RandomNumbers_AreThoseOfTheWholeLogAndOtherFilesAreNotOpened()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var numbers = Enumerable.Range(0, 300).Select(_ => new NumberPseudonym((ulong)random.NextInt64(), (ulong)random.NextInt64())).ToArray();
        using var log = ReceiptLog.Open(Folder, _key, TimeProvider.System, SmallSegment);
        var expected = numbers.ToDictionary(number => number, _ => new List<ulong>());
        for (var i = 0; i < 2_000; i++)
        {
            var number = numbers[random.Next(numbers.Length)];
            expected[number].Add(log.Append(Content(i, number)));
        }

        log.Seal();
        var segments = Directory.GetFiles(Folder, "*.receipts").Order().ToList();
        Assert.True(segments.Count > 10);
        Assert.Equal(segments.Count - 1, Directory.GetFiles(Folder, "*.filter").Length);
        foreach (var number in numbers)
        {
            Assert.True(expected[number].SequenceEqual(Find(log, number)), $"seed {seed}");
        }

        // A number that is in no file: hardly any is read. Reading is seen by files that cannot be read.
        var strangers = Enumerable.Range(0, 50).Select(_ => new NumberPseudonym((ulong)random.NextInt64(), (ulong)random.NextInt64())).ToArray();
        var read = 0;
        foreach (var stranger in strangers)
        {
            read += segments.SkipLast(1).Count(segment => ReceiptFilter.MayContain(
                Path.ChangeExtension(segment, ".filter"), First(segment), First(segments[segments.IndexOf(segment) + 1]) - First(segment), [stranger]) != false);
        }

        Assert.True(read < strangers.Length * segments.Count / 50, $"seed {seed}: {read} of {strangers.Length * segments.Count} files");
    }

    [Fact]
    public void ReceiptsOf_FiltersMissingDamagedOrForeign_ReadsTheFilesAndMakesThem()
    {
        var number = new NumberPseudonym(5, 7);
        using var log = ReceiptLog.Open(Folder, _key, TimeProvider.System, SmallSegment);
        ulong[] expected = [.. Enumerable.Range(0, 2_000).Where(i => log.Append(Content(i, i % 100 == 0 ? number : new NumberPseudonym(6, (ulong)i))) % 100 == 0).Select(i => (ulong)i)];
        log.Seal();
        var filters = Directory.GetFiles(Folder, "*.filter").Order().ToList();
        Assert.Equal(expected, Find(log, number));

        // As a version before left the log.
        filters.ForEach(File.Delete);
        Assert.Equal(expected, Find(log, number));
        Assert.Empty(Directory.GetFiles(Folder, "*.filter"));
        Assert.Equal(expected, log.Folder.ReceiptsOf([number], 0, CancellationToken.None, makesFilters: true).Select(r => r.Index));
        Assert.Equal(filters, Directory.GetFiles(Folder, "*.filter").Order());

        // Whatever byte is another one: nothing is missed.
        for (var at = 0; at < new FileInfo(filters[0]).Length; at += 5)
        {
            var bytes = File.ReadAllBytes(filters[0]);
            bytes[at] ^= 0xFF;
            File.WriteAllBytes(filters[0], bytes);
            Assert.Equal(expected, Find(log, number));
            bytes[at] ^= 0xFF;
            File.WriteAllBytes(filters[0], bytes);
        }

        File.Copy(filters[1], filters[0], overwrite: true);
        Assert.Equal(expected, Find(log, number));
        // One that is in order and lacks a number would hide its receipts: an audit tells.
        var (first, next) = (First(filters[0]), First(filters[1]));
        ReceiptFilter.TryWrite(filters[0], first, next - first, [new NumberPseudonym(1, 1)]);
        Assert.NotEqual(expected, Find(log, number));
        Assert.Contains(filters[0], Assert.Throws<ReceiptException>(() => ReceiptAudit.Run(log.Folder, _key, [])).Message, StringComparison.Ordinal);
        File.Delete(filters[0]);
        Assert.Equal(2_000UL, ReceiptAudit.Run(log.Folder, _key, []).Receipts);
    }

    [Fact]
    public void Erase_ANumber_IsFoundInNoFilterAfterwards()
    {
        var number = new NumberPseudonym(5, 7);
        using var log = ReceiptLog.Open(Folder, _key, TimeProvider.System, SmallSegment);
        for (var i = 0; i < 1_000; i++)
        {
            log.Append(Content(i, i == 3 ? number : new NumberPseudonym(6, (ulong)i)));
        }

        log.Seal();
        var filters = Directory.GetFiles(Folder, "*.filter").Length;
        log.Erase(number, [], new Receipt());
        Assert.Equal(filters - 1, Directory.GetFiles(Folder, "*.filter").Length);
        Assert.Single(log.Folder.ReceiptsOf([number], 0, CancellationToken.None, makesFilters: true));
        var first = Directory.GetFiles(Folder, "*.receipts").Order().ToList();
        Assert.False(ReceiptFilter.MayContain(Path.ChangeExtension(first[0], ".filter"), 0, First(first[1]), [number]));
    }

    [Fact]
    public void ReceiptsOf_Cancelled_EndsWithinAFile()
    {
        using var log = ReceiptLog.Open(Folder, _key, TimeProvider.System);
        for (var i = 0; i < 1_000; i++)
        {
            log.Append(Content(i, new NumberPseudonym(5, 7)));
        }

        log.Seal();
        using var cancellation = new CancellationTokenSource();
        var seen = 0;
        Assert.Throws<OperationCanceledException>(() =>
        {
            foreach (var _ in log.Folder.ReceiptsOf([new NumberPseudonym(5, 7)], 0, cancellation.Token))
            {
                if (++seen == 10)
                {
                    cancellation.Cancel();
                }
            }
        });
        Assert.Equal(10, seen);
        Assert.Throws<OperationCanceledException>(() => log.Folder.Prove(900, cancellation.Token));
        Assert.Equal(900, log.Folder.Prove(900)!.Verify(_key).CallTime);
    }

    [Fact]
    public void Open_AfterAKilledWriter_KeepsTheFiltersAndRemovesItsUnfinishedOnes()
    {
        using (var log = ReceiptLog.Open(Folder, _key, TimeProvider.System, SmallSegment))
        {
            for (var i = 0; i < 500; i++)
            {
                log.Append(Content(i, new NumberPseudonym(6, (ulong)i)));
            }
        }

        var filters = Directory.GetFiles(Folder, "*.filter").Order().ToList();
        Assert.NotEmpty(filters);
        File.WriteAllText($"{filters[0]}.{Guid.NewGuid():n}", "half a filter");
        using (ReceiptLog.Open(Folder, _key, TimeProvider.System, SmallSegment))
        {
            Assert.Equal(filters, Directory.GetFiles(Folder).Where(file => file.Contains(".filter", StringComparison.Ordinal)).Order());
        }
    }

    [Fact]
    public async Task ListReceipts_MoreAtATimeThanMayBe_AreExhaustedAndTheOthersAnswered()
    {
        Programs.Require("mkfifo");
        var token = TestContext.Current.CancellationToken;
        using (var log = ReceiptLog.Open(Folder, _key, TimeProvider.System, SmallSegment))
        {
            for (var i = 0; i < 2_000; i++)
            {
                log.Append(Content(i, new NumberPseudonym(6, (ulong)i)));
            }
        }

        using var kept = ReceiptLog.Open(Folder, _key, TimeProvider.System, SmallSegment);
        // Without its filter the first file is read. A pipe in its place keeps its reader waiting until the test writes the receipts to it.
        var filter = Directory.GetFiles(Folder, "*.filter").Order().First();
        var segment = Path.ChangeExtension(filter, ".receipts");
        var receipts = await File.ReadAllBytesAsync(segment, token);
        File.Delete(filter);
        File.Delete(segment);
        await Programs.RunAsync("mkfifo", segment);
        await using var guarded = await GuardedServer.StartAsync(configure: o => o.MaxReceiptReads = 1, receipts: kept);
        var client = new ReceiptService.ReceiptServiceClient(guarded.As(await guarded.KeyAsync("reader", Roles.Check, "*")));
        var calls = Enumerable.Range(0, 9).Select(_ => TryAsync()).ToList();
        while (calls.Count > 1)
        {
            var ended = await Task.WhenAny(calls);
            Assert.Equal(StatusCode.ResourceExhausted, await ended);
            calls.Remove(ended);
        }

        // The one that reads waits in its first open of the pipe, by whatever name, and opens the file again after the header.
        File.Move(segment, _temp.PathOf("pipe"));
        await File.WriteAllBytesAsync(segment, receipts, token);
        var writing = Task.Run(() => File.WriteAllBytes(_temp.PathOf("pipe"), receipts), token);
        Assert.Equal(StatusCode.OK, await calls.Single());
        // A reader that opens the log only after the move never reads the pipe: this end lets the writer go on.
        await using (File.Open(_temp.PathOf("pipe"), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            await writing;
        }

        Assert.Equal(StatusCode.OK, await TryAsync());

        async Task<StatusCode> TryAsync()
        {
            try
            {
                await client.ListReceiptsAsync(new ListReceiptsRequest { Number = Samples.NewNumber() }, cancellationToken: token);
                return StatusCode.OK;
            }
            catch (RpcException e)
            {
                return e.StatusCode;
            }
        }
    }

    private static IEnumerable<ulong> Find(ReceiptLog log, NumberPseudonym number) =>
        log.Folder.ReceiptsOf([number], 0, CancellationToken.None).Select(receipt => receipt.Index);

    private static ulong First(string segment) => ulong.Parse(Path.GetFileNameWithoutExtension(segment), System.Globalization.CultureInfo.InvariantCulture);

    private static byte[] Content(int i, NumberPseudonym number) => ReceiptFormat.Write(new Receipt
    {
        CallTime = i,
        Number = number,
        Organisation = "acme",
        Regime = "NL-2",
    });
}
