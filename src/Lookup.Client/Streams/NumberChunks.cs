using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Lookup.V1;

namespace Lookup.Client.Streams;

/// <summary>
/// Packs numbers into chunks: as integers if all of a chunk are in E.164, otherwise as texts. Keeps the chunks in flight, so
/// that every number gets a result even after a failure.
/// </summary>
internal sealed class NumberChunks : IAsyncDisposable
{
    // Longer than any notation of a number; a longer text is sent as an empty one, which the service answers as invalid.
    private const int LongestText = 64;

    private readonly ConcurrentQueue<Packed> _inFlight = [];
    private readonly List<string> _collected = [];
    private readonly LookupClientOptions _options;
    private readonly CancellationTokenSource _end;
    private readonly IAsyncEnumerator<string> _source;
    private Task<bool>? _move;
    private bool _ended;

    public NumberChunks(IAsyncEnumerable<string> numbers, LookupClientOptions options, CancellationToken cancellation)
    {
        _options = options;
        _end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        _source = numbers.GetAsyncEnumerator(_end.Token);
    }

    /// <summary>The numbers of a chunk in flight, and the moment it was packed.</summary>
    internal sealed record Packed(string[] Numbers, Moment Given);

    /// <summary>Removes and returns the oldest chunk in flight.</summary>
    public Packed TakeOldest() => _inFlight.TryDequeue(out var packed) ? packed : throw new InvalidOperationException("No chunk is in flight.");

    /// <summary>Yields chunks: full ones, and partial ones when the source is slow.</summary>
    public async IAsyncEnumerable<CheckStreamChunk> PackAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        var sequence = 0UL;
        while (!_ended)
        {
            var move = _move ??= _source.MoveNextAsync().AsTask();
            if (!move.IsCompleted && _collected.Count > 0)
            {
                await Task.WhenAny(move, Task.Delay(_options.StreamLinger, _options.TimeProvider, cancellation));
            }

            if (!move.IsCompleted && _collected.Count > 0)
            {
                cancellation.ThrowIfCancellationRequested();
                yield return Pack(++sequence);
                continue;
            }

            if (await move.WaitAsync(cancellation))
            {
                _collected.Add(_source.Current ?? "");
            }
            else
            {
                _ended = true;
            }

            _move = null;
            if (_collected.Count == _options.StreamChunkSize || (_ended && _collected.Count > 0))
            {
                yield return Pack(++sequence);
            }
        }
    }

    /// <summary>Yields every number without a result: those in flight, those collected, and the rest of the source.</summary>
    public async IAsyncEnumerable<string> UnansweredAsync()
    {
        while (_inFlight.TryDequeue(out var packed))
        {
            foreach (var number in packed.Numbers)
            {
                yield return number;
            }
        }

        foreach (var number in _collected)
        {
            yield return number;
        }

        _collected.Clear();
        while (!_ended && await (_move ?? _source.MoveNextAsync().AsTask()))
        {
            _move = null;
            yield return _source.Current ?? "";
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        if (_move is not null)
        {
            // An enumerator must not be disposed while MoveNext runs.
            await _move.ContinueWith(static move => _ = move.Exception, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }

        await _source.DisposeAsync();
        _end.Dispose();
    }

    private CheckStreamChunk Pack(ulong sequence)
    {
        var chunk = new CheckStreamChunk { Sequence = sequence };
        foreach (var text in _collected)
        {
            if (!E164.TryParse(text, out var number))
            {
                chunk.Numbers.Clear();
                chunk.Texts.AddRange(_collected.Select(static t => t.Length <= LongestText ? t : ""));
                break;
            }

            chunk.Numbers.Add(number);
        }

        _inFlight.Enqueue(new Packed([.. _collected], Moment.Now(_options.TimeProvider)));
        _collected.Clear();
        return chunk;
    }
}
