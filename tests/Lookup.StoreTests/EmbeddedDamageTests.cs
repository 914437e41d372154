using Lookup.Core.Numbers;
using Lookup.Embedded;
using Lookup.Embedded.Engine;
using Lookup.Redis;

namespace Lookup.StoreTests;

/// <summary>Bytes of an embedded store that are not what was written: it is refused, or it answers right; never wrong.</summary>
public sealed class EmbeddedDamageTests : IDisposable
{
    private const int Writers = 2;
    private readonly string _root = Directory.CreateTempSubdirectory("lookup-damage-").FullName;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private string Whole => Path.Combine(_root, "whole");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OneByteFlipped_AnywhereInAnyFile_IsRefusedOrAnswersRight(bool inTables)
    {
        var acknowledged = await MakeAsync(inTables);
        var random = new Random(11);
        var refused = 0;
        foreach (var file in Files())
        {
            var length = (int)new FileInfo(Path.Combine(Whole, file)).Length;
            if (length == 0)
            {
                continue;
            }

            foreach (var at in Enumerable.Range(0, 6).Select(_ => random.Next(length)).Append(0).Append(length - 1).Distinct().ToList())
            {
                var copy = Copy();
                var path = Path.Combine(copy, file);
                var bytes = await File.ReadAllBytesAsync(path, Ct);
                bytes[at] ^= (byte)(1 << random.Next(8));
                await File.WriteAllBytesAsync(path, bytes, Ct);
                refused += await IsRefusedAsync(copy, acknowledged, $"{file}, byte {at} of {length}") ? 1 : 0;
            }
        }

        Assert.True(refused > 10, $"{refused} refused");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnyFileCut_OrGone_IsRefusedOrAnswersRight(bool inTables)
    {
        var acknowledged = await MakeAsync(inTables);
        var random = new Random(12);
        foreach (var file in Files())
        {
            var length = (int)new FileInfo(Path.Combine(Whole, file)).Length;
            foreach (var at in new[] { 0, length / 2, length - 1, random.Next(length + 1) }.Where(at => at >= 0 && at < length).Distinct().ToList())
            {
                var copy = Copy();
                await using (var stream = File.OpenWrite(Path.Combine(copy, file)))
                {
                    stream.SetLength(at);
                }

                await IsRefusedAsync(copy, acknowledged, $"{file}, cut at {at} of {length}");
            }

            var without = Copy();
            File.Delete(Path.Combine(without, file));
            await IsRefusedAsync(without, acknowledged, $"{file} gone");
        }
    }

    [Fact]
    public async Task DamagedLog_Refusal_NamesFileAndPlace()
    {
        await MakeAsync(inTables: false);
        var log = new DirectoryInfo(Path.Combine(Whole, "db")).EnumerateFiles("*.log").MaxBy(file => file.Length)!;
        var bytes = await File.ReadAllBytesAsync(log.FullName, Ct);
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(log.FullName, bytes, Ct);
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(() => OpenAsync(Whole));
        Assert.Equal(StoreFault.Damaged, e.Fault);
        Assert.Matches($@"damaged: a record of .*{log.Name} at offset \d+ does not match its checksum\. Restore", e.Message);
    }

    [Fact]
    public async Task LogCutAtARecord_IsRefusedThoughEveryRecordIsWhole()
    {
        await MakeAsync(inTables: false);
        var log = new DirectoryInfo(Path.Combine(Whole, "db")).EnumerateFiles("*.log").MaxBy(file => file.Length)!;
        await using (var stream = log.OpenWrite())
        {
            // A block of the log ends here, or a record that goes on in the next: either way nothing tells that more followed.
            stream.SetLength(32_768);
        }

        var e = await Assert.ThrowsAsync<StoreUnavailableException>(() => OpenAsync(Whole));
        Assert.Equal(StoreFault.Damaged, e.Fault);
        Assert.Contains("changes are missing", e.Message, StringComparison.Ordinal);
        Assert.Contains(log.Name, e.Message, StringComparison.Ordinal);
    }

    // Killed, most of it is in the log; closed well, all of it is in tables.
    private async Task<int[]> MakeAsync(bool inTables)
    {
        var acknowledged = await KilledStore.WriteAsync(Whole, Writers, logLimitMiB: 16, untilFacts: 2_000, Ct);
        if (inTables)
        {
            await (await OpenAsync(Whole)).DisposeAsync();
        }

        return acknowledged;
    }

    private List<string> Files() => Directory.GetFiles(Whole, "*", SearchOption.AllDirectories)
        .Select(path => Path.GetRelativePath(Whole, path)).Where(path => !path.StartsWith("socket", StringComparison.Ordinal)).Order(StringComparer.Ordinal).ToList();

    private string Copy()
    {
        var copy = Path.Combine(_root, "copy");
        if (Directory.Exists(copy))
        {
            Directory.Delete(copy, recursive: true);
        }

        foreach (var file in Files())
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(copy, file))!);
            File.Copy(Path.Combine(Whole, file), Path.Combine(copy, file));
        }

        return copy;
    }

    private static async Task<bool> IsRefusedAsync(string folder, int[] acknowledged, string what)
    {
        EmbeddedStore store;
        try
        {
            store = await OpenAsync(folder);
        }
        catch (Exception e) when (e is StoreUnavailableException or InvalidOperationException or FormatException or EncryptionKeyException)
        {
            Assert.DoesNotContain('\n', e.Message);
            TestContext.Current.TestOutputHelper?.WriteLine($"{what}: {e.Message}");
            return true;
        }

        await using (store)
        {
            for (var writer = 0; writer < Writers; writer++)
            {
                for (var i = 0; i < acknowledged[writer]; i++)
                {
                    Assert.True(await HasObjectionAsync(store, writer, i) is not false, $"{what}: number {i} of writer {writer} is free");
                }

                Assert.True(await HasObjectionAsync(store, writer, 900_000) is not true, $"{what}: a number has what was never written");
            }
        }

        return false;
    }

    // Null: not answered.
    private static async Task<bool?> HasObjectionAsync(EmbeddedStore store, int writer, int number)
    {
        var key = store.Cipher.Encrypt(new PhoneNumber(31_650_000_000UL + (ulong)((writer * 1_000_000) + number)));
        try
        {
            return (await store.Reader.ReadAsync(key, new[] { Sample.ObjectionId() }, Ct)).Values[0] is not null;
        }
        catch (StoreUnavailableException)
        {
            return null;
        }
    }

    private static Task<EmbeddedStore> OpenAsync(string folder) => EmbeddedStore.StartAsync(
        new EmbeddedOptions { Folder = folder, ExpectedFacts = 100_000, MemoryMiB = 64, LogLimitMiB = 16, ReadTimeoutMs = 10_000 }, null, TimeProvider.System, Ct);
}
