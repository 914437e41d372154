// For: answering "surely no such fact" without asking the store. Most numbers have no facts, so most checks end here.
//
// A split-block Bloom filter: an array of 256-bit blocks, each eight words of 32 bits. A fact chooses one block and
// sets one bit in each of its words, so a probe touches one cache line and is a handful of vector instructions: eight
// products with odd salts, whose top five bits are the bit of each word. The price against a Bloom filter with free
// bits is a somewhat higher rate of false positives, about 0.2 % at 20 bits a fact.
//
// The block depends on the number alone, the bits on number and fact: every probe about a number reads the same block.
// The number's part of the hash is its ciphertext, which is uniform; the fact's id is mixed in.
//
// Bits are only ever set. A reader beside a writer sees an added fact early, late or in part (which reads as absent),
// so whoever needs order publishes it: the replica moves its version only after adding.
//
// Stored as the bytes of its blocks, words little-endian, as in Parquet. Redis counts bits from the top of each byte,
// which Bits below follows.
//
// References: apache/parquet-format, BloomFilter.md; F. Putze, P. Sanders, J. Singler, "Cache-, Hash- and
// Space-Efficient Bloom Filters" (2007); J. Apple, "Split block Bloom filters", arXiv:2101.01719.
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;

namespace Lookup.Core.Filters;

/// <summary>
/// Tells of a fact that it is surely not known, or maybe known. Any number of readers may run beside one writer.
/// </summary>
public sealed class BlockFilter
{
    /// <summary>Bytes of a block.</summary>
    public const int BlockSize = 32;

    /// <summary>Most blocks: 512 MiB, the longest string that redis keeps.</summary>
    public const int MaxBlocks = 1 << 24;

    /// <summary>Bits that a fact sets, one in each word.</summary>
    public const int BitsPerProbe = 8;

    /// <summary>Most facts that can be asked for at once.</summary>
    public const int MaxProbes = 32;

    private const int CacheLine = 64;
    private const int Lanes = 8;
    private const ulong FirstMultiplier = 0xff51afd7ed558ccd;
    private const ulong SecondMultiplier = 0xc4ceb9fe1a85ec53;

    private static readonly uint[] Salts =
        [0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31];

    // Pinned, with the first block at the begin of a cache line.
    private readonly byte[] _memory;
    private readonly int _start;
    private readonly bool _vectors;

    /// <summary>Makes an empty filter.</summary>
    /// <param name="blocks">1 to <see cref="MaxBlocks"/>, see <see cref="BlocksFor"/>.</param>
    public BlockFilter(int blocks)
        : this(blocks, vectors: true)
    {
    }

    /// <summary>The same with a switch for the vector path, where the processor has one.</summary>
    internal BlockFilter(int blocks, bool vectors)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(blocks, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(blocks, MaxBlocks);
        Blocks = blocks;
        _memory = GC.AllocateArray<byte>((blocks * BlockSize) + CacheLine, pinned: true);
        _start = (int)(-Address(_memory) & (CacheLine - 1));
        _vectors = vectors && Avx2.IsSupported;
    }

    /// <summary>Number of blocks.</summary>
    public int Blocks { get; }

    /// <summary>The blocks as they are stored.</summary>
    public ReadOnlySpan<byte> Bytes => _memory.AsSpan(_start, Blocks * BlockSize);

    /// <summary>Part of all bits that are set, 0 to 1. Reads the whole filter. Above 0.5 it should be rebuilt.</summary>
    public double Fill
    {
        get
        {
            long set = 0;
            foreach (var word in MemoryMarshal.Cast<byte, ulong>(Bytes))
            {
                set += BitOperations.PopCount(word);
            }

            return set / (Blocks * (double)(BlockSize * 8));
        }
    }

    /// <summary>Makes a filter from a copy of stored blocks.</summary>
    /// <exception cref="ArgumentException">The length is not that of 1 to <see cref="MaxBlocks"/> blocks.</exception>
    public static BlockFilter FromBytes(ReadOnlyMemory<byte> bytes) => FromBytes(bytes, vectors: true);

    internal static BlockFilter FromBytes(ReadOnlyMemory<byte> bytes, bool vectors)
    {
        if (bytes.IsEmpty || bytes.Length % BlockSize != 0 || bytes.Length / BlockSize > MaxBlocks)
        {
            throw new ArgumentException($"{bytes.Length} bytes are no filter of blocks of {BlockSize}.", nameof(bytes));
        }

        var filter = new BlockFilter(bytes.Length / BlockSize, vectors);
        bytes.Span.CopyTo(filter._memory.AsSpan(filter._start));
        return filter;
    }

    /// <summary>Blocks for a number of facts.</summary>
    /// <param name="facts">Expected facts; 0 counts as 1.</param>
    /// <param name="bitsPerFact">1 to 64; 20 gives about 0.2 % false positives.</param>
    /// <exception cref="ArgumentOutOfRangeException">More than <see cref="MaxBlocks"/>: use more partitions.</exception>
    public static int BlocksFor(long facts, double bitsPerFact = 20)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(facts);
        if (bitsPerFact is not (>= 1 and <= 64))
        {
            throw new ArgumentOutOfRangeException(nameof(bitsPerFact), bitsPerFact, "Bits for each fact: 1 to 64.");
        }

        var blocks = Math.Ceiling(Math.Max(facts, 1) * bitsPerFact / (BlockSize * 8));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(blocks, MaxBlocks, nameof(facts));
        return (int)blocks;
    }

    /// <summary>Whether a fact may be known; false is certain. Allocates nothing.</summary>
    public bool MayContain(NumberPseudonym key, FactId id) => Contains(Hash(key, id));

    /// <summary>Which of several facts about a number may be known: bit n stands for the n-th. Allocates nothing.</summary>
    /// <param name="key">The number.</param>
    /// <param name="ids">Up to 32 facts.</param>
    public uint MayContain(NumberPseudonym key, ReadOnlySpan<FactId> ids)
    {
        Span<ulong> probes = stackalloc ulong[MaxProbes];
        return MayContain(key, probes[..Probes(ids, probes)], ids.Length);
    }

    /// <summary>Prepares facts that are to be asked for about many numbers.</summary>
    /// <param name="ids">Up to <see cref="MaxProbes"/> facts.</param>
    /// <param name="probes">Takes the probes; as long as <paramref name="ids"/>, rounded up to a multiple of 8.</param>
    /// <returns>How many were written, a multiple of 8.</returns>
    public static int Probes(ReadOnlySpan<FactId> ids, Span<ulong> probes)
    {
        var count = (ids.Length + Lanes - 1) & ~(Lanes - 1);
        probes[..count].Clear();
        for (var i = 0; i < ids.Length; i++)
        {
            probes[i] = BitsOf(ids[i]);
        }

        return count;
    }

    /// <summary>As the one with ids, for facts that <see cref="Probes"/> prepared.</summary>
    /// <param name="key">The number.</param>
    /// <param name="probes">A multiple of 8.</param>
    /// <param name="count">How many of them count.</param>
    public uint MayContain(NumberPseudonym key, ReadOnlySpan<ulong> probes, int count)
    {
        var possible = 0u;
        if (_vectors && Vector512.IsHardwareAccelerated && Avx512DQ.IsSupported)
        {
            ref var block = ref Unsafe.As<byte, uint>(ref Block(key.FilterHash));
            for (var i = 0; i < probes.Length; i += Lanes)
            {
                possible |= EightAtOnce(ref block, key, Vector512.Create(probes.Slice(i, Lanes))) << i;
            }
        }
        else
        {
            for (var i = 0; i < count; i++)
            {
                if (Contains(Hash(key, probes[i])))
                {
                    possible |= 1u << i;
                }
            }
        }

        return possible & (uint)((1UL << count) - 1);
    }

    // One word of the block after the other is looked at for eight facts; most are out after the first few.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint EightAtOnce(ref uint block, NumberPseudonym key, Vector512<ulong> probes)
    {
        var x = probes ^ Vector512.Create(key.FilterHash << 24);
        x ^= x >>> 33;
        x *= Vector512.Create(FirstMultiplier);
        x ^= x >>> 33;
        x *= Vector512.Create(SecondMultiplier);
        var hashes = Avx512F.ConvertToVector256UInt32(x >>> 32);
        ref var salts = ref MemoryMarshal.GetArrayDataReference(Salts);
        var set = Vector256<uint>.One;
        for (var word = 0; word < BitsPerProbe; word++)
        {
            var bits = (hashes * Vector256.Create(Unsafe.Add(ref salts, word))) >>> 27;
            set &= Avx2.ShiftRightLogicalVariable(Vector256.Create(Unsafe.Add(ref block, word)), bits);
            if (word == 3 && set == Vector256<uint>.Zero)
            {
                return 0;
            }
        }

        return (set << 31).ExtractMostSignificantBits();
    }

    /// <summary>Brings the block of a number into the cache, so that probes soon after do not wait for memory.</summary>
    public void Prefetch(NumberPseudonym key)
    {
        if (Sse.IsSupported)
        {
            PrefetchBlock(ref Block(key.FilterHash));
        }
    }

    private static unsafe void PrefetchBlock(ref byte block) => Sse.Prefetch0(Unsafe.AsPointer(ref block));

    /// <summary>Makes a fact known. One writer at a time.</summary>
    public void Add(NumberPseudonym key, FactId id) => Insert(Hash(key, id));

    /// <summary>The bits of a fact, for a writer that sets them in redis.</summary>
    /// <param name="key">The number.</param>
    /// <param name="id">The fact.</param>
    /// <param name="blocks">Blocks of the filter, 1 to <see cref="MaxBlocks"/>.</param>
    /// <param name="blockIndex">The block, from 0.</param>
    /// <param name="offsets">
    /// <see cref="BitsPerProbe"/> bits within the block, 0 to 255, as redis counts: SETBIT at 256 * block + offset.
    /// </param>
    public static void Bits(NumberPseudonym key, FactId id, int blocks, out int blockIndex, Span<byte> offsets)
    {
        var hash = Hash(key, id);
        blockIndex = BlockOf(hash, blocks);
        for (var word = 0; word < BitsPerProbe; word++)
        {
            var bit = BitOf(hash, word);
            offsets[word] = (byte)((word * 32) + (bit & ~7) + (7 - (bit & 7)));
        }
    }

    /// <summary>High half: the number, chooses the block. Low half: number and fact, choose the bits.</summary>
    internal static ulong Hash(NumberPseudonym key, FactId id) => Hash(key, BitsOf(id));

    private static ulong BitsOf(FactId id) => ((ulong)id.Kind << 60) | ((ulong)id.Detail << 56) | id.Scope;

    private static ulong Hash(NumberPseudonym key, ulong id)
    {
        var x = id ^ (key.FilterHash << 24);
        // The finaliser of MurmurHash3: each bit of the id and of the number moves each bit of the result.
        x ^= x >> 33;
        x *= FirstMultiplier;
        x ^= x >> 33;
        x *= SecondMultiplier;
        return (key.FilterHash & 0xFFFF_FFFF_0000_0000) | (x >> 32);
    }

    internal bool Contains(ulong hash)
    {
        ref var block = ref Block(hash);
        if (_vectors)
        {
            return Avx.TestC(Vector256.LoadUnsafe(ref block).AsUInt32(), Mask(hash));
        }

        for (var word = 0; word < BitsPerProbe; word++)
        {
            var bit = BitOf(hash, word);
            if ((Unsafe.Add(ref block, (word * 4) + (bit >> 3)) & (1 << (bit & 7))) == 0)
            {
                return false;
            }
        }

        return true;
    }

    internal void Insert(ulong hash)
    {
        ref var block = ref Block(hash);
        if (_vectors)
        {
            (Vector256.LoadUnsafe(ref block).AsUInt32() | Mask(hash)).AsByte().StoreUnsafe(ref block);
            return;
        }

        for (var word = 0; word < BitsPerProbe; word++)
        {
            var bit = BitOf(hash, word);
            Unsafe.Add(ref block, (word * 4) + (bit >> 3)) |= (byte)(1 << (bit & 7));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ref byte Block(ulong hash) =>
        ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_memory), _start + (BlockOf(hash, Blocks) * BlockSize));

    private static int BlockOf(ulong hash, int blocks) => (int)(((hash >> 32) * (uint)blocks) >> 32);

    private static int BitOf(ulong hash, int word) => (int)(((uint)hash * Salts[word]) >> 27);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Mask(ulong hash)
    {
        var products = Vector256.Create((uint)hash) * Vector256.LoadUnsafe(ref MemoryMarshal.GetArrayDataReference(Salts));
        return Avx2.ShiftLeftLogicalVariable(Vector256<uint>.One, products >>> 27);
    }

    private static unsafe nint Address(byte[] pinned) => (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(pinned));
}
