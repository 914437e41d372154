using Lookup.Cli.Lists;

namespace Lookup.Cli.Scrub;

/// <summary>Where answered chunks go, in order.</summary>
internal interface IChunkSink : IDisposable
{
    /// <summary>What is done so far.</summary>
    public ScrubState State { get; }

    /// <summary>Counts of what is done so far, also by an earlier run.</summary>
    public Tally Tally { get; }

    public void Take(ListChunk chunk);

    /// <summary>Makes what is done durable, so that it can be gone on from there.</summary>
    public void Save();
}

/// <summary>
/// The outputs in a folder. Their order of writing is what makes a run resumable: first the outputs, then, when they are on
/// the disk, the checkpoint with their lengths.
/// </summary>
internal sealed class ScrubOutputs : IChunkSink
{
    /// <summary>A checkpoint is written after so many chunks, or so long, whichever comes first: what a kill may cost.</summary>
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

    /// <param name="folder">Where they are.</param>
    /// <param name="renderer">Knows what each begins with.</param>
    /// <param name="state">What is done; a new one to begin anew.</param>
    /// <param name="isResumable">Whether a later run can go on.</param>
    /// <param name="clock">For the time between checkpoints.</param>
    public ScrubOutputs(ScrubFolder folder, ChunkRenderer renderer, ScrubState state, bool isResumable, TimeProvider clock)
    {
        _folder = folder;
        _clock = clock;
        _isResumable = isResumable;
        State = state;
        Tally = Tally.FromCounts(state.Counts);
        try
        {
            // Before the first output is there, so that what a kill leaves is known to be ours.
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
                throw new CliException($"The folder '{folder.Path}' cannot be written to: check its permissions.", inner: exception);
            }

            throw;
        }

        _saved = clock.GetTimestamp();
    }

    public ScrubState State { get; private set; }

    public Tally Tally { get; }

    public void Take(ListChunk chunk)
    {
        // Should a write fail half way, the state of before is still true, but not what this object holds.
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
                $"The outputs in '{_folder.Path}' cannot be written: {exception.Message.TrimEnd('.')}. " +
                (_isResumable ? "Make room and run the same command again; it goes on from there." : "Make room and run it again with --restart."),
                inner: exception);
        }

        Tally.Add(chunk.Tally);
        _lines[OutputNames.Allowed] += chunk.Tally.Of(V1.Verdict.Allow);
        _lines[OutputNames.Denied] += chunk.Tally.Of(V1.Verdict.Deny);
        _lines[OutputNames.Unknown] += chunk.Tally.Of(V1.Verdict.Unknown) + chunk.Tally.Of(V1.Verdict.NotCovered);
        _lines[OutputNames.Invalid] += chunk.Tally.OfInvalid;
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

    /// <summary>Makes everything durable; the state with what the outputs are.</summary>
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

/// <summary>Counts alone, and where the allowed lines are wanted on standard output those.</summary>
internal sealed class CountingSink(Stream? allowed) : IChunkSink
{
    public ScrubState State { get; private set; } = new();

    public Tally Tally { get; } = new();

    public void Take(ListChunk chunk)
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
