namespace Lookup.Load.Processes;

/// <summary>A folder that goes at the end.</summary>
internal sealed class TempFolder : IDisposable
{
    internal string Path { get; } = Directory.CreateTempSubdirectory("lookup-chaos-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
