
namespace Lookup.EndToEndTests.Docs;

/// <summary>The script ./lookup: it builds the tool of the checkout when a source has changed, and says so.</summary>
public sealed class CheckoutToolTests : IDisposable
{
    private readonly TempFolder _checkout = new();

    public CheckoutToolTests()
    {
        Programs.Require("sh");
        foreach (var folder in (string[])["src/Lookup.Cli", "protos", "bin"])
        {
            Directory.CreateDirectory(_checkout.PathOf(folder));
        }

        File.Copy(Path.Combine(Programs.Root(), "lookup"), _checkout.PathOf("lookup"));
        _checkout.Write("Directory.Build.props", "");
        _checkout.Write("Directory.Packages.props", "");
        _checkout.Write("src/Lookup.Cli/Program.cs", "1");
        // Stands for the SDK: builds a tool that prints its source and its arguments.
        Script("bin/dotnet", """
            #!/bin/sh
            [ "$1 $2" = "publish $CHECKOUT/src/Lookup.Cli" ] || exit 9
            grep -q broken "$2/Program.cs" && { echo "error CS0000"; exit 1; }
            while [ "$1" != -o ]; do shift; done
            printf '#!/bin/sh\necho "version %s: $*"\nexit 10\n' "$(cat "$CHECKOUT/src/Lookup.Cli/Program.cs")" > "$2/lookup"
            chmod +x "$2/lookup"
            """);
    }

    public void Dispose() => _checkout.Dispose();

    [Fact]
    public async Task Lookup_InACheckout_BuildsOnceAndAgainAfterAChange()
    {
        var first = await RunAsync("check 1");
        var second = await RunAsync("check 2");
        await ChangeAsync("2");
        var changed = await RunAsync("check 3");

        Assert.Equal((10, "version 1: check 1\n"), (first.Code, first.Output));
        Assert.StartsWith("lookup: building the tool in artifacts/tool", first.Error, StringComparison.Ordinal);
        Assert.Equal((10, "version 1: check 2\n", ""), second);
        Assert.Equal((10, "version 2: check 3\n"), (changed.Code, changed.Output));
        Assert.StartsWith("lookup: building the tool", changed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lookup_BuildThatFails_RunsNothingAndSaysWhy()
    {
        Assert.Equal(10, (await RunAsync("check 1")).Code);
        await ChangeAsync("broken");
        for (var i = 0; i < 2; i++)
        {
            var (code, output, error) = await RunAsync("check 2");
            Assert.Equal((1, ""), (code, output));
            Assert.Contains("error CS0000\nlookup: the build failed.\n", error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Lookup_WithoutTheSdk_NamesIt()
    {
        File.Delete(_checkout.PathOf("bin/dotnet"));

        // The path has only what the script itself needs.
        foreach (var program in (string[])["sh", "readlink", "dirname", "find", "head", "mkdir", "touch", "mv"])
        {
            File.CreateSymbolicLink(_checkout.PathOf("bin/" + program), Programs.Find(program)!);
        }

        var (code, _, error) = await RunAsync("check 1", path: _checkout.PathOf("bin"));

        Assert.Equal(1, code);
        Assert.StartsWith("lookup: building the tool requires the .NET 10 SDK", error, StringComparison.Ordinal);
    }

    private Task<(int Code, string Output, string Error)> RunAsync(string arguments, string? path = null) => Programs.RunAsync(
        Programs.Find("sh")!,
        "-c",
        $"cd / && CHECKOUT=\"$1\" PATH=\"$2\" \"$1/lookup\" {arguments}",
        "sh",
        _checkout.Path,
        path ?? _checkout.PathOf("bin") + ":" + Environment.GetEnvironmentVariable("PATH"));

    // The clock of the files may be coarser than the time between two writes.
    private async Task ChangeAsync(string content)
    {
        var file = _checkout.Write("src/Lookup.Cli/Program.cs", content);
        while (File.GetLastWriteTimeUtc(file) <= File.GetLastWriteTimeUtc(_checkout.PathOf("artifacts/tool/.built")))
        {
            await Task.Delay(5, TestContext.Current.CancellationToken);
            File.SetLastWriteTimeUtc(file, DateTime.UtcNow);
        }
    }

    private void Script(string name, string text)
    {
        var file = _checkout.Write(name, text + "\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }
}
