using static Lookup.Testing.Clients.Programs;

namespace Lookup.EndToEndTests.Clients;

/// <summary>The folder protos/ is enough to generate code in the languages of protos/README.md.</summary>
public sealed class GeneratedCodeTests : IDisposable
{
    private readonly TempFolder _temp = new();

    public void Dispose() => _temp.Dispose();

    [Theory]
    [InlineData("java", "lookup/v1/CheckRequest.java", "package lookup.v1;")]
    [InlineData("php", "Lookup/V1/CheckRequest.php", "namespace Lookup\\V1;")]
    [InlineData("ruby", "lookup/v1/lookup_service_pb.rb", "module Lookup")]
    [InlineData("cpp", "lookup/v1/lookup_service.pb.h", "namespace lookup")]
    public async Task Protoc_FromTheFolderAlone_GeneratesTheNamesOfTheReadme(string language, string file, string content)
    {
        Require("protoc");
        RequireFile("/usr/include/google/protobuf/timestamp.proto", "libprotobuf-dev is not installed.");
        var protos = Path.Combine(Root(), "protos");
        var files = new[] { "lookup/v1", "google/api", "google/rpc" }
            .SelectMany(folder => Directory.GetFiles(Path.Combine(protos, folder), "*.proto")).Select(path => Path.GetRelativePath(protos, path));

        var run = await RunAsync("protoc", [$"-I{protos}", $"--{language}_out={_temp.Path}", .. files]);

        Assert.True(run.Code == 0, run.Error);
        Assert.Contains(content, await File.ReadAllTextAsync(Path.Combine(_temp.Path, file), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Contract_EveryFile_NamesItsPackageInGo()
    {
        foreach (var file in Directory.GetFiles(Path.Combine(Root(), "protos/lookup/v1"), "*.proto"))
        {
            var text = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
            Assert.Contains("option go_package = \"lookup/v1;lookupv1\";", text, StringComparison.Ordinal);
        }
    }
}
