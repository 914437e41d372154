using System.Numerics;
using Lookup.Core.Numbers;

namespace Lookup.Server.Reading;

/// <summary>
/// Remembers which numbers of lists were asked lately, so that a list that is asked once neither fills the cache nor pays for
/// it: four marks of two bytes in each word, the newest in front. It forgets a number when four others have come to its word,
/// and takes one in 16,384 for another; both only decide what is worth keeping. Any number of threads may use it without more
/// care than that.
/// </summary>
internal sealed class Doorkeeper
{
    private const ulong EachMark = 0x0001_0001_0001_0001;
    private const ulong HighBits = 0x8000_8000_8000_8000;

    private readonly ulong[] _words;
    private readonly int _mask;

    /// <param name="capacity">Numbers that it remembers at least, nearly all of them; 0: none.</param>
    internal Doorkeeper(int capacity)
    {
        _words = new ulong[capacity == 0 ? 1 : (int)BitOperations.RoundUpToPowerOf2((uint)capacity)];
        _mask = _words.Length - 1;
    }

    /// <summary>Takes note of a number, and tells whether it had been asked before.</summary>
    internal bool Note(NumberPseudonym key)
    {
        ref var word = ref _words[(int)key.High & _mask];
        var mark = (ushort)(key.Low >> 16);
        // A mark that is the same leaves a zero; the lowest zero is found for sure.
        var difference = word ^ (mark * EachMark);
        if (((difference - EachMark) & ~difference & HighBits) != 0)
        {
            return true;
        }

        word = (word << 16) | mark;
        return false;
    }
}
