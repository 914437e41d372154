using static Lookup.Testing.Clients.Programs;

namespace Lookup.EndToEndTests.Clients;

/// <summary>Builds the packages of clients/ into artifacts/clients, once in a run. Skips the test if a program for it is missing.</summary>
internal static class ClientPackages
{
    private static readonly Lazy<Task<string>> Npm = new(PackAsync);
    private static readonly Lazy<Task<(string Python, string Wheel)>> Wheel = new(BuildWheelAsync);

    internal static string TypeScriptFolder { get; } = Path.Combine(Root(), "clients/typescript");

    internal static string PythonFolder { get; } = Path.Combine(Root(), "clients/python");

    /// <summary>Returns the npm package; the folder then has the built code, too.</summary>
    internal static Task<string> TypeScriptAsync()
    {
        Require("node", "npm");
        RequireFile(Path.Combine(TypeScriptFolder, "node_modules"), "npm ci was not run in clients/typescript.");
        RequireProtoc();
        return Npm.Value;
    }

    /// <summary>Returns a python that has grpcio, and the wheel, from which it can import.</summary>
    internal static async Task<(string Python, string Wheel)> PythonAsync()
    {
        RequireProtoc();
        var built = await Wheel.Value;
        Assert.SkipWhen(built.Python.Length == 0, "python3 with grpcio, protobuf, setuptools and wheel is not installed.");
        return built;
    }

    private static void RequireProtoc()
    {
        Require("protoc");
        RequireFile("/usr/include/google/protobuf/timestamp.proto", "libprotobuf-dev is not installed.");
    }

    private static async Task<string> PackAsync()
    {
        var run = await RunAsync("npm", "--prefix", TypeScriptFolder, "pack", TypeScriptFolder, "--pack-destination", Output());
        Assert.True(run.Code == 0, run.Output + run.Error);
        return Path.Combine(Output(), run.Output.Trim().Split('\n')[^1]);
    }

    private static async Task<(string Python, string Wheel)> BuildWheelAsync()
    {
        // The first python of the path may be another one than Debian's.
        foreach (var python in new[] { "/usr/bin/python3", "python3" })
        {
            if (OnPath(python) && (await RunAsync(python, "-c", "import grpc, google.protobuf, setuptools, wheel")).Code == 0)
            {
                var run = await RunAsync("env", "-C", PythonFolder, python, "-c", $"from setuptools.build_meta import build_wheel; print(build_wheel('{Output()}'))");
                Assert.True(run.Code == 0, run.Output + run.Error);
                return (python, Path.Combine(Output(), run.Output.Trim().Split('\n')[^1]));
            }
        }

        return ("", "");
    }

    private static string Output() => Directory.CreateDirectory(Path.Combine(Root(), "artifacts/clients")).FullName;
}
