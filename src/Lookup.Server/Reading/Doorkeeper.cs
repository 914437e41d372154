using System.Numerics;
using Lookup.Core.Numbers;

namespace Lookup.Server.Reading;

/// <summary>
/// Remembers recently checked list numbers, so that a list checked only once neither fills the cache nor pays for it. Each word has
/// four marks of two bytes, the newest first. A number is forgotten once four others share its word, and one in 16,384 is mistaken
/// for another; both only affect what is cached. Safe for concurrent use without synchronisation.
/// </summary>
internal sealed class Doorkeeper
{
    private const ulong EachMark = 0x0001_0001_0001_0001;
    private const ulong HighBits = 0x8000_8000_8000_8000;

    private readonly ulong[] _words;
    private readonly int _mask;

    /// <param name="capacity">Numbers to remember, nearly all of them; 0: none.</param>
    internal Doorkeeper(int capacity)
    {
        _words = new ulong[capacity == 0 ? 1 : (int)BitOperations.RoundUpToPowerOf2((uint)capacity)];
        _mask = _words.Length - 1;
    }

    /// <summary>Remembers a number and returns whether it was already remembered.</summary>
    internal bool MarkSeen(NumberPseudonym key)
    {
        ref var word = ref _words[(int)key.High & _mask];
        var mark = (ushort)(key.Low >> 16);
        // An equal mark becomes zero; this finds the lowest zero reliably.
        var difference = word ^ (mark * EachMark);
        if (((difference - EachMark) & ~difference & HighBits) != 0)
        {
            return true;
        }

        word = (word << 16) | mark;
        return false;
    }
}
