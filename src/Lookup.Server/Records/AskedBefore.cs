using System.Numerics;
using Lookup.Core.Numbers;

namespace Lookup.Server.Records;

/// <summary>
/// Remembers which numbers of lists were asked lately, two bytes each, so that a list that is asked once neither fills the
/// cache nor pays for it. It forgets a number when another one takes its place, and takes one in 65,536 for another; both
/// only decide what is worth keeping. Any number of threads may use it without more care than that.
/// </summary>
internal sealed class AskedBefore
{
    private readonly ushort[] _marks;
    private readonly int _mask;

    /// <param name="capacity">Numbers that can be told apart from each other, about; 0: none.</param>
    internal AskedBefore(int capacity)
    {
        _marks = new ushort[capacity == 0 ? 1 : (int)BitOperations.RoundUpToPowerOf2((uint)capacity * 2)];
        _mask = _marks.Length - 1;
    }

    /// <summary>Takes note of a number, and tells whether it had been asked before.</summary>
    internal bool Note(NumberKey key)
    {
        ref var mark = ref _marks[(int)key.High & _mask];
        var own = (ushort)(key.Low >> 16);
        var known = mark == own;
        mark = own;
        return known;
    }
}
