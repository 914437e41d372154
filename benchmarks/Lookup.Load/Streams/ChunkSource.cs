using Lookup.Load.Numbers;
using Lookup.V1;

namespace Lookup.Load.Streams;

/// <summary>The chunks of one stream, built once. A message is used again when the call has taken it, with a new sequence.</summary>
internal sealed class ChunkSource
{
    private readonly CheckStreamRequest[] _requests;
    private readonly bool _repeat;
    private int _next;

    private ChunkSource(CheckStreamRequest[] requests, bool repeat)
    {
        _requests = requests;
        _repeat = repeat;
    }

    /// <summary>Deals a range of a block out to streams, in whole chunks.</summary>
    /// <param name="block">The numbers.</param>
    /// <param name="first">Place of the first.</param>
    /// <param name="count">How many; what does not fill a chunk of a stream is left out.</param>
    /// <param name="size">Numbers in a chunk.</param>
    /// <param name="streams">How many streams.</param>
    /// <param name="repeat">Begin again after the last; else each number is asked once.</param>
    internal static ChunkSource[] Deal(NumberBlock block, long first, long count, int size, int streams, bool repeat)
    {
        var each = (int)(count / size / streams);
        if (each == 0)
        {
            throw new ArgumentException($"{count} numbers do not fill a chunk of {size} for each of {streams} streams.");
        }

        return [.. Enumerable.Range(0, streams).Select(s => new ChunkSource(
            [.. Enumerable.Range(0, each).Select(c => Chunk(block, first + (((long)c * streams) + s) * size, size))], repeat))];
    }

    internal CheckStreamRequest? Next(ulong sequence)
    {
        if (_next == _requests.Length)
        {
            if (!_repeat)
            {
                return null;
            }

            _next = 0;
        }

        var request = _requests[_next++];
        request.Chunk.Sequence = sequence;
        return request;
    }

    private static CheckStreamRequest Chunk(NumberBlock block, long first, int size)
    {
        var chunk = new CheckStreamChunk();
        chunk.Numbers.Capacity = size;
        for (var i = 0; i < size; i++)
        {
            chunk.Numbers.Add(block[first + i]);
        }

        return new CheckStreamRequest { Chunk = chunk };
    }
}
