using Lookup.Cli.Lists;

namespace Lookup.Cli.Scrub;

/// <summary>
/// Writes the outputs to a folder. The order of writes makes a run resumable: first the outputs, then, once they are on
/// disk, the checkpoint with their lengths.
/// </summary>
internal sealed class ScrubOutputs : IChunkSink
{
    /// <summary>A checkpoint is written after this many chunks or after the interval, whichever comes first; a kill loses no more.</summary>
    private const int CheckpointChunks = 64;

    private static readonly TimeSpan CheckpointInterval = TimeSpan.FromSeconds(1);

    private readonly ScrubFolder _folder;
    private readonly TimeProvider _clock;
    private readonly bool _isResumable;
    private readonly OutputFile[] _files = new OutputFile[OutputNames.All.Count];
    private readonly long[] _lines = new long[OutputNames.All.Count];
    private long _saved;
    private int _unsaved;
    private bool _isBroken;

    /// <summary>Creates or resumes the outputs.</summary>
    /// <param name="folder">The folder of the outputs.</param>
    /// <param name="renderer">Gives the first bytes of each output.</param>
    /// <param name="state">The progress of earlier runs; a new one to start over.</param>
    /// <param name="isResumable">Whether a later run can resume.</param>
    /// <param name="clock">Measures the time between checkpoints.</param>
    public ScrubOutputs(ScrubFolder folder, ChunkRenderer renderer, ScrubState state, bool isResumable, TimeProvider clock)
    {
        _folder = folder;
        _clock = clock;
        _isResumable = isResumable;
        State = state;
        Tally = Tally.FromCounts(state.Counts);
        try
        {
            // Written before the first output exists, so that files left by a kill are recognised as this scrub's.
            if (isResumable)
            {
                state.Write(folder.CheckpointPath);
            }

            for (var i = 0; i < _files.Length; i++)
            {
                var done = state.Outputs.GetValueOrDefault(OutputNames.All[i]);
                _files[i] = done is null ? OutputFile.Create(folder.PathOf(i)) : OutputFile.Resume(folder.PathOf(i), done);
                _lines[i] = done?.Lines ?? 0;
                if (done is null)
                {
                    _files[i].Write(renderer.Preamble(i));
                }
            }
        }
        catch (Exception exception)
        {
            Dispose();
            if (exception is UnauthorizedAccessException)
            {
                throw new CliException($"Folder '{folder.Path}' is not writable: check its permissions.", inner: exception);
            }

            throw;
        }

        _saved = clock.GetTimestamp();
    }

    public ScrubState State { get; private set; }

    public long Records => State.Records;

    public Tally Tally { get; }

    public void Write(ListChunk chunk)
    {
        // If a write fails halfway, the saved state stays valid, but this object's does not.
        _isBroken = true;
        try
        {
            for (var i = 0; i < _files.Length; i++)
            {
                _files[i].Write(chunk.Outputs[i].WrittenSpan);
            }
        }
        catch (IOException exception)
        {
            throw new CliException(
                $"Cannot write the outputs in '{_folder.Path}': {exception.Message.TrimEnd('.')}. " +
                (_isResumable ? "Free some space and run the same command again to resume." : "Free some space and run the command again with --restart."),
                inner: exception);
        }

        Tally.Add(chunk.Tally);
        _lines[OutputNames.Allowed] += chunk.Tally.CountOf(V1.Verdict.Allow);
        _lines[OutputNames.Denied] += chunk.Tally.CountOf(V1.Verdict.Deny);
        _lines[OutputNames.Unknown] += chunk.Tally.CountOf(V1.Verdict.Unknown) + chunk.Tally.CountOf(V1.Verdict.NotCovered);
        _lines[OutputNames.Invalid] += chunk.Tally.InvalidCount;
        State = State with
        {
            Position = chunk.EndPosition,
            PositionSha256 = Convert.ToHexStringLower(chunk.EndHash),
            Line = chunk.EndLine,
            Records = State.Records + chunk.Count,
            Blank = State.Blank + chunk.Blank,
            Basis = chunk.Common is { } common ? State.Basis.With(common, chunk.Regimes) : State.Basis,
        };
        _isBroken = false;
        _unsaved++;
        if (_unsaved >= CheckpointChunks || _clock.GetElapsedTime(_saved) >= CheckpointInterval)
        {
            Save();
        }
    }

    public void Save()
    {
        if (_isBroken)
        {
            return;
        }

        if (_isResumable && _unsaved > 0)
        {
            foreach (var file in _files)
            {
                file.Flush();
            }

            State = Now();
            State.Write(_folder.CheckpointPath);
        }

        _unsaved = 0;
        _saved = _clock.GetTimestamp();
    }

    /// <summary>Flushes everything to disk; returns the final state.</summary>
    public ScrubState Finish()
    {
        foreach (var file in _files)
        {
            file.Flush();
        }

        return State = Now();
    }

    public void Dispose()
    {
        foreach (var file in _files)
        {
            file?.Dispose();
        }
    }

    private ScrubState Now()
    {
        var outputs = new SortedDictionary<string, OutputState>();
        for (var i = 0; i < _files.Length; i++)
        {
            outputs.Add(OutputNames.All[i], new OutputState
            {
                File = _folder.NameOf(i),
                Bytes = _files[i].Length,
                Lines = _lines[i],
                Sha256 = _files[i].Hash(),
            });
        }

        return State with { Outputs = outputs, Counts = Tally.ToCounts() };
    }
}

/// <summary>Counts the lines, and writes the allowed ones to a stream if there is one.</summary>
internal sealed class CountingSink(Stream? allowed) : IChunkSink
{
    public ScrubState State { get; private set; } = new();

    public long Records => State.Records;

    public Tally Tally { get; } = new();

    public void Write(ListChunk chunk)
    {
        allowed?.Write(chunk.Outputs[OutputNames.Allowed].WrittenSpan);
        Tally.Add(chunk.Tally);
        State = State with
        {
            Line = chunk.EndLine,
            Position = chunk.EndPosition,
            Records = State.Records + chunk.Count,
            Blank = State.Blank + chunk.Blank,
            Basis = chunk.Common is { } common ? State.Basis.With(common, chunk.Regimes) : State.Basis,
        };
    }

    public void Save() => allowed?.Flush();

    public void Dispose()
    {
    }
}
