namespace Lookup.Cli.Lists;

/// <summary>Receives answered chunks, in order.</summary>
internal interface IChunkSink : IDisposable
{
    /// <summary>Lines received so far, including those of earlier runs.</summary>
    public long Records { get; }

    public void Write(ListChunk chunk);

    /// <summary>Makes the progress durable, so that a run can resume from it.</summary>
    public void Save();
}
