using System.Formats.Tar;
using System.IO.Compression;
using System.Text.RegularExpressions;
using Lookup.Cli.Hosting;
using Lookup.Client.Testing;
using Lookup.Server;
using static Lookup.Testing.Clients.Programs;

namespace Lookup.EndToEndTests.Clients;

/// <summary>The packages of clients/: their own tests, and the program of each README with the package as a user has it.</summary>
public sealed partial class ClientPackageTests : IDisposable
{
    private readonly TempFolder _temp = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _temp.Dispose();

    [Fact]
    public async Task TypeScript_TestsOfThePackage_Pass()
    {
        await ClientPackages.TypeScriptAsync();

        var run = await RunAsync("env", "-C", ClientPackages.TypeScriptFolder, Command(), "npm", "test");

        Assert.True(run.Code == 0, run.Output + run.Error);
        Assert.Matches("pass [1-9][0-9]", run.Output);
    }

    [Fact]
    public async Task Python_TestsOfThePackage_Pass()
    {
        var (python, wheel) = await ClientPackages.PythonAsync();

        var run = await RunAsync(
            "env", "-C", Path.Combine(ClientPackages.PythonFolder, "tests"), Command(), "PYTHONDONTWRITEBYTECODE=1", $"PYTHONPATH={wheel}", python, "-m", "unittest");

        Assert.True(run.Code == 0, run.Output + run.Error);
        Assert.Matches("Ran [1-9][0-9] tests", run.Error);
    }

    [Fact]
    public async Task TypeScript_ProgramOfTheReadme_CompilesAndDialsOnlyWhatIsPermitted()
    {
        var package = await ClientPackages.TypeScriptAsync();
        // As npm installs it; what the package needs comes from its own folder, without a network.
        var modules = Directory.CreateDirectory(Path.Combine(_temp.Path, "node_modules")).FullName;
        await using (var file = File.OpenRead(package))
        await using (var plain = new GZipStream(file, CompressionMode.Decompress))
        {
            await TarFile.ExtractToDirectoryAsync(plain, _temp.Path, overwriteFiles: false, Token);
        }

        Directory.Move(Path.Combine(_temp.Path, "package"), Path.Combine(modules, "lookup-client"));
        foreach (var scope in new[] { "@grpc", "@bufbuild", "@types" })
        {
            Directory.CreateSymbolicLink(Path.Combine(modules, scope), Path.Combine(ClientPackages.TypeScriptFolder, "node_modules", scope));
        }

        var program = await ProgramAsync(ClientPackages.TypeScriptFolder, "dialer.ts");
        await File.WriteAllTextAsync(Path.Combine(_temp.Path, "package.json"), """{"type": "module"}""", Token);
        var compiled = await RunAsync(
            "env", "-C", _temp.Path, "node", Path.Combine(ClientPackages.TypeScriptFolder, "node_modules/typescript/bin/tsc"),
            "--strict", "--module", "nodenext", "--target", "es2022", "--types", "node", "--outDir", _temp.Path, program);
        Assert.True(compiled.Code == 0, compiled.Output);

        await DialsOnlyWhatIsPermittedAsync("node", Path.ChangeExtension(program, ".js"));
    }

    [Fact]
    public async Task Python_ProgramOfTheReadme_DialsOnlyWhatIsPermitted()
    {
        var (python, wheel) = await ClientPackages.PythonAsync();

        await DialsOnlyWhatIsPermittedAsync("env", $"PYTHONPATH={wheel}", python, await ProgramAsync(ClientPackages.PythonFolder, "dialer.py"));
    }

    [Fact]
    public async Task Python_PackageAndProgramOfTheReadme_HaveConsistentTypes()
    {
        Require("mypy");
        var (_, wheel) = await ClientPackages.PythonAsync();
        await ZipFile.ExtractToDirectoryAsync(wheel, _temp.Path, Token);

        var run = await RunAsync(
            "env", "-C", _temp.Path, "mypy", "--config-file", Path.Combine(ClientPackages.PythonFolder, "pyproject.toml"),
            "lookup", await ProgramAsync(ClientPackages.PythonFolder, "dialer.py"));

        Assert.True(run.Code == 0, run.Output + run.Error);
    }

    // The tool with which the tests of a package start their service.
    private static string Command() => "LOOKUP_COMMAND=" + Path.Combine(AppContext.BaseDirectory, "lookup");

    /// <summary>Writes the program that a README shows to a file.</summary>
    private async Task<string> ProgramAsync(string folder, string name)
    {
        var readme = await File.ReadAllTextAsync(Path.Combine(folder, "README.md"), Token);
        var code = Assert.Single(Shown().Matches(readme), match => match.Groups["name"].Value == name).Groups["code"].Value;
        Assert.InRange(code.Split('\n').Length - 1, 1, 20);
        var path = Path.Combine(_temp.Path, name);
        await File.WriteAllTextAsync(path, code, Token);
        return path;
    }

    private static async Task DialsOnlyWhatIsPermittedAsync(params string[] program)
    {
        await using var service = await FakeService.StartAsync(
            new LookupServerOptions { GrpcPort = 0, JsonPort = 0 }, Token,
            // Permitted for as long as the slowest machine takes.
            new FakeLookup().On(MagicNumbers.Allow, FakeAnswer.Allow() with { ReusableFor = TimeSpan.FromMinutes(5) }));

        var run = await RunAsync(
            "env", [
                $"LOOKUP_ADDRESS={service.GrpcAddress}", .. program, MagicNumbers.DenyByObjection, MagicNumbers.Allow, MagicNumbers.Hypothetical,
                MagicNumbers.Expired, MagicNumbers.UnheardOf, MagicNumbers.Unknown, MagicNumbers.NotCovered, "call me"]);

        Assert.True(run.Code == 0, run.Error);
        var lines = run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(8, lines.Length);
        Assert.Equal($"dial {MagicNumbers.Allow}", Assert.Single(lines, line => !line.StartsWith("skip ", StringComparison.Ordinal)));
    }

    [GeneratedRegex(@"<!-- file: (?<name>\S+) -->\n```\w+\n(?<code>.*?)```", RegexOptions.Singleline)]
    private static partial Regex Shown();
}
