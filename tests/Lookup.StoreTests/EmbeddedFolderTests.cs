using System.Diagnostics;
using System.Runtime.InteropServices;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Embedded;
using Lookup.Embedded.Engine;
using Lookup.Redis;
using Microsoft.Win32.SafeHandles;

namespace Lookup.StoreTests;

/// <summary>One process has a data folder, whatever is taken out of it; and one that cannot be used says why in one sentence.</summary>
public sealed partial class EmbeddedFolderTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("lookup-folder-").FullName;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static string Tool => Path.Combine(AppContext.BaseDirectory, "lookup");

    private string Folder => Path.Combine(_root, "data");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData("lock")]
    [InlineData("db/LOCK")]
    [InlineData("lock", "db/LOCK")]
    [InlineData("initialised", "lock", "db/LOCK")]
    public async Task FilesOfLocksRemoved_SecondStart_IsRefused(params string[] files)
    {
        await using var store = await OpenAsync(Folder);
        await WriteAsync(store, 1);
        Array.ForEach(files, file => File.Delete(Path.Combine(Folder, file)));

        var e = await Assert.ThrowsAsync<InvalidOperationException>(() => OpenAsync(Folder));
        Assert.Equal($"The data folder {Folder} is in use by another process.", e.Message);
        await WriteAsync(store, 2);
        Assert.True(await HasAsync(store, 1));
    }

    [Fact]
    public void Lock_HandleCopiedByAStartingProcess_IsFreeOnceDisposed()
    {
        Directory.CreateDirectory(Folder);
        var first = FolderLock.TryAcquire(Folder)!;
        // A process that is being started has copies of all handles until it runs its own program.
        using var copy = new SafeFileHandle(Duplicate(HandleOn(Folder)), ownsHandle: true);
        Assert.False(copy.IsInvalid);
        Assert.Null(FolderLock.TryAcquire(Folder));

        first.Dispose();
        using var second = FolderLock.TryAcquire(Folder);
        Assert.NotNull(second);
    }

    [Theory]
    [InlineData("removed")]
    [InlineData("replaced")]
    [InlineData("folder moved")]
    [InlineData("files moved")]
    public async Task MarkTakenAway_WhileOpen_StopsEverything(string how)
    {
        await using var store = await OpenAsync(Folder);
        await WriteAsync(store, 1);
        var mark = Path.Combine(Folder, "db", "commit-mark");
        switch (how)
        {
            case "removed":
                File.Delete(mark);
                break;
            case "replaced":
                await File.WriteAllBytesAsync(mark + "2", new byte[64], Ct);
                File.Move(mark + "2", mark, overwrite: true);
                break;
            case "folder moved":
                Directory.Move(Folder, Folder + "2");
                break;
            default:
                Directory.Move(Path.Combine(Folder, "db"), Path.Combine(Folder, "db2"));
                break;
        }

        // On a connection that was there before. A new one may be refused earlier, where its socket has moved.
        await Until.SoAsync(
            async () => (await RefusesAsync(() => store.Maintenance.ProbeAsync(Ct)))?.Contains("no longer belongs to this process", StringComparison.Ordinal) == true, Ct);
        Assert.NotNull(await RefusesAsync(() => HasAsync(store, 1)));
        Assert.NotNull(await RefusesAsync(() => WriteAsync(store, 2)));
        if (how == "folder moved")
        {
            Directory.Move(Folder + "2", Folder);
        }
    }

    [Fact]
    public async Task FolderThatOthersMayRead_Start_TakesItFromThem()
    {
        Directory.CreateDirectory(Folder);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(Folder, (UnixFileMode)Convert.ToInt32("755", 8));
        }

        await using var store = await OpenAsync(Folder);
        Assert.Equal("750", RightsOf(Folder));
    }

    [Fact]
    public async Task Program_FilesThatItWrites_AreForItsOwnerAlone()
    {
        // Whichever command it is: the process makes them so.
        var written = Path.Combine(_root, "regimes");
        var run = await RunAsync(Tool, "regimes", "export", written);
        Assert.Equal(0, run.ExitCode);
        Assert.Equal("700", RightsOf(written));
        var files = Directory.GetFiles(written);
        Assert.NotEmpty(files);
        Assert.All(files, file => Assert.Equal("600", RightsOf(file)));
    }

    [Fact]
    public async Task ParentMissing_Start_NamesIt()
    {
        var e = await Assert.ThrowsAsync<InvalidOperationException>(() => OpenAsync(Path.Combine(Folder, "deeper")));
        Assert.Equal($"The data folder {Folder}/deeper cannot be created, because {Folder} does not exist: create that first, or correct the path.", e.Message);
        Assert.False(Directory.Exists(Folder));
    }

    [Fact]
    public async Task FileInPlaceOfTheFolder_Start_SaysSo()
    {
        await File.WriteAllTextAsync(Folder, "", Ct);
        var e = await Assert.ThrowsAsync<InvalidOperationException>(() => OpenAsync(Folder));
        Assert.Equal($"The data folder {Folder} is a file; name a folder.", e.Message);
    }

    [Fact]
    public async Task FolderReadOnly_Start_SaysSo()
    {
        Directory.CreateDirectory(Folder);
        await using (await MountAsync("size=64m"))
        {
            await (await OpenAsync(Folder)).DisposeAsync();
            await RunAsync("mount", "-o", "remount,ro", Folder);
            var e = await Assert.ThrowsAsync<InvalidOperationException>(() => OpenAsync(Folder));
            Assert.Equal($"The data folder {Folder} is on a disk that is mounted read-only: mount it for writing, or name another folder.", e.Message);
        }
    }

    [Fact]
    public async Task FolderOfAnotherUser_Start_SaysSo()
    {
        RequireAsRoot("setpriv", "chown");
        Directory.CreateDirectory(Folder);
        await RunAsync("chown", "65534", Folder);
        // Root without its privileges may not write what belongs to others either.
        var run = await RunAsync("setpriv", "--bounding-set", "-all", Tool, "serve", "--data", Folder, "--create", "--listen", "127.0.0.1:0", "--json-port", "0");
        Assert.Equal(1, run.ExitCode);
        Assert.Equal($"lookup: The user {Environment.UserName} cannot write to the data folder {Folder}: change its owner or permissions, or name another folder.", run.Error.Trim());
    }

    [Theory]
    [InlineData("size=8k", false)]
    [InlineData("size=16k", true)]
    [InlineData("size=24k", true)]
    [InlineData("size=40k", true)]
    public async Task DiskFull_AtStart_SaysSoAndLeavesAFolderThatOpensLater(string size, bool hasKey)
    {
        Directory.CreateDirectory(Folder);
        await using (await MountAsync(size))
        {
            // Whatever is left is taken.
            if (hasKey)
            {
                EncryptionKeyFile.Create(Path.Combine(Folder, "number.key"));
            }
            else
            {
                await FillAsync("lock");
            }

            var e = await Assert.ThrowsAnyAsync<Exception>(() => OpenAsync(Folder));
            Assert.DoesNotContain('\n', e.Message);
            Assert.Matches("full|No space left", e.Message);
            File.Delete(Path.Combine(Folder, "lock"));
            await RunAsync("mount", "-o", "remount,size=64m", Folder);
            await using var store = await OpenAsync(Folder);
            await WriteAsync(store, 1);
        }
    }

    [Fact]
    public async Task DiskFull_WhileOpen_RefusesWritesAndKeepsWhatWasAcknowledged()
    {
        Directory.CreateDirectory(Folder);
        await using (await MountAsync("size=24m"))
        {
            var acknowledged = 0;
            var store = await OpenAsync(Folder);
            await using (store)
            {
                await WriteAsync(store, 0);
                var filler = await FillAsync();
                try
                {
                    for (acknowledged = 1; acknowledged < 50_000; acknowledged++)
                    {
                        await WriteAsync(store, acknowledged);
                    }
                }
                catch (StoreUnavailableException e)
                {
                    Assert.Contains("accepts no writes", e.Message, StringComparison.Ordinal);
                    Assert.Contains("The disk of the data folder is full", e.InnerException!.Message, StringComparison.Ordinal);
                }

                Assert.InRange(acknowledged, 1, 49_999);
                Assert.True(await HasAsync(store, 0));
                Assert.NotNull((await store.Maintenance.ProbeAsync(Ct)).WritesRefused);
                File.Delete(filler);
            }

            await using var again = await OpenAsync(Folder);
            for (var number = 0; number < acknowledged; number++)
            {
                Assert.True(await HasAsync(again, number), $"number {number} of {acknowledged}");
            }

            await WriteAsync(again, acknowledged);
        }
    }

    [Theory]
    [InlineData(64)]
    [InlineData(110)]
    [InlineData(256)]
    public async Task TooFewOpenFiles_Start_NamesTheLimit(int limit)
    {
        Programs.Require("bash");
        var run = await RunAsync("bash", "-c", $"ulimit -n {limit}; exec \"$0\" serve --data \"$1\" --listen 127.0.0.1:0 --json-port 0", Tool, Folder);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal(
            $"lookup: This process may have only {limit} files open, but at least {(limit < 100 ? 100 : 512)} are needed: raise the limit (ulimit -n 4096, LimitNOFILE=4096 in a systemd unit, or nofile of the container), then start again.",
            run.Error.Trim());
    }

    private static async Task<string?> RefusesAsync(Func<Task> call)
    {
        try
        {
            await call();
            return null;
        }
        catch (StoreUnavailableException e)
        {
            return e.Message;
        }
    }

    private static StoredFact Objection(EmbeddedStore store, int number) => Sample.Objection(0) with { Key = Key(store, number) };

    private static NumberPseudonym Key(EmbeddedStore store, int number) => store.Cipher.Encrypt(new PhoneNumber(31_650_000_000UL + (ulong)number));

    private static Task<WriteResult> WriteAsync(EmbeddedStore store, int number) => store.Writer.WriteAsync([Objection(store, number)], Ct);

    private static async Task<bool> HasAsync(EmbeddedStore store, int number) =>
        (await store.Reader.ReadAsync(Key(store, number), new[] { Sample.ObjectionId() }, Ct)).Values[0] is not null;

    private static string RightsOf(string path) =>
        OperatingSystem.IsWindows() ? "" : Convert.ToString((int)File.GetUnixFileMode(path), 8);

    private static Task<EmbeddedStore> OpenAsync(string folder) => EmbeddedStore.StartAsync(
        new EmbeddedOptions { Folder = folder, ExpectedFacts = 10_000, MemoryMiB = 64, LogLimitMiB = 16, ReadTimeoutMs = 10_000 }, null, TimeProvider.System, Ct);

    private async Task<Mounted> MountAsync(string options)
    {
        RequireAsRoot("mount", "umount");
        var run = await RunAsync("mount", "-t", "tmpfs", "-o", options, "tmpfs", Folder);
        Assert.SkipUnless(run.ExitCode == 0, "A disk of a test's own cannot be mounted here.");
        return new Mounted(Folder);
    }

    private async Task<string> FillAsync(string name = "filler")
    {
        var filler = Path.Combine(Folder, name);
        try
        {
            await using var stream = new FileStream(filler, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
            var block = new byte[4096];
            while (true)
            {
                stream.Write(block);
            }
        }
        catch (IOException)
        {
            return filler;
        }
    }

    private static void RequireAsRoot(params ReadOnlySpan<string> programs)
    {
        Programs.Require(programs);
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "This is not root.");
    }

    private static async Task<(int ExitCode, string Error)> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(Ct);
            var error = await process.StandardError.ReadToEndAsync(Ct);
            await output;
            await process.WaitForExitAsync(Ct);
            return (process.ExitCode, error);
        }
        finally
        {
            process.Kill();
        }
    }

    private sealed class Mounted(string folder) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() => await RunAsync("umount", "-l", folder);
    }

    private static int HandleOn(string folder) => int.Parse(
        Path.GetFileName(Directory.EnumerateFiles("/proc/self/fd").Concat(Directory.EnumerateDirectories("/proc/self/fd"))
            .Single(handle => new FileInfo(handle).LinkTarget == folder)),
        System.Globalization.CultureInfo.InvariantCulture);

    [LibraryImport("libc", EntryPoint = "dup", SetLastError = true)]
    private static partial int Duplicate(int handle);
}
