using Lookup.StoreWriter;

namespace Lookup.StoreTests;

/// <summary>The embedded store over many ends of its process: well, by kill -9 under writes, and by kill -9 while it opens.</summary>
public sealed class EmbeddedSessionTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lookup-sessions-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(7)]
    [InlineData(8)]
    public async Task Sessions_KilledAndStopped_HaveEveryAcknowledgedFact(int seed)
    {
        var settings = new SessionSettings(Path.Combine(_folder, "data"), seed, Sessions: 8, Facts: 40_000, BatchSize: 500, Writers: 3);
        var run = new SessionRun(settings, line => TestContext.Current.TestOutputHelper?.WriteLine(line));
        await run.RunAsync(TestContext.Current.CancellationToken);
        Assert.Empty(run.Faults);
        Assert.True(run.Killed > 0);
        Assert.True(run.Acknowledged > 0);
        Assert.True(run.Compared >= settings.Facts);
    }
}
